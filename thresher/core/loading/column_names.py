"""Usual names of columns, in lower case, by which roles are told."""

from __future__ import annotations

# The surest first.
LABEL_NAMES = (
    *("label", "labels", "label_name", "class", "class_name", "target", "y", "category"),
    *("intent", "coarse_label", "fine_label", "sentiment", "topic", "species"),
)
TEXT_NAMES = frozenset(
    {"text", "texts", "sentence", "content", "document", "review", "body", "utterance", "question"}
)
SPLIT_COLUMNS = ("split", "subset", "partition", "set", "fold")
ID_NAMES = ("row_id", "id", "uid", "uuid", "guid", "key")
INDEX_NAMES = frozenset(
    (*ID_NAMES, "index", "idx", "orig_index", "unnamed: 0", "__index_level_0__")
)
# Of files of images, as tables beside them name them.
FILE_NAMES = (
    *("file_name", "filename", "file", "image", "image_path", "image_name", "image_id", "img"),
    *("path", "filepath", "file_path", "name", "id"),
)

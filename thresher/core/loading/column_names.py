"""Usual names of columns, by which roles are told, as `plain_name` writes them."""

from __future__ import annotations

import re

# The surest first.
LABEL_NAMES = (
    *("label", "labels", "label_name", "class", "class_name", "target", "y", "category"),
    *("intent", "coarse_label", "fine_label", "sentiment", "topic", "species"),
)
# Last words of names that are labels where nothing is called one: airline_sentiment.
LABEL_WORDS = frozenset({"label", "labels", "class", "classes", "sentiment", "target", "category"})
# Results that people predict, in tables of anything.
OUTCOME_NAMES = (
    *("outcome", "survived", "diagnosis", "churn", "churned", "exited", "income", "fraud", "spam"),
    *("is_fraud", "is_spam", "toxic", "emotion", "polarity", "stars", "rating", "grade"),
)
TEXT_NAMES = frozenset(
    {"text", "texts", "sentence", "content", "document", "review", "body", "utterance", "question"}
    | {"message", "comment", "tweet", "abstract", "article", "passage", "caption", "transcript"}
)
# Part of what a row says wherever there is a text beside them, however short they are.
BESIDE_TEXT = frozenset(
    {"title", "subject", "headline", "heading", "summary", "description", "question", "answer"}
    | {"instruction", "input", "output", "system", "prompt", "completion", "response", "context"}
    | {"chosen", "rejected", "premise", "hypothesis", "query", "name", "product", "product_name"}
    | {"product_title", "product_description", "sentence1", "sentence2", "selftext", "reason"}
)
# Names of people, places and things, and where they are found: they tell rows apart and are no
# prose, whatever their length.
NAME_WORDS = frozenset(
    {"name", "names", "firstname", "lastname", "surname", "fullname", "username", "user", "author"}
    | {"authors", "address", "street", "city", "town", "country", "state", "region", "location"}
    | {"place", "email", "mail", "phone", "url", "link", "ticket", "cabin", "reviewer", "customer"}
    | {"employee", "director", "actors", "cast", "company", "brand", "publisher", "handle"}
)
PEOPLE = frozenset(
    {"user", "username", "author", "authors", "reviewer", "customer", "employee", "email", "mail"}
    | {"phone", "url", "link", "handle", "address", "firstname", "lastname", "surname", "fullname"}
)
CHAT_NAMES = frozenset(
    {"messages", "conversations", "conversation", "dialog", "dialogue", "turns", "chat"}
    | {"prompt", "completion", "chosen", "rejected", "history"}
)
SPLIT_COLUMNS = ("split", "subset", "partition", "set", "fold")
ID_NAMES = ("row_id", "id", "uid", "uuid", "guid", "key")
INDEX_NAMES = frozenset(
    (*ID_NAMES, "index", "idx", "orig_index", "unnamed:_0", "__index_level_0__", "sno", "s.no", "#")
)
# Running numbers, where the entries count up; as `plain_name` writes them, without points.
COUNTER_NAMES = frozenset(
    {"nr", "no", "num", "number", "nummer", "lfd_nr", "lfdnr", "laufnummer", "numero", "número"}
    | {"numéro", "n°", "№", "row", "zeile", "count"}
)
# Of files of images, as tables beside them name them.
FILE_NAMES = (
    *("file_name", "filename", "file", "image", "image_path", "image_name", "image_id", "img"),
    *("path", "filepath", "file_path", "name", "id"),
)
_ID = re.compile(
    r"(?:^|[^A-Za-z0-9])(?:[Ii][Dd]|[UuGg][Uu]?[Ii][Dd]|KEY|[Kk]ey)$|[a-z0-9](?:Id|ID)$"
)


def plain_name(name: str) -> str:
    """Return a name in lower case, with underscores for white space and hyphens."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def name_words(name: str) -> list[str]:
    """Return the words of a name, also where only capitals tell them apart, in lower case."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word]


def names_a_key(name: str) -> bool:
    """Tell whether a column is named like a key: ``id``, ``PassengerId``, ``user_id``."""
    return plain_name(name) in ID_NAMES or bool(_ID.search(name.strip()))

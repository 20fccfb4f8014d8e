"""Files that many have and that are not read here: what to do with each kind."""

from __future__ import annotations

from pathlib import Path

from ..images import IMAGE_SUFFIXES

WORKBOOKS = frozenset({".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"})
ARCHIVES = frozenset({".zip", ".7z", ".rar"})
DOCUMENTS = frozenset({".pdf", ".doc", ".docx", ".odt", ".rtf"})
IN_MEMORY = frozenset({".npy", ".npz", ".pkl", ".pickle", ".feather", ".arrow", ".orc", ".h5"})
DATABASES = frozenset({".db", ".sqlite", ".sqlite3", ".mdb", ".dta", ".sav", ".sas7bdat", ".rds"})
PHOTOS = frozenset({".heic", ".heif", ".avif"})
SAVE_AS_CSV = "Save the sheet as CSV UTF-8."


def what_to_do(path: Path) -> str:
    """Return what to do with a file that cannot be read, by its suffix; empty for unknown ones."""
    kind = path.suffix.lower()
    if kind in IMAGE_SUFFIXES | PHOTOS:
        return "Images are loaded by folder: name the folder that holds one folder for each class."
    if kind in WORKBOOKS:
        return f"Workbooks are not read. {SAVE_AS_CSV}"
    if kind in ARCHIVES:
        return "Unpack it, and name the folder."
    if kind in DOCUMENTS:
        return "Save its text as .txt, or its table as CSV."
    if kind in IN_MEMORY:
        return "Open it in Python and hand over the table or the arrays, or save it as Parquet."
    return "Export the table as CSV or Parquet." if kind in DATABASES else ""

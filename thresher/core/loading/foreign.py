"""Files that many have and that are not read here: what each is, and how to get there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..images import IMAGE_SUFFIXES

PHOTOS = frozenset({".heic", ".heif", ".avif"})
SAVE_AS_CSV = "Save the sheet as CSV UTF-8."
_OWN = "A pickle runs what is in it: open only one of your own."


@dataclass(frozen=True)
class Foreign:
    """A kind of file that is not read.

    ``reader`` is a line of Python that makes a pandas frame of ``{file}``; ``advice`` stands
    before it, or alone.
    """

    suffixes: tuple[str, ...]
    what: str
    advice: str = ""
    reader: str = ""

    def said(self, path: Path) -> str:
        """Return what the file is, and what to do."""
        line = ""
        if self.reader:
            call = self.reader.format(file=repr(path.name))
            line = f"In Python: {call}.to_parquet({path.stem + '.parquet'!r})"
        return " ".join(filter(None, (f"It is {self.what}.", self.advice, line)))


_EXCEL = f"Workbooks are not read. {SAVE_AS_CSV}"
KINDS = (
    Foreign((".xlsx", ".xlsm"), "an Excel workbook", _EXCEL, "pandas.read_excel({file})"),
    Foreign((".xls",), "an old Excel workbook", _EXCEL, "pandas.read_excel({file})"),
    Foreign((".xlsb",), "a binary Excel workbook", _EXCEL, "pandas.read_excel({file})"),
    Foreign((".ods",), "an OpenDocument spreadsheet", _EXCEL, "pandas.read_excel({file})"),
    Foreign((".numbers",), "a Numbers spreadsheet", _EXCEL),
    Foreign((".pkl", ".pickle"), "a pickle", _OWN, "pandas.read_pickle({file})"),
    Foreign((".joblib",), "a joblib file", _OWN, "pandas.DataFrame(joblib.load({file}))"),
    Foreign((".feather",), "a Feather file", reader="pandas.read_feather({file})"),
    Foreign((".arrow", ".ipc"), "an Arrow file", reader="pandas.read_feather({file})"),
    Foreign((".orc",), "an ORC file", reader="pandas.read_orc({file})"),
    Foreign(
        (".avro",), "an Avro file", reader="pandas.DataFrame(fastavro.reader(open({file}, 'rb')))"
    ),
    Foreign(
        (".h5", ".hdf5", ".hdf"),
        "an HDF5 file",
        "Name the table in it where it holds several, and hand over arrays as arrays.",
        "pandas.read_hdf({file})",
    ),
    Foreign(
        (".npy", ".npz"),
        "a NumPy file",
        "Hand over the arrays in Python, to `curate` or `Curator`.",
    ),
    Foreign((".mat",), "a MATLAB file", "scipy.io.loadmat gives its arrays; hand those over."),
    Foreign(
        (".pt", ".pth", ".safetensors"), "a file of tensors", "Hand over the arrays in Python."
    ),
    Foreign((".dta",), "a Stata file", reader="pandas.read_stata({file})"),
    Foreign((".sav",), "an SPSS file", reader="pandas.read_spss({file})"),
    Foreign((".sas7bdat", ".xpt"), "a SAS file", reader="pandas.read_sas({file})"),
    Foreign((".rds", ".rdata"), "a file of R", "Export the table as CSV: write.csv in R."),
    Foreign(
        (".db", ".sqlite", ".sqlite3"),
        "a database",
        "Export the table as CSV or Parquet.",
        "pandas.read_sql('select * from TABLE', sqlite3.connect({file}))",
    ),
    Foreign((".mdb", ".accdb"), "an Access database", "Export the table as CSV or Parquet."),
    Foreign((".zip", ".7z", ".rar"), "an archive", "Unpack it, and name the folder."),
    Foreign((".pdf",), "a PDF", "Save its text as .txt, or its table as CSV."),
    Foreign(
        (".doc", ".docx", ".odt", ".rtf"),
        "a document",
        "Save its text as .txt, or its table as CSV.",
    ),
)
LOOKED_AT = 2**12
_BY_SUFFIX = {suffix: kind for kind in KINDS for suffix in kind.suffixes}
# How files begin, whatever they are called. Workbooks and documents of today are zip files.
STARTS = (
    (b"PK\x03\x04", "a zip file, such as a workbook, or one that was renamed", _EXCEL),
    (b"\xd0\xcf\x11\xe0", "an old Office file, such as a workbook", _EXCEL),
    (b"%PDF", "a PDF", "Save its text as .txt, or its table as CSV."),
    (b"SQLite format 3", "a database", "Export the table as CSV or Parquet."),
    (b"\x89HDF", "an HDF5 file", "Hand over its tables or arrays in Python."),
    (b"PAR1", "a Parquet file", "Give it the ending .parquet."),
    (b"ARROW1", "an Arrow or Feather file", "Give it the ending .arrow to see what to do."),
)


def what_to_do(path: Path) -> str:
    """Return what a file is that cannot be read, and what to do; empty for unknown ones."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES | PHOTOS:
        return "Images are loaded by folder: name the folder that holds one folder for each class."
    kind = _BY_SUFFIX.get(suffix)
    if kind is not None or not path.is_file():
        return "" if kind is None else kind.said(path)
    with open(path, "rb") as file:
        return by_start(file.read(LOOKED_AT))


def by_start(start: bytes) -> str:
    """Return the same by the first kilobytes of a file, whatever it is called; empty for text."""
    if b"\0" not in start and not start.startswith(b"%PDF"):
        return ""
    return next((f"It is {what}. {do}" for mark, what, do in STARTS if start.startswith(mark)), "")

"""What every search over a user's data takes, each option declared once."""

from __future__ import annotations

import os
from typing import Annotated

from ...core.options import Option
from ..read_options import ColumnOptions
from ..settings import meaning


class FindingOptions(ColumnOptions, total=False):
    """How the data are read, and what is written of that which was found."""

    out: Annotated[
        str | os.PathLike[str] | None,
        Option(None, "The findings go to this .html, .parquet, .csv or .jsonl file."),
    ]
    manifest: Annotated[
        str | os.PathLike[str] | None, Option(None, "The decisions go to this folder.")
    ]
    clean: Annotated[
        str | os.PathLike[str] | None, Option(None, "The data without the rows to drop go here.")
    ]
    format: Annotated[
        str | None,
        Option(
            None,
            "Of clean data, where no suffix says it: directory, imagefolder or webdataset.",
        ),
    ]
    random_state: Annotated[int, Option(0, meaning("seed"))]

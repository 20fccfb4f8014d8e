"""How files are read, each option declared once: kind, default, meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypedDict

from ..options import Option


class FileOptions(TypedDict, total=False):
    """What files of delimited text look like, and what may be unpacked."""

    delimiter: Annotated[
        str | None,
        Option(
            None,
            "What stands between the columns of files of delimited text, one character or "
            '``"tab"``; found out when left out.',
        ),
    ]
    header: Annotated[
        bool | None,
        Option(
            None,
            "Whether the first line of such files names the columns; found out when left out. "
            "Columns without a name are called ``column_1``, ``column_2``, … by their place.",
        ),
    ]
    encoding: Annotated[
        str | None,
        Option(
            None,
            'Of files of text, such as ``"gb18030"``; found out when left out, and asked for where '
            "that is not certain.",
        ),
    ]
    max_unpacked: Annotated[
        float | None,
        Option(
            None,
            "GiB to which a packed file may unpack; by default 200 times its size, and 256 MiB "
            "always.",
        ),
    ]
    na: Annotated[
        Sequence[str],
        Option(
            (),
            'Entries of text columns that stand for a missing value, such as ``"?"``, beside empty '
            "ones.",
        ),
    ]

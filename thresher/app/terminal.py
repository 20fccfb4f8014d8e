"""What is printed on a terminal: results, with nothing in them that a terminal would obey.

File names, labels, texts and row ids come from data. Their control characters could clear the
screen, forge lines or write to the clipboard, and marks of the writing direction could show a name
backwards; both are shown as Python would write them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# C0 without tab and line end, C1; marks of direction; line separators; lone surrogates.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_WIDTH_OF_FILES = 10_000  # lines that a pipe takes are not broken; no table is as wide


def visible(text: str) -> str:
    """Return `text` with what a terminal would obey shown as an escape sequence."""
    return _OBEYED.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def write_line(text: object, *, error: bool = False) -> None:
    """Print a line to stdout, or to stderr with `error`; JSON in ASCII stays as it is."""
    print(visible(str(text)), file=sys.stderr if error else sys.stdout, flush=error)


class Terminal(Console):
    """A console of rich that shows what a terminal would obey."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a text of rich; what is shown in place of a character counts in its width."""
        return super().render_str(visible(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does; codes of rich itself stay as they are."""
        for part in super().render(renderable, options):
            yield part if part.control else Segment(visible(part.text), part.style)


def result_console() -> Terminal:
    """Return the console for results: as wide as the terminal, in a file as each table needs.

    The variable ``COLUMNS`` says another width.
    """
    console = Terminal()
    if console.is_terminal or "COLUMNS" in os.environ:
        return console
    return Terminal(width=_WIDTH_OF_FILES)

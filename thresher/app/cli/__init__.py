"""The ``thresher`` command: one to one with the Python functions, for people and for machines."""

from __future__ import annotations

import io
import sys
import warnings
from typing import TextIO

from ...core.errors import ThresherError, ThresherWarning
from ..terminal import write_line


def main() -> None:
    """Run the command line; a user's mistake gives a sentence and an exit code, no traceback."""
    from .commands import app

    # A name that the terminal's encoding does not have is shown escaped, and ends nothing.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _show_warning
    try:
        app()
    except ThresherError as error:
        _leave(str(error), error.exit_code)
    except KeyboardInterrupt:
        _leave("Interrupted. The same command goes on where this one stopped.", 130)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        text = error.strerror or str(error)
        _leave(f"{text}{where}. Once that is mended, the same command goes on.", 1)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show our own warnings as a sentence; those of others with their place, as Python does."""
    if issubclass(category, ThresherWarning):
        write_line(f"Warning: {message}", error=True)
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        (file or sys.stderr).write(text)


def _leave(text: str, code: int) -> None:
    write_line(f"Error: {text}", error=True)
    sys.exit(code)

"""The ``thresher`` command: one to one with the Python functions, for people and for machines."""

from __future__ import annotations

import sys

from ...core.errors import ThresherError


def main() -> None:
    """Run the command line; a user's mistake gives a sentence and an exit code, no traceback."""
    from .commands import app

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


def _leave(text: str, code: int) -> None:
    print(f"Error: {text}", file=sys.stderr)
    sys.exit(code)

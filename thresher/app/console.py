"""How progress is shown: bars on a terminal, plain lines elsewhere; results go to stdout alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..core.progress import reporting
from .terminal import Terminal, write_line


class Bars:
    """Progress bars of rich on a terminal; a bar disappears when its task ends."""

    def __init__(self, console: Terminal) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    def start(self, description: str, total: int | None) -> int:
        """Show a new bar."""
        return int(self.progress.add_task(description, total=total))

    def advance(self, task: int, steps: int) -> None:
        """Move a bar."""
        self.progress.advance(task, steps)  # type: ignore[arg-type]

    def stop(self, task: int) -> None:
        """Remove a bar."""
        self.progress.remove_task(task)  # type: ignore[arg-type]

    def message(self, text: str) -> None:
        """Print a line above the bars."""
        self.progress.console.print(text, markup=False, highlight=False)


class Lines:
    """Plain lines for logs; a long task is mentioned every `every_s` seconds."""

    def __init__(self, *, every_s: float = 15.0) -> None:
        self.every_s = every_s
        self.tasks: dict[int, tuple[str, int | None, int, float]] = {}

    def start(self, description: str, total: int | None) -> int:
        """Remember a task."""
        task = len(self.tasks)
        self.tasks[task] = (description, total, 0, time.monotonic())
        return task

    def advance(self, task: int, steps: int) -> None:
        """Count, and print a line when enough time went by."""
        description, total, done, shown = self.tasks[task]
        done += steps
        now = time.monotonic()
        if now - shown >= self.every_s:
            self.message(f"{description}: {done}{f' of {total}' if total else ''}")
            shown = now
        self.tasks[task] = (description, total, done, shown)

    def stop(self, task: int) -> None:
        """Nothing to remove: lines stay."""

    def message(self, text: str) -> None:
        """Print a line to stderr at once."""
        write_line(text, error=True)


@contextmanager
def shown_progress() -> Iterator[None]:
    """Show progress within the block in the way that suits stderr."""
    console = Terminal(stderr=True)
    if not console.is_terminal:
        with reporting(Lines()):
            yield
        return
    bars = Bars(console)
    with bars.progress, reporting(bars):
        yield

"""Progress of long work. The library reports; whoever runs it decides what is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Reporter(Protocol):
    """Where progress goes: a terminal, plain lines, or nowhere."""

    def start(self, description: str, total: int | None) -> int:
        """Begin a task of `total` steps and return its key."""

    def advance(self, task: int, steps: int) -> None:
        """Count `steps` further steps of a task as done."""

    def stop(self, task: int) -> None:
        """End a task, finished or not."""

    def message(self, text: str) -> None:
        """Show one line of text."""


class Silent:
    """The default reporter: a library says nothing unless it is asked to."""

    def start(self, description: str, total: int | None) -> int:  # noqa: ARG002
        """Ignore the task."""
        return 0

    def advance(self, task: int, steps: int) -> None:
        """Ignore the steps."""

    def stop(self, task: int) -> None:
        """Ignore the end."""

    def message(self, text: str) -> None:
        """Ignore the text."""


_SILENT: Reporter = Silent()
_reporter: ContextVar[Reporter] = ContextVar("thresher_reporter", default=_SILENT)
_subject: ContextVar[str] = ContextVar("thresher_subject", default="")


@contextmanager
def reporting(reporter: Reporter) -> Iterator[None]:
    """Send all progress within the block to `reporter`."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


@contextmanager
def about(subject: str) -> Iterator[None]:
    """Say in lines of the work within the block what it is: a run trains many models in turn."""
    token = _subject.set(subject)
    try:
        yield
    finally:
        _subject.reset(token)


def message_about(text: str) -> None:
    """Show one line, with what the work is about before it where that is known."""
    subject = _subject.get()
    message(f"{subject}: {text}" if subject else text)


def message(text: str) -> None:
    """Show one line to whoever is watching."""
    _reporter.get().message(text)


def messages(texts: Iterable[str]) -> None:
    """Show several lines to whoever is watching."""
    for text in texts:
        message(text)


def track(items: Iterable[Item], *, description: str, total: int | None = None) -> Iterator[Item]:
    """Iterate over `items` and report each one as a step done."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    reporter = _reporter.get()
    task = reporter.start(description, total)
    try:
        for item in items:
            yield item
            reporter.advance(task, 1)
    finally:
        reporter.stop(task)

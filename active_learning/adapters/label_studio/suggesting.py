"""What the session's newest model says about tasks that Label Studio asks for.

Nothing here waits for training: a look at what others wrote starts it in the background, and until
it is done the model before answers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from thresher.core.errors import InputError

from ...sessions.session import Session
from ..sheet_ids import SheetIds
from .config import Control, find_control
from .connection import row_of
from .tasks import MODEL, SUGGESTED, prediction

Suggestions = list[dict[str, Any]]


class Suggester:
    """Suggestions for tasks of a session's rows.

    Parameters
    ----------
    session : Session
        Opened with ``background=True``.

    Raises
    ------
    InputError
        When the task's model has nothing to suggest, or the session trains in the foreground.
    """

    def __init__(self, session: Session) -> None:
        if session.task.name not in SUGGESTED:
            raise InputError(
                f"The built-in model for {session.task.name} says which classes a row holds, and "
                "not where: there is nothing to suggest."
            )
        if not session.engine.background:
            raise InputError("Open the session with `background=True`: nobody waits for a model.")
        self._session, self._engine = session, session.engine
        self._find = SheetIds(session.state).find
        self._lock = threading.Lock()
        self._trained_on = session.state.answers_seen

    @property
    def version(self) -> str:
        """The newest model, by how many answers it knows; 0 before there is one."""
        models = self._engine.newest()
        return f"{MODEL}-{models.snapshot.answers_seen if models else 0}"

    def look(self) -> None:
        """Take in what other processes wrote; what is new is learned in the background."""
        with self._lock:
            seen = self._engine.refresh().answers_seen
            if seen > self._trained_on:
                self._trained_on = seen
                self._engine.train()

    def control_of(self, config: str) -> Control:
        """Return the control of a project for which suggestions are made; see `find_control`."""
        return find_control(config, self._session.task)

    def suggest(self, tasks: Sequence[Mapping[str, Any]], *, control: Control) -> list[Suggestions]:
        """Return one suggestion or none for each task.

        Rows that measure the model have none, nor have rows of others.
        """
        self.look()
        models = self._engine.newest()
        if models is None or models.best is None:
            return [[] for _ in tasks]
        version, outputs = f"{MODEL}-{models.snapshot.answers_seen}", models.best.outputs
        return [self._suggestion(task, control, outputs, version) for task in tasks]

    def _suggestion(
        self, task: Mapping[str, Any], control: Control, outputs: Any, version: str
    ) -> Suggestions:
        state, kind = self._session.state, self._session.task
        row = row_of(self._find, task)
        if row is None or (position := state.position(row)) in state.drawn:
            return []
        text, confidence = kind.suggest(outputs[position])
        label = kind.encode(kind.parse(text))
        made = prediction(label, confidence, kind, control, data=task["data"], version=version)
        return [made]

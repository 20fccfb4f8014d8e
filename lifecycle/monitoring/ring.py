"""A log of answered rows in Parquet files, bounded in bytes: the oldest files go first.

Each server writes files of its own, so that several may share a folder. What is kept of a row is
when it came, which model answered what with which probabilities, and how long it took; its content
only when asked for. Rows are gathered in memory and written by a thread, so that a request costs a
few microseconds; a killed server loses those of the last seconds.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.core.errors import InputError, check_count, check_number
from thresher.core.files import atomic_path
from thresher.core.numerics.softmax import softmax
from thresher.core.signatures import checked

if TYPE_CHECKING:
    import pyarrow as pa

    from ..serving.service import Served

_MOST_CLASSES = 1000  # whose probabilities are kept
_SHORTEST_S = 0.05  # between two looks at what waits in memory


@dataclass(frozen=True, eq=False)
class _Taken:
    at: float
    first: int
    model: Any
    places: np.ndarray
    logits: np.ndarray
    seconds: float
    content: Any


class RequestRing:
    """Keeps answered rows; one of the observers of a server.

    Parameters
    ----------
    folder : path-like
    limit_mb : float
        Of all files of the folder together.
    content : bool
        Also keep what was sent: numbers, text or image. That may be personal.
    rows_per_file, seconds_per_file : int, float
        A file is written when either is reached, also while no request comes.
    clock : callable
        Seconds since 1970, asked once; from then on time is told by a clock that does not jump.

    Attributes
    ----------
    name : str
        Of this server, which its files and rows begin with: row n has the id ``name-n``.
    lost : int
        Rows that could not be written (a full disk, a slow one).
    reason : str
        Why the last ones were lost.

    Examples
    --------
    >>> from lifecycle import RequestRing, read_requests
    >>> ring = RequestRing("requests", limit_mb=10)
    >>> ring.close()
    >>> ring.lost, read_requests("requests").num_rows
    (0, 0)
    """

    @checked
    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        limit_mb: float = 256.0,
        content: bool = False,
        rows_per_file: int = 10_000,
        seconds_per_file: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.limit = int(check_number("limit_mb", limit_mb, low=0.01, high=1e9) * (1 << 20))
        self.content = content
        self.rows_per_file = check_count("rows_per_file", rows_per_file)
        self.seconds_per_file = check_number("seconds_per_file", seconds_per_file, low=0, high=1e6)
        self.lost, self.reason = 0, ""
        self._start, self._since = clock(), time.monotonic()
        self.name = f"{int(1000 * self._start):014d}-{os.getpid()}-{id(self) % 10**6:06d}"
        self._taken: list[_Taken] = []
        self._rows = self._number = self._files = 0
        self._written = self._since
        self._lock = threading.Lock()
        self._queue: queue.Queue[list[_Taken] | None] = queue.Queue(maxsize=8)
        self._thread = threading.Thread(target=self._write_all, name="request ring", daemon=True)
        self._thread.start()

    def __call__(self, served: Served) -> None:
        """Take note of an answered request."""
        answers = served.answers
        if answers.errors:
            # Rows that were not answered have no probabilities.
            places = np.array([at for at in range(len(answers.logits)) if at not in answers.errors])
        else:
            places = np.arange(len(answers.logits))
        content = (served.rows.content, served.rows.places) if self.content else None
        self.add(served.model, places, answers.logits, seconds=served.seconds, content=content)

    def add(
        self, model: Any, places: np.ndarray, logits: np.ndarray, *, seconds: float, content: Any
    ) -> None:
        """Take note of the rows at `places` of a request."""
        now = time.monotonic()
        if len(places):
            at = self._start + now - self._since
            taken = _Taken(at, self._number, model, places, logits, seconds, content)
            with self._lock:
                self._taken.append(taken)
                self._rows += len(places)
            self._number += len(places)
        late = now - self._written >= self.seconds_per_file
        if self._rows >= self.rows_per_file or (late and self._rows):
            self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            taken = self._in_memory()
            try:
                self._queue.put_nowait(taken)
            except queue.Full:
                self._lose(taken, "the disk is slower than the requests")

    def _in_memory(self) -> list[_Taken]:
        """Return what waits in memory, and wait anew; the lock is held."""
        taken, self._taken, self._rows = self._taken, [], 0
        self._written = time.monotonic()
        return taken

    def _next(self) -> list[_Taken] | None:
        """Return what was handed over, or what lay too long because no request came."""
        try:
            return self._queue.get(timeout=max(self.seconds_per_file, _SHORTEST_S))
        except queue.Empty:
            with self._lock:
                late = time.monotonic() - self._written >= self.seconds_per_file
                # What was handed over meanwhile is older.
                return self._in_memory() if late and self._queue.empty() else []

    def _lose(self, taken: list[_Taken], reason: str) -> None:
        self.lost += sum(len(one.places) for one in taken)
        self.reason = reason

    def _write_all(self) -> None:
        while (taken := self._next()) is not None:
            if not taken:
                continue
            try:
                self._write(taken)
                self._trim()
            except OSError as error:
                self._lose(taken, f"{self.folder}: {error.strerror or error}")

    def _write(self, taken: list[_Taken]) -> None:
        import pyarrow.parquet as pq

        # The number of the file keeps the order where clocks jumped between two starts.
        self._files += 1
        path = self.folder / f"{self.name}-{self._files:06d}.parquet"
        table = self._table(taken)
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    def _table(self, taken: list[_Taken]) -> pa.Table:
        import pyarrow as pa

        columns: dict[str, list[Any]] = {name: [] for name in _schema(content=self.content).names}
        for one in taken:
            logits = np.asarray(one.logits, dtype=np.float64)[one.places]
            shares = softmax(logits)
            answers, count = shares.argmax(1), len(one.places)
            classes = one.model.classes
            columns["row_id"] += [f"{self.name}-{one.first + k}" for k in range(count)]
            columns["at"] += [one.at] * count
            columns["model"] += [one.model.digest[:12]] * count
            columns["answer"] += [classes[at] for at in answers]
            columns["confidence"] += shares.max(1).tolist()
            kept = shares.shape[1] <= _MOST_CLASSES
            columns["probabilities"] += shares.tolist() if kept else [None] * count
            columns["ms"] += [1e3 * one.seconds] * count
            if self.content:
                content, places = one.content
                where = {int(place): at for at, place in enumerate(places)}
                chosen = [content[where[int(place)]] for place in one.places]
                columns["numbers"] += [
                    None if isinstance(row, bytes) else np.ravel(row).astype(float).tolist()
                    for row in chosen
                ]
                columns["bytes"] += [row if isinstance(row, bytes) else None for row in chosen]
        return pa.table(columns, schema=_schema(content=self.content))

    def _trim(self) -> None:
        files = []
        for path in self.folder.glob("*.parquet"):
            try:
                files.append((path.name, path.stat().st_size, path))
            except FileNotFoundError:  # another server has removed it
                continue
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files)[:-1]:
            if total <= self.limit:
                return
            path.unlink(missing_ok=True)
            total -= size

    def flush(self) -> None:
        """Write what is in memory, and wait until it is done."""
        with self._lock:
            taken = self._in_memory()
        if taken:
            self._queue.put(taken)
        self._queue.put(None)
        self._thread.join()
        thread = threading.Thread(target=self._write_all, name="request ring", daemon=True)
        thread.start()
        self._thread = thread  # only now, since another flush may join it

    def close(self) -> None:
        """Write what is in memory, and end."""
        self.flush()
        self._queue.put(None)
        self._thread.join()


def _schema(*, content: bool) -> pa.Schema:
    import pyarrow as pa

    fields = [
        ("row_id", pa.string()),
        ("at", pa.float64()),
        ("model", pa.string()),
        ("answer", pa.string()),
        ("confidence", pa.float32()),
        ("probabilities", pa.list_(pa.float32())),
        ("ms", pa.float32()),
    ]
    more = [("numbers", pa.list_(pa.float32())), ("bytes", pa.binary())] if content else []
    return pa.schema(fields + more)


@checked
def read_requests(folder: str | os.PathLike[str]) -> pa.Table:
    """Read all rows that a folder holds, by the time at which they came.

    Parameters
    ----------
    folder : path-like
        Written by `RequestRing`, of one server or several.

    Returns
    -------
    pyarrow.Table
        Columns ``row_id``, ``at`` (seconds since 1970), ``model``, ``answer``, ``confidence``,
        ``probabilities``, ``ms``, and with content ``numbers`` and ``bytes``. ``to_pandas()`` makes
        the frame that other monitors take.

    Raises
    ------
    InputError
        When there is no such folder, or a file is damaged.

    Examples
    --------
    >>> from lifecycle import RequestRing, read_requests
    >>> RequestRing("log").close()
    >>> read_requests("log").column_names[:3]
    ['row_id', 'at', 'model']
    """
    import pyarrow as pa

    if not Path(folder).is_dir():
        raise InputError(
            f"There is no folder {folder}. `thresher serve MODEL --record {folder}` writes one."
        )
    tables = list(_tables(Path(folder)))
    empty = _schema(content=False).empty_table()
    whole = pa.concat_tables([empty, *tables], promote_options="default")
    return whole.sort_by([("at", "ascending"), ("row_id", "ascending")])


def _tables(folder: Path) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("*.parquet")):
        try:
            table = pq.read_table(path)
        except FileNotFoundError:  # removed by a server meanwhile
            continue
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path} is damaged ({error}). Move it away and go on.") from error
        missing = set(_schema(content=False).names) - set(table.column_names)
        if missing:
            raise InputError(
                f"{path} was not written by a server of Thresher: it lacks {', '.join(missing)}. "
                "Move it away and go on."
            )
        yield table

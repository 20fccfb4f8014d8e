"""A run is a folder of stages, each keyed by its inputs, settings and code, so that it resumes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import thresher

from ..core.choice import Choice, choose_device, choose_threads
from ..core.counted import counted
from ..core.errors import InputError
from ..core.files import read_json, write_json
from ..core.fingerprint import fingerprint
from ..core.ledger import CostLedger, StageCost
from ..core.leftovers import holds_nothing, sweep_below
from ..core.locking import alone_in
from ..core.progress import about, message
from .moves import changes, describe_machine, join_machines, told_machine
from .settings import Group, Settings
from .stage_files import changed_files, record_files

Value = TypeVar("Value")
MARKER = "run.json"
STAGE = "stage.json"
STARTED = "started.json"


@dataclass
class Notes:
    """What a stage says of itself besides its files: numbers for people, and automatic choices."""

    cost: StageCost
    summary: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)


@dataclass(frozen=True)
class Done(Generic[Value]):
    """A finished stage; its value is read from disk on first use, in every run alike."""

    name: str
    key: str
    folder: Path
    cost: StageCost
    summary: dict[str, Any]
    choices: dict[str, Choice]
    load: Callable[[Path], Value]

    @cached_property
    def value(self) -> Value:
        """The stage's result."""
        return self.load(self.folder)


@dataclass
class RunFolder:
    """The folder of one run, its settings, and the stages done so far, in order."""

    folder: Path
    settings: Settings
    device: Choice
    threads: Choice
    machine: Choice
    ledger: CostLedger
    done: list[Done[Any]] = field(default_factory=list)

    def stage(
        self,
        name: str,
        work: Callable[[Path, Notes], None],
        *,
        load: Callable[[Path], Value],
        needs: Sequence[Done[Any]] = (),
        settings: Group | Sequence[Any] = (),
        code: Sequence[str] = ("thresher/core",),
        where: str | None = None,
        rows: int | None = None,
    ) -> Done[Value]:
        """Do `work` in a folder of its own, or take what an earlier run left there.

        Parameters
        ----------
        name : str
            Shown to people and used in the key.
        work : callable
            Gets the stage's folder and its `Notes`. What it leaves there when it fails or is killed
            is still there when the same stage starts again: that is where checkpoints live.
        load : callable
            Reads the stage's value from its folder.
        needs : sequence of Done
            Earlier stages whose outputs this one reads.
        settings : settings group or JSON-like
            Everything else that the result depends on.
        code : sequence of str
            Packages whose source is part of the key.
        where : str, optional
            Folder name, if not `name`.
        rows : int, optional
            Rows that come in, for the ledger.
        """
        again = [done for done in self.done if done.name == name]
        if again:  # asked for by two later stages
            return again[0]
        plain = settings.model_dump() if isinstance(settings, Group) else list(settings)
        key = fingerprint(
            name,
            [need.key for need in needs],
            plain,
            self.settings.seed,
            [code_version(package) for package in ("thresher/app/steps", *code)],
        )
        folder = self.folder / (where or name)
        stage = self._finished(name, folder, key, load)
        if stage is None:
            self._work(name, folder, key, work, rows)
            stage = _read_stage(name, folder, load)
        else:
            message(f"{name}: done before, reused")
        self.done.append(stage)
        return stage

    def _finished(
        self, name: str, folder: Path, key: str, load: Callable[[Path], Value]
    ) -> Done[Value] | None:
        """Return the stage as an earlier run left it, None where there is none or it is damaged."""
        try:
            record = read_json(folder / STAGE)
            if record["key"] != key:
                return None
            stage, changed = _read_stage(name, folder, load), changed_files(folder, record["files"])
        except (InputError, KeyError, TypeError, AttributeError):
            return None
        if not changed:
            return stage
        aside = _set_aside(folder)
        more = f" and {counted(len(changed) - 3, 'more file')}" if len(changed) > 3 else ""
        message(
            f"{name}: done before, but {', '.join(changed[:3])}{more} changed since or went; the "
            f"stage is done again, and what was there lies in {aside.name}"
        )
        return None

    def _work(
        self,
        name: str,
        folder: Path,
        key: str,
        work: Callable[[Path, Notes], None],
        rows: int | None,
    ) -> None:
        if not self._started(folder, key):
            shutil.rmtree(folder, ignore_errors=True)
            write_json(folder / STARTED, {"key": key})
        sweep_below(folder)
        (folder / STAGE).unlink(missing_ok=True)
        with self.ledger.stage(name, rows=rows) as cost, about(name):
            notes = Notes(cost)
            work(folder, notes)
        record = {
            "key": key,
            "cost": asdict(cost),
            "summary": notes.summary,
            "choices": {item: asdict(choice) for item, choice in notes.choices.items()},
            "files": record_files(folder, without=(STAGE, STARTED)),
        }
        write_json(folder / STAGE, record)
        message(f"{name}: {cost.wall_s:.1f} s")

    def _started(self, folder: Path, key: str) -> bool:
        try:
            return bool(read_json(folder / STARTED)["key"] == key)
        except (InputError, KeyError, TypeError):
            return False


def _read_stage(name: str, folder: Path, load: Callable[[Path], Value]) -> Done[Value]:
    record = read_json(folder / STAGE)
    return Done(
        name,
        record["key"],
        folder,
        StageCost(**record["cost"]),
        record["summary"],
        {item: Choice(**choice) for item, choice in record["choices"].items()},
        load,
    )


def _set_aside(folder: Path) -> Path:
    """Move a damaged stage beside itself: a file that was changed by hand may be wanted yet."""
    aside = folder.with_name(f"{folder.name}.changed")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    return aside


@contextmanager
def open_run(folder: Path, settings: Settings, *, told: bool = True) -> Iterator[RunFolder]:
    """Open or make a run folder for this process alone; `told` says what it computes with.

    Raises
    ------
    InputError
        When the folder holds something else than a run, another process works in it, or the device
        is not there.

    Notes
    -----
    A new folder goes again where the first stage refuses its data.
    """
    if folder.is_file():
        raise InputError(f"`--out` must be a folder; {folder} is a file.")
    if not (folder / MARKER).exists() and not holds_nothing(folder):
        raise InputError(
            f"{folder} is not empty and not a run of Thresher; nothing in it was touched. "
            "Give another folder with --out."
        )
    new = not folder.exists()
    with alone_in(folder, instead="another --out"), _taken_back(folder, when=new):
        device = _with_setting(choose_device(settings.device), "device")
        threads = _with_setting(choose_threads(settings.threads), "threads")
        if told:
            message(f"device: {device}; threads: {threads}")
        here = describe_machine(device=device.value, threads=threads.value)
        machines = join_machines(folder / MARKER, here)
        if len(machines) > 1:
            message(f"this run was on another machine before ({changes(machines[-2], here)})")
        ledger = CostLedger(
            folder / "ledger.jsonl",
            device=device.value,
            price_per_hour=settings.cost.prices.get(device.value),
        )
        yield RunFolder(folder, settings, device, threads, told_machine(machines), ledger)


@contextmanager
def _taken_back(folder: Path, *, when: bool) -> Iterator[None]:
    """Remove a new run whose data or settings were refused before any stage was finished."""
    try:
        yield
    except InputError:
        if when and not any(folder.rglob(STAGE)):
            shutil.rmtree(folder)
        raise


def _with_setting(choice: Choice, name: str) -> Choice:
    """Name the setting that decides otherwise, unless it has decided."""
    if choice.reason == "asked for":
        return choice
    return Choice(choice.value, f"{choice.reason}; `{name}` sets it")


@cache
def code_version(package: str) -> str:
    """Fingerprint of the Python sources of a package, given as a path below the install folder."""
    home = Path(thresher.__file__).resolve().parent.parent
    sources = sorted((home / package).rglob("*.py"))
    names = json.dumps([str(path.relative_to(home)) for path in sources])
    return fingerprint(names, *(path.read_bytes() for path in sources))

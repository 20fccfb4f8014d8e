"""One look at a model in use: accuracy, calibration, drift, the alarm, the trigger."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecycle import (
    Trigger,
    TriggerRules,
    Watch,
    calibration_error,
    compare_rows,
    dry_run,
    read_reference,
    read_requests,
)
from lifecycle.monitoring.days import DAY, Audited, Day, by_day
from lifecycle.monitoring.drift import Drift
from lifecycle.monitoring.reference import Reference
from lifecycle.triggers.trigger import Look

from ...core.counted import counted
from ...core.errors import InputError
from ...core.files import read_json, write_json, write_text
from ...core.locking import alone_in
from ...core.signatures import checked
from .advising import labels_advised
from .audits import ask_rows, audited_rows, read_asked, read_labels
from .monitored import Monitored
from .page import write_monitor_page
from .same_model import check_reference

if TYPE_CHECKING:
    import pyarrow as pa

PathLike = str | os.PathLike[str]
_SHARED = 0.05  # of the reference that may also be in the log


@checked
def monitor(
    requests: PathLike,
    *,
    out: PathLike,
    reference: PathLike | None = None,
    labels: Sequence[PathLike] = (),
    ask: int = 0,
    window: int = 7,
    rules: TriggerRules | None = None,
    dry: bool = False,
    config: PathLike | None = None,
    random_state: int = 0,
) -> Monitored:
    """Look at a model in use; as often as one likes, and the alarm is still right.

    Parameters
    ----------
    requests : path-like
        Folder that ``thresher serve --record`` writes.
    out : path-like
        Folder of the page, the audit rows and the state.
    reference : path-like, optional
        Of `lifecycle.write_reference`; without it there is no drift and no alarm.
    labels : sequence of path-like, optional
        Files with columns ``row_id`` and ``label``; labels in ``out/audit`` are found anyway.
    ask : int
        Rows of the last day to draw for labels.
    window : int
        Days that an accuracy is estimated on.
    rules : lifecycle.TriggerRules, optional
        When to train again.
    dry : bool
        Only say what `rules` would have done on all days of the log; nothing is written but the
        page.
    config : path-like, optional
        Settings of the run that is to be repeated when the trigger fires.
    random_state : int
        Draws the audit rows.

    Returns
    -------
    Monitored

    Raises
    ------
    InputError
        When the log is empty or a file cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from lifecycle import RequestRing
    >>> from thresher.app import monitor
    >>> ring = RequestRing("requests")
    >>> model = SimpleNamespace(digest="0123456789ab", classes=["no", "yes"])
    >>> ring.add(model, np.arange(50), np.eye(2)[np.arange(50) % 2], seconds=0.01, content=None)
    >>> ring.close()
    >>> found = monitor("requests", out="monitor", ask=20)
    >>> found.rows, found.asked.name, str(found.days[-1].accuracy)
    (50, '000000.csv', 'too few labels (0; 10 at least)')
    """
    folder = Path(out)
    table = read_requests(requests)
    if not table.num_rows:
        raise InputError(f"{requests} holds no rows yet. Send some to the server first.")
    model = str(table["model"][-1])
    mine = table.filter([name == model for name in table["model"].to_pylist()])
    known = None
    if reference is not None:
        known = read_reference(reference)
        check_reference(known, mine, path=reference, log=requests)
    with alone_in(folder, instead="another folder with --out"):
        told = read_labels(folder, [Path(each) for each in labels])
        audited = audited_rows(read_asked(folder), told, model=model)
        return _looked(
            folder,
            mine,
            known,
            audited,
            told=told,
            ask=ask,
            window=window,
            rules=rules,
            dry=dry,
            config=config,
            random_state=random_state,
        )


def _looked(
    folder: Path,
    table: pa.Table,
    known: Reference | None,
    audited: dict[str, Audited],
    *,
    told: dict[str, str],
    ask: int,
    window: int,
    rules: TriggerRules | None,
    dry: bool,
    config: PathLike | None,
    random_state: int,
) -> Monitored:
    at = table["at"].to_numpy()
    trust = table["confidence"].to_numpy().astype(np.float64)
    days = by_day(at, trust, table["ms"].to_numpy(), audited=audited, window=window)
    drawn = [one for one in audited.values() if one.drawn]
    classes = sorted({*table["answer"].to_pylist(), *(known.labels if known else ())})
    problems = _problems(table, known, told)
    watch = None
    if known is not None:
        watch = _watched(folder, table, known, audited, dry=dry)
    looks, fired = _triggered(folder, days, rules, dry=dry)
    written = None
    if fired and config is not None:
        written = folder / "retrain.toml"
        write_text(written, _retraining(config, fired))
    asked = None
    if ask and not dry:
        asked = ask_rows(
            folder,
            table,
            n=ask,
            classes=classes,
            suspects=() if watch is None else watch.suspects(),
            random_state=random_state,
        )
    found = Monitored(
        folder=folder,
        page=folder / "monitor.html",
        model=str(table["model"][-1]),
        rows=table.num_rows,
        days=days,
        labels=len(audited),
        calibration=calibration_error([a.confidence for a in drawn], [a.correct for a in drawn]),
        drift=None if known is None else _drift(table, known),
        watch=None if watch is None else watch.state(),
        needed=None if known is None else labels_advised(folder, known),
        looks=looks,
        asked=asked,
        config=written,
        problems=problems,
    )
    write_monitor_page(found, rules=rules)
    return found


def _features(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and confidence of rows that have them."""
    rows = [row for row in table["probabilities"].to_pylist() if row is not None]
    shares = np.array(rows, dtype=np.float64) if rows else np.zeros((0, 0))
    return shares, shares.max(1) if shares.size else np.zeros(0)


def _drift(table: pa.Table, known: Reference) -> Drift | None:
    at = table["at"].to_numpy()
    last = table.filter([bool(each) for each in at > at.max() - DAY])
    shares, _ = _features(last)
    if not len(shares):
        return None
    names = _column_names(known)
    usable = np.isfinite(shares).all(axis=1)
    return compare_rows(
        dict(zip(names, known.probabilities.T, strict=True)),
        dict(zip(names, shares[usable].T, strict=True)),
    )


def _column_names(known: Reference) -> list[str]:
    """Name each column of probabilities by its class, where the reference has an answer of it."""
    answered = dict(zip(known.probabilities.argmax(1).tolist(), known.answers, strict=True))
    return [
        f"probability of {answered[k]}" if k in answered else f"probability {k}"
        for k in range(known.probabilities.shape[1])
    ]


def _watched(
    folder: Path, table: pa.Table, known: Reference, audited: dict[str, Audited], *, dry: bool
) -> Watch:
    """Let the alarm take days that are over and labels that are new, each once."""
    path, model = folder / "watch.json", str(table["model"][-1])
    watch = Watch(
        known.probabilities,
        confidence=known.confidence,
        correct=known.correct,
        answers=known.answers,
    )
    done, seen = -1.0, set[str]()
    if path.exists():
        state = read_json(path)
        if state.get("model") == model:
            watch.restore(state.get("watch", {}), where=str(path))
            done, seen = float(state["done"]), set(state["seen"])
    at = np.floor(table["at"].to_numpy() / DAY)
    new = {name: one for name, one in audited.items() if name not in seen}
    # A change begins with a day: labels of the days before count before.
    left = sorted(new.values(), key=lambda one: one.at)
    for day in [each for each in np.unique(at) if done < each < at.max()]:
        done = float(day)
        early = [one for one in left if one.at < day * DAY]
        _tell(watch, early)
        left = left[len(early) :]
        shares, _ = _features(table.filter([bool(each) for each in at == day]))
        shares = shares.reshape(-1, known.probabilities.shape[1])
        shares = shares[np.isfinite(shares).all(axis=1)]
        watch.window(shares, confidence=np.clip(shares.max(axis=1, initial=0), 0, 1))
    _tell(watch, left)
    if not dry:
        known_ids = sorted(seen | set(new))
        state = {"model": model, "done": done, "seen": known_ids, "watch": watch.to_json()}
        write_json(path, state)
    return watch


def _tell(watch: Watch, labeled: list[Audited]) -> None:
    watch.labels(
        [one.confidence for one in labeled],
        [one.correct for one in labeled],
        answers=[one.answer for one in labeled],
    )


def _triggered(
    folder: Path, days: list[Day], rules: TriggerRules | None, *, dry: bool
) -> tuple[list[Look], Look | None]:
    """Return what the trigger says of days that are over, and the last time that it fired."""
    if rules is None:
        return [], None
    over = [(day.start / DAY, day.accuracy) for day in days[:-1]]
    if dry:
        looks = dry_run(rules, over)
        return looks, None
    path = folder / "trigger.json"
    trigger = Trigger(rules)
    last = float("-inf")
    if path.exists():
        stored = Trigger.from_json(read_json(path), where=str(path))
        if stored.rules != rules:
            raise InputError(
                f"{path} was begun with {stored.rules}, now it is {rules}. Use the old rules, or "
                "delete that file; retrainings of the past are then forgotten."
            )
        trigger, last = stored, stored.last
    looks = [trigger.look(day, accuracy) for day, accuracy in over if day > last]
    write_json(path, trigger.to_json())
    return looks, next((look for look in reversed(looks) if look.fires), None)


def _retraining(config: PathLike, look: Look) -> str:
    from ..settings import settings_of, to_toml

    said = f"# {look.reason}\n# thresher run DATA --config retrain.toml --out runs/next\n"
    return said + to_toml(settings_of(config), {})


def _problems(table: pa.Table, known: Reference | None, told: dict[str, str]) -> list[str]:
    said = []
    failed = int(np.isnan(table["confidence"].to_numpy().astype(np.float64)).sum())
    if failed:
        said.append(f"The model answered NaN to {counted(failed, 'row')}; they count as wrong.")
    answers: set[Any] = {*table["answer"].to_pylist(), *(known.labels if known else ())}
    new = sorted({label for label in told.values() if label not in answers})
    if new:
        said.append(
            f"{counted(len(new), 'label is', 'labels are')} none that the model has ever answered, "
            f"such as {new[0]!r}: a new class, or another spelling."
        )
    if known is not None and table["probabilities"].null_count == table.num_rows:
        said.append(
            "The log holds no probabilities, as of models with more than 1,000 classes: the alarm "
            "watches labels alone."
        )
    elif known is not None:
        shared = known.shared_with(_features(table)[0])
        if shared > _SHARED:
            said.append(
                f"{100 * shared:.0f} % of the reference also are in the log, with the same "
                "probabilities: it holds rows that it is compared with, and hides drift. Use "
                "other rows."
            )
    return said


def rules_of(**given: Any) -> TriggerRules:
    """Return checked rules."""
    return TriggerRules(**given)

"""Advice on a user's rows: probes as stages of a run's folder, levers ranked, one sentence."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from ...core.errors import check_choice, check_number
from ...core.files import write_json
from ...core.loaded import LoadedDataset
from ...core.progress import message
from ...core.shown import Shown
from ...core.signatures import checked
from ..settings import Settings, settings_of
from ..stages import Done, RunFolder, open_run
from ..steps.load import Source, load_rows
from ..trainable import check_trainable
from .choosing import choose_bottleneck, plain, range_said, said, sentences
from .files import EXPORT_S
from .full_run import Purse, measure_slowness, probed_rows, run_cpu_seconds, with_start
from .inputs import pixels_of
from .levers import BOTTLENECKS, Bottleneck, Lever, ranked
from .places import places
from .probes import (
    EPOCHS_S,
    levers_of,
    levers_on_files,
    probe_copies,
    probe_curve,
    probe_epochs,
    probe_files,
    probe_halves,
    probe_labels,
    probe_sample,
    probe_start,
    probe_views,
)
from .sample import labeled_rows
from .start import SHIPPED, Start, may_be_shipped, no_parts

FILE = "advice.json"
SHARE = 0.05


@dataclass(frozen=True, repr=False)
class Advice(Shown):
    """Levers ranked for a bottleneck.

    Attributes
    ----------
    text : str
        The advice in one or two sentences.
    bottleneck : Bottleneck
        Its ``name``, and the ``reason`` why this one.
    levers : tuple of Lever
        Those that act on it, the best return first; ``verdict`` says whether one pays. Levers that
        share a place in `places` are level: their intervals do not tell them apart.
    others : tuple of Lever
        Those that act on other bottlenecks.
    run_cpu_s, spent_cpu_s : float
        CPU-seconds that a full run is expected to take, and that the advice took.
    folder : Path
        Of the stages; ``thresher run`` goes on in it.
    """

    text: str
    bottleneck: Bottleneck
    levers: tuple[Lever, ...]
    others: tuple[Lever, ...]
    run_cpu_s: float
    spent_cpu_s: float
    folder: Path

    @property
    def places(self) -> list[tuple[int, int] | None]:
        """First and last place that each of `levers` may have; None of those not told."""
        return places(self.levers)

    def table(self) -> tuple[list[str], list[tuple[str, ...]]]:
        """Return header and cells: a line for each lever on the bottleneck.

        A place is a range where the intervals of levers do not tell them apart.
        """
        header = ["Place", "Lever", "Gain, 80 % interval", "Return", "Verdict", "How"]
        rows: list[tuple[str, ...]] = [
            (
                "" if place is None else range_said(*place),
                lever.name,
                said(lever) if lever.told else "",
                f"{plain(lever.returns, 2):+.2f}" if lever.told else "",
                lever.verdict,
                lever.command if lever.told else lever.evidence,
            )
            for place, lever in zip(self.places, self.levers, strict=True)
        ]
        return header, rows

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "text": self.text,
            "bottleneck": {"name": self.bottleneck.name, "reason": self.bottleneck.reason},
            "levers": [
                {**lever.to_json(), "place": place}
                for place, lever in zip(self.places, self.levers, strict=True)
            ],
            "others": [lever.to_json() for lever in self.others],
            "run_cpu_s": self.run_cpu_s,
            "spent_cpu_s": self.spent_cpu_s,
            "folder": str(self.folder),
        }


@checked
def advise(
    data: Source,
    *,
    out: str | os.PathLike[str] = "advice",
    bottleneck: str = "auto",
    share: float = SHARE,
    settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
) -> Advice:
    """Say which lever to pull first: short probes, before a run.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes, with labels and test rows as `run` needs them.
    out : path-like
        Folder of the probes; the same call goes on there, and `run` takes over the rows read.
    bottleneck : {"auto", "size", "latency", "cost", "labels"}
        What is to become less; ``"auto"`` takes what presses most and says why.
    share : float
        Of the CPU time of a full run: what the advice may take.
    settings : mapping, path-like or Settings, optional
        As in `run`.

    Returns
    -------
    Advice

    Raises
    ------
    InputError
        For what `run` refuses, and for fewer labeled rows than a probe can use.

    Examples
    --------
    >>> from thresher.app import advise
    >>> found = advise("digits", bottleneck="labels")
    >>> found.bottleneck.name, len(found.levers) > 2
    ('labels', True)
    """
    check_choice("bottleneck", bottleneck, ("auto", *BOTTLENECKS))
    check_number("share", share, low=0, high=1, low_open=True)
    asked = settings_of(settings)
    if asked.device == "auto":
        # Probes compute on the processor, and asking for a GPU loads torch: a second of CPU time.
        asked = asked.model_copy(update={"device": "cpu"})
    # Hundreds of small products: further threads wait for one another, and take CPU time for that.
    with threadpool_limits(limits=1), open_run(Path(out), asked, told=False) as run:
        loaded = load_rows(run, data)
        check_trainable(loaded.value)
        return _advise(run, loaded, bottleneck, share=share)


def _advise(run: RunFolder, loaded: Done[LoadedDataset], asked: str, *, share: float) -> Advice:
    start, slowness = time.process_time(), measure_slowness()
    copied = probe_copies(run, loaded)
    plan = _Plan.of(run, loaded, copied, share=share, slowness=slowness)
    plan.purse.pay(loaded)
    plan.purse.pay(copied)
    wanted = BOTTLENECKS if asked == "auto" else (asked,)
    measured = {"cost": plan.expected}
    levers = levers_of(copied)
    if {"labels", "cost"} & set(wanted):
        levers += _probe_rows(run, loaded, copied, plan, wanted, measured)
    if {"size", "latency"} & set(wanted):
        levers += _probe_files(run, loaded, copied, plan, measured)
    chosen = choose_bottleneck(measured) if asked == "auto" else Bottleneck(asked)
    acting = ranked(levers, chosen.name)
    advice = Advice(
        text=" ".join([sentences(chosen, acting), *plan.said]),
        bottleneck=chosen,
        levers=acting,
        others=tuple(lever for lever in levers if lever not in acting),
        run_cpu_s=plan.expected,
        # What is loaded on the way costs too; a call that goes on has stages that cost before.
        spent_cpu_s=max(plan.purse.spent, time.process_time() - start),
        folder=run.folder,
    )
    write_json(run.folder / FILE, advice.to_json())
    return advice


@dataclass(frozen=True)
class _Plan:
    """What the run is expected to be, and what the advice may take of its CPU time."""

    expected: float
    purse: Purse
    modality: str
    start: Done[Start] | None

    @classmethod
    def of(
        cls,
        run: RunFolder,
        loaded: Done[LoadedDataset],
        copied: Done[dict[str, Any]],
        *,
        share: float,
        slowness: float,
    ) -> _Plan:
        modality, rows = loaded.value.schema.modality, len(labeled_rows(loaded.value))
        pixels = pixels_of(loaded.value, run.settings.data, device=run.device.value)
        usual = run_cpu_seconds(modality, rows=rows, pixels=pixels)
        start = None
        if may_be_shipped(run.settings, modality):
            start = probe_start(run, loaded, copied)
            usual = with_start(usual, start.value, rows=rows)
        expected, purse = slowness * usual, Purse(share * usual, slowness)
        message(
            f"a full run takes about {expected:,.0f} CPU-seconds; advice may take "
            f"{purse.seconds:.1f}"
        )
        if start is not None:
            purse.pay(start)
        return cls(expected, purse, modality, start)

    @property
    def shipped(self) -> bool:
        """Whether the run most likely starts from shipped weights."""
        return self.start is not None and self.start.value.shipped

    @property
    def kind(self) -> str:
        """What usual values are called for."""
        return SHIPPED if self.shipped else self.modality

    @property
    def said(self) -> list[str]:
        """What is told of the run."""
        return [] if self.start is None else [self.start.value.sentence()]


def _probe_rows(
    run: RunFolder,
    loaded: Done[LoadedDataset],
    copied: Done[dict[str, Any]],
    plan: _Plan,
    wanted: Collection[str],
    measured: dict[str, float],
) -> list[Lever]:
    """Make the probes of rows, those that say most for their cost first."""
    purse, modality = plan.purse, plan.modality
    tries_epochs = "cost" in wanted and not plan.shipped
    seconds = purse.allowed - (EPOCHS_S if tries_epochs else 0.0)
    most = probed_rows(plan.kind, seconds=seconds)
    sample = probe_sample(run, loaded, copied, plan.start, most=most)
    curve = probe_curve(run, sample, kind=plan.kind)
    found = [curve]
    if "labels" in wanted:
        found.append(probe_labels(run, sample, modality=modality, shipped=plan.shipped))
    purse.pay(sample)
    for done in found:
        purse.pay(done)
    measured["labels"] = curve.value["gain"]
    levers = [lever for done in found for lever in levers_of(done)]
    if tries_epochs:
        levers.append(probe_epochs(run, sample, purse, modality=modality))
    levers += probe_halves(run, sample, curve, purse, wanted)
    if plan.shipped:
        levers += [one for one in no_parts(run.settings) if set(one.acts_on) & set(wanted)]
    elif "labels" in wanted and modality == "image":
        levers.append(probe_views(run, loaded, copied, purse, most=most))
    return levers


def _probe_files(
    run: RunFolder,
    loaded: Done[LoadedDataset],
    copied: Done[dict[str, Any]],
    plan: _Plan,
    measured: dict[str, float],
) -> list[Lever]:
    purse = plan.purse
    timed = purse.allows(EXPORT_S)
    why = "" if timed else purse.refusal(EXPORT_S)
    files = probe_files(run, loaded, plan.start, timed=timed)
    purse.pay(files)
    student = files.value["costs"]["student"]
    measured["size"] = student["bytes"]
    if student["single_ms"] is not None:
        measured["latency"] = student["single_ms"]
    start = None if plan.start is None else plan.start.value
    equal = copied.value["equal"]
    return levers_on_files(files, start, modality=plan.modality, equal=equal, why=why)

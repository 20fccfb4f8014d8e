"""The main job: from a messy dataset to a verified int8 model, one readable list of stages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import thresher

from ..core.errors import check_choice, require_training
from ..core.files import write_text
from ..core.loaded import LoadedDataset
from ..core.progress import messages
from .costs import total_costs
from .pages.run_report import write_report
from .result import RunResult
from .savings import beside_reference, gates, lines, metrics, warnings
from .settings import Settings, settings_of, to_toml
from .stages import Done, RunFolder, open_run
from .steps.decide import apply_manifest, decide_rows
from .steps.embed import embed_rows
from .steps.find import find_issues
from .steps.load import Source, load_by_columns, load_rows, plant
from .steps.neighbors import search_neighbors
from .steps.starts import check_start, may_start
from .trainable import check_trainable

PARTS = ("curate", "report")
NAMED = ("numpy", "scikit-learn", "torch", "datasets", "faiss-cpu", "onnx", "onnxruntime")


def run(
    source: Source,
    *,
    out: str | os.PathLike[str],
    settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    until: str = "report",
) -> RunResult:
    """Clean a dataset, train on it, compress the model, and verify what is exported.

    A run that was stopped at any moment goes on when it is called again; a finished one is reused
    as far as its inputs, settings and code are the same.

    Parameters
    ----------
    source : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes.
    out : path-like
        Folder of the run.
    settings : mapping, path-like or Settings, optional
        Nested values such as ``{"teacher": {"epochs": 5}}``, or a TOML file with them.
    until : {"report", "curate"}
        ``"curate"`` stops after the clean dataset was written.

    Returns
    -------
    RunResult
        Its ``missed_gates`` names the limits that the int8 model did not meet.

    Raises
    ------
    InputError
        For a source or setting that cannot be used.
    MissingExtraError
        At once, when training is asked for and PyTorch is not installed.

    Examples
    --------
    >>> import datasets
    >>> numbers = {"x": list(range(60)), "label": ["low"] * 30 + ["high"] * 30}
    >>> rows = datasets.Dataset.from_dict(numbers)
    >>> from thresher.app import run
    >>> done = run(rows, out="runs/first", until="curate")
    >>> done.folder.name
    'first'
    """
    check_choice("until", until, PARTS)
    if until == "report":
        require_training()
    asked = settings_of(settings)
    with open_run(Path(out), asked) as folder:
        loaded = load_rows(folder, source)
        if until == "report":
            check_trainable(loaded.value)
            check_start(asked, loaded.value.schema.modality)
        if any(asked.plant.model_dump().values()):
            loaded = plant(folder, loaded)
        clean = clean_rows(folder, loaded, trains=until == "report") if asked.curate else loaded
        if until == "report":
            # Only now, so that cleaning data does not wait for torch.
            from .modeling import train_models

            train_models(folder, loaded, clean)
        return finish(folder)


def train(
    source: Source,
    *,
    out: str | os.PathLike[str],
    settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
) -> RunResult:
    """Train, distil, quantize, export and verify on the data as they are, without curation.

    Parameters
    ----------
    source, out, settings
        As in `run`.

    Returns
    -------
    RunResult

    Raises
    ------
    InputError
        As `run` does.

    Examples
    --------
    >>> import datasets
    >>> numbers = {"x": list(range(60)), "label": ["low"] * 30 + ["high"] * 30}
    >>> rows = datasets.Dataset.from_dict(numbers)
    >>> from thresher.app import train
    >>> short = {"epochs": 1, "width": 8}
    >>> done = train(rows, out="runs/plain", settings={"teacher": short, "student": short})
    >>> done.report.name
    'report.html'
    """
    asked = settings_of(settings).model_copy(update={"curate": False})
    return run(source, out=out, settings=asked)


def plan(settings: Settings, *, until: str = "report", modality: str | None = None) -> list[str]:
    """Return the names of the stages that a run with these settings goes through.

    Of images, whose `modality` is ``"image"``, those that ``start`` may leave out are among them.
    """
    stages = ["load"]
    stages += ["plant"] if any(settings.plant.model_dump().values()) else []
    if settings.curate:
        trial = ["label trial"] if until == "report" and _tries_labels(settings) else []
        stages += ["embed", "neighbors", "find", *trial]
        stages += ["decide", "apply"]
    if until == "curate":
        return [*stages, "report"]
    if not settings.curate and (settings.budget.rows or settings.label.budget):
        stages.append("embed")
    stages += [] if settings.budget.rows is None else ["core set"]
    if settings.label.budget is not None:
        judged = settings.curate and settings.decide.labels != "none"
        stages += ["label", *(["bought labels"] if judged else [])]
    stages += ["start"] if may_start(settings, modality) else []
    stages += ["augment", "teacher", "student", "quantize"]
    if settings.baseline:
        # A pretrained teacher has a source in its name.
        stages += ["plain student", *([] if ":" in settings.teacher.model else ["plain teacher"])]
    stages += ["export", "verify"]
    return [*stages, *(["reference"] if settings.reference else []), "report"]


def look(source: Source, *, settings: Settings, until: str = "report") -> LoadedDataset:
    """Read the source as a run does, say what is read as what, and write nothing.

    Raises
    ------
    InputError
        For what a run refuses.
    """
    loaded = load_by_columns(source, settings.data, seed=settings.seed)
    messages(loaded.role_lines)
    if until == "report":
        check_trainable(loaded)
        check_start(settings, loaded.schema.modality)
    return loaded


def clean_rows(run: RunFolder, loaded: Done[LoadedDataset], *, trains: bool) -> Done[LoadedDataset]:
    """Find, decide, apply; where models are trained, flagged labels are decided on by a trial."""
    embeddings = embed_rows(run, loaded)
    graph = search_neighbors(run, loaded, embeddings)
    issues = find_issues(run, loaded, embeddings, graph)
    trial = None
    if trains and _tries_labels(run.settings):
        from .steps.label_trial import try_labels

        trial = try_labels(run, loaded, embeddings, issues)
    manifest = decide_rows(run, loaded, issues, trial)
    return apply_manifest(run, loaded, manifest)


def _tries_labels(settings: Settings) -> bool:
    """Tell whether a trial decides on flagged labels; not where labels are still to be bought."""
    return settings.decide.labels == "auto" and settings.label.budget is None


def finish(run: RunFolder) -> RunResult:
    """Write settings, metrics, result and report."""
    stages = {done.name: done for done in run.done}
    choices = {
        "device": str(run.device),
        "machine": str(run.machine),
        "threads": str(run.threads),
    }
    for done in run.done:
        choices |= {f"{done.name}: {name}": str(choice) for name, choice in done.choices.items()}
    measured = metrics(stages)
    checked = gates(run.settings.gate, stages)
    missed = [
        f"{gate['name']} is {gate['measured']}, must be {gate['limit']}"
        for gate in checked
        if not gate["met"]
    ]
    result = RunResult(
        folder=run.folder,
        origin=stages["load"].value.origin,
        lines=lines(stages),
        metrics=measured,
        gates=tuple(checked),
        choices=choices,
        stages=tuple(_record(done) for done in run.done),
        missed_gates=tuple(missed),
        beside_reference=beside_reference(stages),
        warnings=warnings(stages),
        report=run.folder / "report.html",
        costs=total_costs([vars(done.cost) for done in run.done], prices=run.settings.cost.prices),
        versions={"thresher": thresher.__version__, **_versions()},
    )
    write_text(run.folder / "config.toml", to_toml(run.settings, choices))
    result.save()
    write_report(run.folder)
    return result


def _versions() -> dict[str, str]:
    found = {}
    for name in NAMED:
        # Data are cleaned without what trains.
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _record(done: Done[Any]) -> dict[str, Any]:
    return {"name": done.name, "cost": vars(done.cost), "summary": done.summary}

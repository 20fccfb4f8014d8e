"""A budget file: what an exported model may cost and must reach, checked in CI.

```toml
model = "runs/first/models/onnx/int8"   # a folder that `export` wrote
baseline = "baseline"                   # another one, committed: for the limits against it
data = "test.parquet"                   # labeled rows: needed by the limits on accuracy
label = "intent"                        # columns, where they are not plain
encoding = "gb18030"                    # how they are read: delimiter, header, na, max_unpacked too
threads = 1

[limits]
max_bytes = 400_000
min_accuracy = 0.90
max_accuracy_drop = 0.005               # against the baseline, on the same rows
max_latency_ratio = 1.05                # against the baseline, timed by turns
```
Paths are relative to the file.
"""

from __future__ import annotations

import os
import tomllib
import warnings
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training import Samples, evaluate, load_exported
from training.exporting import ExportedModel
from training.gate import LIMITS, GateCheck, Measured, judge_gate
from training.profiling import LatencyRatio, compare, profile

from ..core.errors import FormError, InputError, ThresherWarning, did_you_mean
from ..core.exported.portability import require_exact
from ..core.interval import paired_drop
from ..core.loading import load_dataset
from ..core.progress import messages
from ..core.signatures import checked
from .inputs import samples_for
from .whole_rows import with_all_numbers

# Rounds of timing; more are added while the limit lies within the interval.
ROUNDS = (31, 63, 127)
SECONDS = 1.0
# Of the interval of the ratio; the rounds may be looked at three times.
CONFIDENCE = 0.998
LIMIT_NAMES = tuple(LIMITS)


class Budget(BaseModel):
    """What a budget file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Path
    baseline: Path | None = None
    data: str | None = None
    label: str | None = None
    image: str | None = None
    text: str | None = None
    where: dict[str, str] | None = None
    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    max_unpacked: float | None = None
    na: tuple[str, ...] = ()
    threads: int = Field(1, ge=1)
    limits: dict[str, float]


@checked
def gate(budget: str | os.PathLike[str]) -> list[GateCheck]:
    """Check a model against a budget: the limits of a TOML file, each with what was measured.

    Parameters
    ----------
    budget : path-like
        A file as above; its paths are relative to it.

    Returns
    -------
    list of GateCheck
        Each says whether its limit is ``met``, and whether that is ``certain``.

    Raises
    ------
    InputError
        As `read_budget` does.
    GateError
        When a file is not exact on this machine.

    Examples
    --------
    >>> from pathlib import Path
    >>> from training import compact_model, export
    >>> from thresher.app import gate
    >>> network = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> _ = export(network, "small", classes=["no", "yes"])
    >>> lines = ["model = 'small'", "[limits]", "max_bytes = 400_000"]
    >>> _ = Path("budget.toml").write_text(chr(10).join(lines))
    >>> [check.met for check in gate("budget.toml")]
    [True]
    """
    plan = read_budget(Path(budget))
    return judge_gate(plan.limits, measure_budget(plan))


def read_budget(path: Path) -> Budget:
    """Read a budget file; its paths become absolute.

    Raises
    ------
    InputError
        For what is not TOML, unknown names, and limits that need a baseline or data not given.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The budget {path} cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The budget {path} is not valid TOML: {error}.") from error
    try:
        budget = Budget.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        hint = did_you_mean(name, Budget.model_fields)
        raise InputError(f"{path}: `{name}`: {first['msg']}.{hint}") from error
    _check_limits(budget, path)
    folder = path.resolve().parent
    return budget.model_copy(
        update={
            "model": folder / budget.model,
            "baseline": None if budget.baseline is None else folder / budget.baseline,
            "data": budget.data
            if budget.data is None or not (folder / budget.data).exists()
            else str(folder / budget.data),
        }
    )


def measure_budget(budget: Budget) -> dict[str, Measured]:
    """Measure what the limits of a budget are about, and nothing else.

    Raises
    ------
    GateError
        When a file is not exact on this machine: what it reaches here says nothing of others.
    """
    limits = budget.limits
    model = _open(budget.model, threads=budget.threads)
    baseline = None
    if budget.baseline is not None:
        baseline = _open(budget.baseline, threads=budget.threads)
    found: dict[str, Measured] = {"bytes": float(model.size_bytes)}
    if {"min_accuracy", "max_accuracy_drop", "min_agreement"} & limits.keys():
        found |= _on_rows(budget, model, baseline)
    if "max_p50_ms" in limits:
        found["p50_ms"] = profile(model, batch_sizes=(1,)).latency[1].p50_ms
    if "max_latency_ratio" in limits and baseline is not None:
        found["latency_ratio"] = _ratio(model, baseline, limits["max_latency_ratio"])
    return found


def _open(path: Path, *, threads: int) -> ExportedModel:
    with warnings.catch_warnings():
        # What loading warns of is refused here.
        warnings.simplefilter("ignore", ThresherWarning)
        model = load_exported(path, threads=threads)
    require_exact(model.path, model.quantization)
    return model


def _check_limits(budget: Budget, path: Path) -> None:
    for name in budget.limits:
        if name not in LIMIT_NAMES:
            raise InputError(
                f"{path}: there is no limit {name!r}. Known: {', '.join(LIMIT_NAMES)}."
                f"{did_you_mean(name, LIMIT_NAMES)}"
            )
    if not budget.limits:
        raise InputError(f"{path}: [limits] is empty: a gate without a limit checks nothing.")
    against = {"max_accuracy_drop", "max_latency_ratio", "min_agreement"} & budget.limits.keys()
    if against and budget.baseline is None:
        raise InputError(f"{path}: {min(against)} compares with a `baseline`; name its folder.")
    on_rows = {"min_accuracy", "max_accuracy_drop", "min_agreement"} & budget.limits.keys()
    if on_rows and budget.data is None:
        raise InputError(f"{path}: {min(on_rows)} needs labeled rows; name them with `data`.")


def _on_rows(
    budget: Budget, model: ExportedModel, baseline: ExportedModel | None
) -> dict[str, Measured]:
    samples = _samples(budget, model)
    result = evaluate(model, samples)
    found: dict[str, Measured] = {"accuracy": (result.accuracy, *result.interval)}
    if baseline is not None:
        assert samples.targets is not None
        before = evaluate(baseline, _samples(budget, baseline))
        if not np.array_equal(before.row_ids, result.row_ids):
            raise InputError("The baseline cannot read the same rows as the model.")
        mine, other = result.pred_probs.argmax(1), before.pred_probs.argmax(1)
        targets = samples.targets.numpy()
        found["agreement"] = float((mine == other).mean())
        found["accuracy_drop"] = paired_drop(other == targets, mine == targets)
    return found


def _samples(budget: Budget, model: ExportedModel) -> Samples:
    assert budget.data is not None
    try:
        loaded = load_dataset(
            budget.data,
            label=budget.label,
            image=budget.image,
            text=budget.text or model.preprocessing.get("text"),
            features=model.preprocessing.get("columns"),
            where=budget.where,
            delimiter=budget.delimiter,
            header=budget.header,
            encoding=budget.encoding,
            max_unpacked=budget.max_unpacked,
            na=budget.na,
            keep_unlabeled=True,
            test_fraction=0,
        )
    except FormError as error:
        raise error.called(f"`{error.option}` in the budget") from error
    messages(loaded.role_lines)
    samples = samples_for(model, with_all_numbers(loaded))
    assert samples.targets is not None
    labeled = np.flatnonzero(samples.targets.numpy() >= 0)
    if not len(labeled):
        raise InputError(f"No row of {budget.data} has a label; accuracy needs some.")
    return samples.take(labeled)


def _ratio(model: ExportedModel, baseline: ExportedModel, limit: float) -> LatencyRatio:
    """Time by turns until the interval leaves the limit, or there were rounds enough."""
    for rounds in ROUNDS:
        found = compare(
            model,
            baseline,
            rounds=rounds,
            seconds=SECONDS * rounds / ROUNDS[0],
            confidence=CONFIDENCE,
        )
        low, high = found.interval
        if not low <= limit <= high:
            break
    return found

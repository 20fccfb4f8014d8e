"""Settings of a run: defaults, then a TOML file, then ``--set a.b=c``, checked as one."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..core.errors import InputError, did_you_mean

Auto = Literal["auto"]
TYPES = ("int", "float", "str", "literal['auto']")


class Group(BaseModel):
    """A group of settings; unknown names and wrong types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class DataSettings(Group):
    """Which columns to use, and which rows."""

    label: str | None = None
    task: Literal["classification", "multi_label", "regression"] | None = None
    image: str | None = None
    text: str | None = None
    features: list[str] | None = None
    split: str | None = None
    row_id: str | None = None
    where: dict[str, str] | None = None
    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    max_unpacked: float | None = Field(None, gt=0)
    na: list[str] = []
    test_fraction: float = Field(0.2, ge=0, lt=1)
    keep_unlabeled: bool = False
    limit: int | None = Field(None, ge=1)
    image_size: int | Auto = "auto"


class PlantSettings(Group):
    """Faults of known place, to see that the checks find them; shares of the training rows."""

    copies: float = Field(0.0, ge=0, le=0.5)
    near_copies: float = Field(0.0, ge=0, le=0.5)
    swapped_labels: float = Field(0.0, ge=0, le=0.5)
    leaked: float = Field(0.0, ge=0, le=0.5)


class EmbedSettings(Group):
    """How rows become vectors."""

    encoder: str = "auto"


class FindSettings(Group):
    """How duplicates, leaks, wrong labels and outliers are found.

    ``keep`` says which copy stays: connected, first, medoid, label_agreement, resolution, length or
    column:NAME. ``compare`` is for pictures: crops finds cropped and mirrored copies too, turns
    also those turned by quarters.
    """

    near_threshold: float | Auto = "auto"
    near_precision: float = Field(0.95, gt=0, le=1)
    recall: float = Field(0.999, gt=0, le=1)
    label_method: str = "auto"
    keep: str = "connected"
    compare: Literal["auto", "crops", "turns"] = "auto"

    @field_validator("keep")
    @classmethod
    def _check_keep(cls, keep: str) -> str:
        from curation.keeping import check_keep

        return check_keep(keep)


class DecideSettings(Group):
    """What is done about what was found. Test rows are only ever reported.

    ``labels = "auto"`` drops rows whose label looks wrong where the data shows that there are wrong
    labels at all, and only marks them for review where it does not.
    """

    near_duplicates: Literal["drop", "review", "none"] = "drop"
    labels: Literal["auto", "drop", "relabel", "review", "none"] = "auto"
    outliers: Literal["drop", "review", "none"] = "review"


class BudgetSettings(Group):
    """Keep only this many training rows (a core set)."""

    rows: int | None = Field(None, ge=1)
    method: str = "auto"


class LabelSettings(Group):
    """Active learning: train on this many labels only, chosen by `strategy`."""

    budget: int | None = Field(None, ge=2)
    strategy: str = "auto"
    rounds: int = Field(5, ge=1)


class AugmentSettings(Group):
    """The augmentation policy: a name, or "auto" to let the labels at hand decide.

    ``budget_s`` bounds the CPU-seconds of that decision; the default is far above what it takes, so
    that a slow machine decides as a fast one does. With ``pilots``, so many short training runs of
    each candidate at most decide, within ``budget_s`` seconds of wall time; else harmful operations
    are taken out of the standard policy.
    """

    policy: str = "auto"
    budget_s: float = Field(60.0, gt=0)
    pilots: int = Field(0, ge=0, le=100)


class ModelSettings(Group):
    """A network and its training; "auto" is decided from the size and kind of the data."""

    model: str = "auto"
    width: int | Auto = "auto"
    epochs: int | Auto = "auto"
    batch_size: int | Auto = "auto"
    lr: float | Auto = "auto"
    seconds: float | Auto = "auto"


class TeacherSettings(ModelSettings):
    """The teacher; ``model`` may also name a pretrained one.

    ``timm:NAME``, ``transformers:NAME`` or ``sentence-transformers:NAME``, where NAME may be a
    folder. ``mode`` and ``rank`` are for those: what of it is trained, and the rank of adapters.
    """

    mode: Literal["frozen", "fine_tune", "lora"] = "frozen"
    rank: int = Field(8, ge=1)


class DistilSettings(Group):
    """How the student learns from the teacher (Hinton et al., 2015)."""

    temperature: float | Auto = "auto"
    alpha: float = Field(0.9, ge=0, le=1)


class QuantizeSettings(Group):
    """How the student becomes an integer model.

    A ``portable`` range of weights gives the same answers on every processor; a ``full`` one is
    exact only where integer kernels add in 32 bits (x86 with VNNI, Arm).
    """

    method: Literal["auto", "ptq", "qat"] = "qat"
    weight_bits: Literal[4, 8] = 8
    weight_range: Literal["portable", "full"] = "portable"
    epochs: int = Field(2, ge=1)
    calibration_rows: int = Field(512, ge=1)


class GateSettings(Group):
    """Limits that the exported int8 model must meet; the command leaves with 3 otherwise."""

    min_agreement: float | None = Field(0.99, ge=0, le=1)
    max_accuracy_drop: float | None = Field(0.02, ge=0, le=1)
    min_accuracy: float | None = Field(None, ge=0, le=1)
    max_size_ratio: float | None = Field(None, gt=0)
    min_speedup: float | None = Field(None, gt=0)


class CostSettings(Group):
    """What the machine costs, to tell the run's price; by device, ``cpu`` or ``cuda``."""

    price_per_hour: dict[Literal["cpu", "cuda"], Annotated[float, Field(ge=0)]] = {}

    @property
    def prices(self) -> dict[str, float]:
        """The same, by any text."""
        return {str(device): price for device, price in self.price_per_hour.items()}


class Settings(Group):
    """All settings of a run."""

    seed: int = Field(0, ge=0, lt=2**32)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | Auto = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    curate: bool = True
    baseline: bool = False
    data: DataSettings = DataSettings()
    plant: PlantSettings = PlantSettings()
    embed: EmbedSettings = EmbedSettings()
    find: FindSettings = FindSettings()
    decide: DecideSettings = DecideSettings()
    budget: BudgetSettings = BudgetSettings()
    label: LabelSettings = LabelSettings()
    augment: AugmentSettings = AugmentSettings()
    teacher: TeacherSettings = TeacherSettings()
    student: ModelSettings = ModelSettings()
    distil: DistilSettings = DistilSettings()
    quantize: QuantizeSettings = QuantizeSettings()
    gate: GateSettings = GateSettings()
    cost: CostSettings = CostSettings()


def resolve(
    *,
    config: str | os.PathLike[str] | None = None,
    overrides: Iterable[str] = (),
    values: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Settings:
    """Merge the defaults, a TOML file, ``a.b=c`` overrides and nested values, later ones winning.

    `defaults` are those of a command, which take the place of the settings' own.

    Raises
    ------
    InputError
        For a file that is not TOML, an unknown name (with the closest known one), a wrong value.
    """
    tree: dict[str, Any] = {}
    _merge(tree, defaults or {})
    _merge(tree, {} if config is None else _read_toml(Path(config)))
    for override in overrides:
        _set(tree, override)
    _merge(tree, values or {})
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise InputError(_explain(error)) from error


def to_toml(settings: Settings, choices: Mapping[str, str]) -> str:
    """Return settings as TOML that `resolve` reads, with the automatic choices as a table."""
    tree = settings.model_dump(exclude_none=True)
    return tomli_w.dumps({**tree, "choices": dict(sorted(choices.items()))})


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The config file {path} cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The config file {path} is not valid TOML: {error}.") from error
    tree.pop("choices", None)  # a record of an earlier run, not a setting
    return tree


def _set(tree: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise InputError(f"`--set` takes name=value, such as teacher.epochs=5; got {override!r}.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = None if text == "none" else text
    *groups, leaf = name.split(".")
    for group in groups:
        tree = tree.setdefault(group, {})
        if not isinstance(tree, dict):
            raise InputError(f"`--set {override}`: {group!r} is a value, not a group of settings.")
    tree[leaf] = value


def _merge(tree: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping) and isinstance(tree.get(name), dict):
            _merge(tree[name], value)
        else:
            tree[name] = dict(value) if isinstance(value, Mapping) else value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        group: Any = Settings
        for part in path[:-1]:
            group = group.model_fields[part].annotation
        known = list(group.model_fields)
        return (
            f"There is no setting '{'.'.join(path)}'.{did_you_mean(path[-1], known)} "
            f"Known here: {', '.join(known)}."
        )
    # A union of types adds the type that failed to the path: "teacher.epochs.int".
    name = ".".join(part for part in path if part not in TYPES)
    reasons = "; or ".join(
        dict.fromkeys(item["msg"] for item in error.errors() if str(item["loc"][0]) == path[0])
    )
    return f"The setting '{name}' cannot be {first['input']!r}: {reasons}."

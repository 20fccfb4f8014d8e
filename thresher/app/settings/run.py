"""All settings of a run."""

from __future__ import annotations

from typing import Literal

from .curation import (
    BudgetSettings,
    DataSettings,
    DecideSettings,
    EmbedSettings,
    FindSettings,
    LabelSettings,
    PlantSettings,
)
from .group import Auto, Count, Group, setting
from .models import (
    AugmentSettings,
    CostSettings,
    DistilSettings,
    GateSettings,
    QuantizeSettings,
    StudentSettings,
    TeacherSettings,
)


class Settings(Group):
    """All settings of a run; ``resolve`` merges those of a file and others.

    Examples
    --------
    >>> from thresher.app import Settings
    >>> Settings(data={"label": "stars"}).data.label
    'stars'
    """

    seed: int = setting("Seed of everything random.", 0, ge=0, lt=2**32)
    device: Literal["auto", "cpu", "cuda"] = setting("Where to compute: auto, cpu or cuda.", "auto")
    threads: Count | Auto = setting("Threads to compute with.", "auto")
    precision: Literal["auto", "fp32", "bf16"] = setting(
        "Numbers that training computes in; auto takes bfloat16 where processor and network gain "
        "by it.",
        "auto",
    )
    curate: bool = setting("Clean the data before training.", True)
    baseline: bool = setting("Also train the plain way, to compare.", False)
    reference: bool = setting(
        "Compare the int8 model with a plain reference, such as TF-IDF with logistic regression.",
        True,
    )
    data: DataSettings = DataSettings()
    plant: PlantSettings = PlantSettings()
    embed: EmbedSettings = EmbedSettings()
    find: FindSettings = FindSettings()
    decide: DecideSettings = DecideSettings()
    budget: BudgetSettings = BudgetSettings()
    label: LabelSettings = LabelSettings()
    augment: AugmentSettings = AugmentSettings()
    teacher: TeacherSettings = TeacherSettings()
    student: StudentSettings = StudentSettings()
    distil: DistilSettings = DistilSettings()
    quantize: QuantizeSettings = QuantizeSettings()
    gate: GateSettings = GateSettings()
    cost: CostSettings = CostSettings()

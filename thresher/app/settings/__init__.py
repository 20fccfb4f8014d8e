"""Settings of a run: declared once with meaning, default and limits, merged, checked, written."""

from .curation import (
    BudgetSettings,
    DataSettings,
    DecideSettings,
    EmbedSettings,
    FindSettings,
    LabelSettings,
    PlantSettings,
)
from .describing import Described, described, groups, meaning
from .group import Group
from .models import (
    AugmentSettings,
    CostSettings,
    DistilSettings,
    GateSettings,
    ModelSettings,
    QuantizeSettings,
    StudentSettings,
    TeacherSettings,
)
from .resolving import resolve, settings_of
from .run import Settings
from .writing import to_toml

__all__ = [
    "AugmentSettings",
    "BudgetSettings",
    "CostSettings",
    "DataSettings",
    "DecideSettings",
    "Described",
    "DistilSettings",
    "EmbedSettings",
    "FindSettings",
    "GateSettings",
    "Group",
    "LabelSettings",
    "ModelSettings",
    "PlantSettings",
    "QuantizeSettings",
    "Settings",
    "StudentSettings",
    "TeacherSettings",
    "described",
    "groups",
    "meaning",
    "resolve",
    "settings_of",
    "to_toml",
]

"""What all groups of settings have in common."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Auto = Literal["auto"]
# Limits of one kind of a union: those of the whole setting would be asked of "auto" too.
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class Group(BaseModel):
    """A group of settings; unknown names and wrong types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


def setting(meaning: str, default: Any = None, **limits: Any) -> Any:
    """Declare a setting: its meaning in a sentence, its default, and limits as `Field` takes them.

    The tables in the documentation, the comments in ``config.toml`` and the help of the commands
    are made of this.
    """
    return Field(default, description=meaning, **limits)

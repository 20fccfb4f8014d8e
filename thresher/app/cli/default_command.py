"""A group of commands of which one is meant when none is named."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

DEFAULT = "all"


class DefaultGroup(TyperGroup):
    """Takes ``thresher curate DATA`` for ``thresher curate all DATA``.

    A first word that is no command is an argument of the default one. A file that is called like a
    command is given as ``./report``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the default command."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [DEFAULT, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

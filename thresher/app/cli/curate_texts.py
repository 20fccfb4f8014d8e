"""``thresher curate chat``: what is looked for in texts for language models."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from .. import curate_chat
from .finding import Asked

Tokenizer = Annotated[
    Path | None,
    typer.Option(help="Count in tokens of this tokenizer.json, or of a folder that has one."),
]
Encoder = Annotated[
    str, typer.Option(help="Makes the vectors: joined:text, builtin:text, st:MODEL, hf:MODEL, ….")
]


def chat(
    *,
    by: Annotated[
        str, typer.Option(help="What counts as a copy: whole, prompt, answer, part, meaning.")
    ] = "whole,prompt,answer,part",
    keep: Annotated[
        str,
        typer.Option(
            help="Of copies stays: best (the longest answer without a fault), first, or "
            "column:NAME for the highest number in a column."
        ),
    ] = "best",
    drop: Annotated[
        str,
        typer.Option(help="Kinds of faults whose rows go, such as refusal,placeholder; or all."),
    ] = "",
    tokenizer: Tokenizer = None,
    closeness: Annotated[
        float, typer.Option(help="Cosine from which rows are close by meaning, in (0, 1].")
    ] = 0.9,
    encoder: Encoder = "auto",
) -> Asked:
    """Find copies among conversations, and turns and answers with faults.

    Reads messages, conversations, prompt and answer, chosen and rejected; --text names the column
    of turns, or those of the prompt and the answer, the answer last.

    Example: thresher curate chat chats.jsonl --clean clean.jsonl
    """
    return partial(
        curate_chat,
        by=by,
        keep=keep,
        drop=drop,
        tokenizer="words" if tokenizer is None else tokenizer,
        closeness=closeness,
        encoder=encoder,
    )

"""``thresher curate chat | personal | score``: what is looked for in texts for language models."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from .. import curate_chat, curate_personal, curate_score
from .curate_find import Vectors
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
        str,
        typer.Option(help="What counts as a copy: whole, prompt, answer, part, meaning; or auto."),
    ] = "auto",
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


def personal(
    *,
    action: Annotated[
        str, typer.Option(help="report, drop the rows, or mask the data in what --clean writes.")
    ] = "report",
    kinds: Annotated[
        str, typer.Option(help="What is looked for: email, iban, card, id, ip, phone.")
    ] = "email,iban,card,id,ip,phone",
    mask: Annotated[
        str, typer.Option(help="What stands for a piece; {kind} is its kind in capitals.")
    ] = "[{kind}]",
) -> Asked:
    """Find addresses and numbers of people, by form and check digits.

    Masked texts keep everything else, to the byte; what was masked is kept nowhere.

    Example: thresher curate personal mails.jsonl --action mask --clean masked.jsonl
    """
    return partial(curate_personal, action=action, kinds=kinds, mask=mask)


def score(
    *,
    labels: Annotated[
        Path, typer.Option(help="Judged rows: row_id and label, as `thresher label export` writes.")
    ],
    good: Annotated[str, typer.Option(help="The labels of good rows, separated by commas.")] = "",
    at_least: Annotated[
        float | None, typer.Option(help="Instead: labels are numbers, good from this one on.")
    ] = None,
    precision: Annotated[
        float, typer.Option(help="Share of good rows among those that stay, with 95 % confidence.")
    ] = 0.9,
    action: Annotated[str, typer.Option(help="For rows below: drop or review.")] = "drop",
    encoder: Encoder = "auto",
    embeddings: Vectors = None,
    scores: Annotated[
        Path | None, typer.Option(help="The score of each row: .csv, .jsonl or .parquet.")
    ] = None,
) -> Asked:
    """Learn from a few hundred judged texts which ones are good, and keep those.

    Draw the judged rows at random: the precision is that of such rows.

    Example: thresher curate score web.jsonl --labels labels.csv --good yes --clean good.jsonl
    """
    return partial(
        curate_score,
        labels=labels,
        good=good,
        at_least=at_least,
        precision=precision,
        action=action,
        encoder=encoder,
        embeddings=embeddings,
        scores=scores,
    )

"""Conversations made from public texts, with copies of six kinds and look-alikes planted.

Two sources of conversations: documentation of installed packages (what a function does, answered
by its docstring) and questions of TREC answered by sentences about films (SUBJ); a fifth of them
have a second question. Look-alikes are rows that hardly differ and are not copies: an own
row with another number, name or a "not" in it, and letters and sums of one template.
"""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

KINDS = ("equal", "form", "edited", "other answer", "other prompt", "wrapped")
LOOK_ALIKES = ("number", "name", "negation", "template")
ASKED = ("What does {} do?", "Tell me how {} is used.", "I would like to know about {}.")
NAMES = (
    *("Anna", "Boris", "Chloe", "Daniel", "Elena", "Farid", "Greta", "Hiro", "Ines", "Jonas"),
    *("Keiko", "Lars", "Maria", "Nadia", "Oscar", "Petra", "Quentin", "Rosa", "Stefan", "Tomas"),
)
CITIES = (
    "Bergen",
    "Cairo",
    "Denver",
    "Essen",
    "Geneva",
    "Hanoi",
    "Lima",
    "Milan",
    "Osaka",
    "Porto",
)
COURTESIES = (
    ("Sure! Here is what I know.\n", " I hope this helps!"),
    ("Certainly! ", "\n\nLet me know if you need anything else."),
    ("Great question! ", " Feel free to ask more."),
)
SYSTEMS = ("You are a helpful assistant.", "You are an AI assistant that helps people.")
FUNCTION_WORDS = re.compile(r"\b(?:the|a|of|is|that|with|for) ")
Turns = list[tuple[str, str]]


@dataclass
class Planted:
    """Rows of turns, and which of them are copies of which.

    Attributes
    ----------
    rows : list of list of (role, text)
    family : list of int
        Equal for copies of one conversation; each other row has its own.
    kind : list of str
        Of planted rows what they are, else empty.
    """

    rows: list[Turns] = field(default_factory=list)
    family: list[int] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)

    def add(self, turns: Turns, *, kind: str = "", family: int | None = None) -> int:
        """Add a row, of a family of its own unless it is a copy."""
        self.rows.append(turns)
        self.family.append(len(self.rows) - 1 if family is None else family)
        self.kind.append(kind)
        return len(self.rows) - 1


def plant(base: list[Turns], rng: np.random.Generator, *, each: int) -> Planted:
    """Plant `each` copies of each kind and look-alikes of each, and shuffle."""
    found = Planted()
    for turns in base:
        found.add(turns)
    order = rng.permutation(len(base)).tolist()
    long = [row for row in order if len(base[row]) > 2]
    for kind in KINDS:
        for at in range(each):
            cut = kind == "wrapped" and at % 2 == 1 and bool(long)
            # Of several questions the whole side of the user is the prompt.
            short = kind == "other answer"
            row = next(r for r in (long if cut else order) if not (short and len(base[r]) > 2))
            order.remove(row)
            if row in long:
                long.remove(row)
            turns = base[row][:2] if cut else EDITS[kind](base[row], rng, base)
            found.add(turns, kind=kind, family=row)
    for kind in LOOK_ALIKES[:3]:
        made = 0
        for row in list(order):
            turns = changed(base[row], kind, rng)
            if turns is not None and made < each:
                found.add(turns, kind=f"look-alike: {kind}")
                order.remove(row)
                made += 1
    for turns in templates(rng, each):
        found.add(turns, kind="look-alike: template")
    return shuffled(found, rng)


def shuffled(found: Planted, rng: np.random.Generator) -> Planted:
    order = rng.permutation(len(found.rows))
    place = np.argsort(order)
    return Planted(
        [found.rows[at] for at in order],
        [int(place[found.family[at]]) for at in order],
        [found.kind[at] for at in order],
    )


def documented(packages: tuple[str, ...]) -> list[Turns]:
    """Return a question and the docstring for each function of some packages."""
    found, seen = [], set()
    for name, text in docstrings(packages):
        words = text.split()
        if len(words) < 25 or " ".join(words) in seen:
            continue
        seen.add(" ".join(words))
        number = len(found)
        pieces = [piece.strip() for piece in re.split(r"\n\s*\n", text) if piece.strip()]
        turns = [("user", ASKED[number % 3].format(name)), ("assistant", "\n\n".join(pieces[:3]))]
        if number % 5 == 0 and len(pieces) > 3:
            turns += [("user", f"And what more is there to {name}?"), ("assistant", pieces[3])]
        found.append(turns)
    return found


def docstrings(packages: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for package in packages:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(package)
            for name in sorted(vars(module)):
                thing = getattr(module, name, None)
                if name.startswith("_") or not callable(thing):
                    continue
                text = inspect.getdoc(thing) or ""
                text = "\n\n".join(re.split(r"\n\s*\n", text)[:8])
                if text and not text.isascii():
                    continue
                yield f"{package}.{name}", re.sub(r"\n-{3,}\n", "\n", text)


def asked_and_answered(folder: Path, rng: np.random.Generator, *, rows: int) -> list[Turns]:
    """Return questions of TREC, each once, with two to four sentences of SUBJ as an answer."""
    table = pq.read_table(folder / "text_classification.parquet").to_pylist()
    questions = list(dict.fromkeys(r["text"] for r in table if r["dataset"] == "trec"))
    said = list(dict.fromkeys(r["text"] for r in table if r["dataset"] == "subj"))
    rng.shuffle(questions)
    rng.shuffle(said)
    found: list[Turns] = []
    sentences = iter(said)
    for number, question in enumerate(questions[:rows]):
        answer = " ".join(next(sentences) for _ in range(2 + number % 2))
        turns = [("user", question), ("assistant", answer)]
        if number % 5 == 0:
            turns += [("user", questions[-1 - number // 5]), ("assistant", next(sentences))]
        found.append(turns)
    return found


def equal(turns: Turns, rng: np.random.Generator, base: list[Turns]) -> Turns:  # noqa: ARG001
    return list(turns)


def form(turns: Turns, rng: np.random.Generator, base: list[Turns]) -> Turns:  # noqa: ARG001
    """Change case, spaces, final stops and marks of Markdown."""
    done = []
    for role, text in turns:
        words = re.split(r"(\s+)", text)
        if role == "assistant":
            bold = [f"**{w}**" if w.isalpha() and rng.random() < 0.1 else w for w in words]
            done.append((role, "".join(bold).replace(". ", ".  ")))
        else:
            plain = text.lower() if rng.random() < 0.7 else text.upper()
            done.append(
                (role, "  ".join(plain.rstrip(" ?.").split()) + rng.choice(["", "?", " ?"]))
            )
    return done


def edited(turns: Turns, rng: np.random.Generator, base: list[Turns]) -> Turns:  # noqa: ARG001
    """Mistype a letter in thirty words, leave out a word that all texts have, change one in 40."""
    done = []
    for role, text in turns:
        words = text.split(" ")
        for _ in range(max(1, len(words) // 30)):
            long = [at for at, word in enumerate(words) if len(word) > 5 and word.isalpha()]
            if long:
                at = int(rng.choice(long))
                words[at] = swapped(words[at], rng)
        new = FUNCTION_WORDS.sub("", " ".join(words), count=1)
        if role == "assistant" and len(words) > 60:
            new = new.replace(" used ", " employed ", 1).replace(" given ", " supplied ", 1)
        done.append((role, new))
    return done


def swapped(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word) - 2))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def other_answer(turns: Turns, rng: np.random.Generator, base: list[Turns]) -> Turns:
    """Ask the same and answer with parts of what two other rows answer."""
    parts = [base[int(at)][1][1].split(" ") for at in rng.integers(len(base), size=2)]
    words = [word for part in parts for word in part[: int(rng.integers(8, 30))]]
    return [*form(turns[:1], rng, base), ("assistant", " ".join(words) + ".")]


def other_prompt(turns: Turns, rng: np.random.Generator, base: list[Turns]) -> Turns:
    """Ask something else that has the same answers."""
    other, more = (base[int(at)][0][1] for at in rng.integers(len(base), size=2))
    return [("user", f"{other} And then: {more[:1].lower()}{more[1:]}"), *turns[1:]]


def wrapped(turns: Turns, rng: np.random.Generator, base: list[Turns]) -> Turns:  # noqa: ARG001
    """Put a system that says nothing before it, and courtesies around the answer and question."""
    opening, closing = COURTESIES[int(rng.integers(len(COURTESIES)))]
    done = [("system", str(rng.choice(SYSTEMS)))]
    for role, text in turns:
        if role == "assistant":
            done.append((role, opening + text + closing))
        else:
            done.append((role, f"Hello! {text}" if rng.random() < 0.5 else f"{text} Thanks!"))
    return done


EDITS: dict[str, Callable[[Turns, np.random.Generator, list[Turns]], Turns]] = dict(
    zip(KINDS, (equal, form, edited, other_answer, other_prompt, wrapped), strict=True)
)


def changed(turns: Turns, kind: str, rng: np.random.Generator) -> Turns | None:
    """Return a row that says something else, by a word in question and answer, or None."""
    (_, prompt), (_, answer) = turns[:2]

    def other(found: re.Match[str]) -> str:
        return str(int(found[0]) + 1 + int(rng.integers(8)))

    if kind == "number":
        said, count = re.subn(r"\d+", other, answer, count=1)
        asked, numbers = re.subn(r"\d+", other, prompt, count=1)
        asked = asked if numbers else f"{prompt} Give {rng.integers(2, 9)} examples."
    elif kind == "negation":
        said, count = re.subn(r"\b(is|are|can|will|was|must) (?!not)", r"\1 not ", answer, count=1)
        asked = f"It is not so, is it? {prompt}"
    else:
        asked = f"{prompt.rstrip('?. ')} in {rng.choice(CITIES)}?"
        said, count = f"As {rng.choice(NAMES)} says: {answer}", 1
    return [("user", asked), ("assistant", said)] if count else None


def templates(rng: np.random.Generator, count: int) -> Iterator[Turns]:
    """Yield letters, sums and journeys, each with names and numbers of its own."""
    seen: set[str] = set()
    while len(seen) < count:
        a, b = rng.choice(NAMES, 2, replace=False)
        c, d = rng.choice(CITIES, 2, replace=False)
        m, n = rng.integers(11, 900, 2)
        made = [
            (
                f"Write a short letter to {a} in {c} about order {m}.",
                f"Dear {a},\nyour order {m} has left our house in {d} and will be in {c} in "
                f"{n % 9 + 2} days.\nYours, {b}",
            ),
            (
                f"A train goes {m} km from {c} to {d} at {n} km an hour. How long does it take?",
                f"The way is {m} km long and the train goes {n} km an hour, so that it takes {m} / "
                f"{n} = {m / n:.2f} hours to get from {c} to {d}.",
            ),
            (
                f"{a} has {m} apples and gives {n % m} of them to {b}. How many are left?",
                f"{a} had {m} apples and gave {n % m} of them away, so that {m - n % m} apples "
                "are left.",
            ),
        ][int(rng.integers(3))]
        if made[0] not in seen:
            seen.add(made[0])
            yield [("user", made[0]), ("assistant", made[1])]


PACKAGES = {
    "numpy, scipy": (
        *("numpy", "scipy.stats", "scipy.signal", "scipy.linalg", "scipy.ndimage"),
        "scipy.special",
    ),
    "torch, pandas, sklearn": (
        *("torch", "torch.nn", "torch.nn.functional", "torch.optim", "pandas", "sklearn.metrics"),
        *("sklearn.linear_model", "sklearn.preprocessing", "sklearn.ensemble", "networkx"),
        "sympy",
    ),
    "pyarrow, standard library": (
        *("pyarrow", "pyarrow.compute", "os", "os.path", "re", "json", "statistics", "itertools"),
        *("functools", "random", "datetime", "argparse", "logging", "subprocess", "shutil", "math"),
        *("textwrap", "collections", "urllib.parse", "zipfile", "tarfile", "sqlite3", "decimal"),
        *("asyncio", "threading", "typing", "inspect", "difflib", "heapq", "locale", "socket"),
        *("rich.console", "jinja2", "starlette.requests", "httpx", "requests", "typer", "datasets"),
    ),
}


def sources(folder: Path, rng: np.random.Generator, rows: int) -> dict[str, Callable[[], Any]]:
    """Return how to make each set: the first was looked at while rules were made."""

    def limited(packages: tuple[str, ...]) -> list[Turns]:
        found = documented(packages)
        return [found[at] for at in sorted(rng.permutation(len(found))[:rows].tolist())]

    docs = {name: partial(limited, packages) for name, packages in PACKAGES.items()}
    return {**docs, "TREC, SUBJ": partial(asked_and_answered, folder, rng, rows=rows)}

"""Claim: with a classifier, `consensus` keeps up with the best of three methods, kind by kind.

Of most kinds of crowds, on average; in single crowds one of the three may be ahead. They are the
majority, Dawid and Skene's estimate and CROWDLAB, the last two ours; cleanlab's own beside them.
The classifier is the head of a session: logistic regression on the features, fitted on what most
people said, asked about rows held out.

Crowds of two to five people who answer every row, or some of whom answer each row; one of them
may guess, give one class, or give the next class instead of the right one; people may share their
errors, or a quarter of the rows may be hard. Two to twenty classes, 40 to 400 rows, features as
they are, with noise (middling, weak), or none at all. Crowds in which most rows have one answer.
One crowd of people: three labels of CIFAR-10N a row. Three whose classifier is made up, right for
so many of the rows: dog, duck and adult2.

The choice among methods was made on digits, CIFAR-10's features and Gaussian clouds, with other
seeds; none of these is here but other rows of CIFAR-10 with people's labels. The tables judge
Banking77, breast cancer, phoneme, ionosphere and the crowds of people.

Data: the folder in THRESHER_DATA, as in `active_learning_crowds` and `curation_labels`.
Peer: pip install cleanlab

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/active_learning_crowd_classifier.py
"""

from __future__ import annotations

import argparse
import os
import platform
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from active_learning import LogisticHead
from active_learning.annotators.classes import Votes, label_consensus
from active_learning.learners.crossfit import cross_fit
from thresher.core.files import write_json

KINDS = ("all fair", "one guesses", "one says one class", "one says the next", "shared errors")
HARD = "hard rows"
SETS = ("banking77", "breast cancer", "phoneme", "ionosphere")
EVIDENCE = {"strong": 0.0, "middling": 1.5, "weak": 4.0, "none": np.inf}
OVERLAPS = (0.0, 0.1, 0.3, 0.6)
OURS, THREE = "auto", ("majority", "dawid_skene", "crowdlab")
Rows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Crowd:
    """Who said what, what a classifier says of each row, and the truth."""

    family: str
    people: int
    evidence: str
    votes: Votes
    probs: np.ndarray
    truth: np.ndarray


def unit(X: np.ndarray) -> np.ndarray:
    """Return rows of unit length, each column with mean 0 and spread 1 before."""
    wide = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-6)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), np.float32)


def read(name: str, folder: Path) -> Rows:
    """Return features and classes of a set."""
    if name == "breast cancer":
        from sklearn.datasets import load_breast_cancer

        X, y = load_breast_cancer(return_X_y=True)
        return unit(X), y
    if name == "banking77":
        with np.load(folder / "emb_minilm_banking77.npz") as file:
            ids, X = file["id"], file["emb"].astype(np.float32)
        table = pq.read_table(folder / "text_classification.parquet").to_pandas()
        labels = table.set_index("id").loc[ids]["label_name"].to_numpy(str)
        return unit(X), np.unique(labels, return_inverse=True)[1]
    with np.load(folder / "tabular_small.npz", allow_pickle=True) as file:
        X, y = file[f"{name}_X"].astype(float), file[f"{name}_y"]
    return unit(X), np.unique(y, return_inverse=True)[1]


def drawn(rows: Rows, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int, str]:
    """Return features (with noise), classes and their number, and how much the features know."""
    X, y = rows
    classes = min(int(rng.choice([2, 3, 5, 10, 20])), len(np.unique(y)))
    chosen = np.sort(rng.choice(np.unique(y), classes, replace=False))
    inside = np.flatnonzero(np.isin(y, chosen))
    here = rng.choice(inside, min(int(rng.choice([40, 120, 400])), len(inside)), replace=False)
    x, evidence = X[here], str(rng.choice(list(EVIDENCE)))
    noise = rng.normal(size=x.shape) * x.std()
    weight = EVIDENCE[evidence]
    x = unit(noise) if np.isinf(weight) else x if weight == 0 else unit(x + weight * noise)
    return x, np.searchsorted(chosen, y[here]), classes, evidence


def answers(
    truth: np.ndarray, classes: int, people: int, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """Return what each would say of each row, int64 (rows, people)."""
    n, said = len(truth), np.empty((len(truth), people), np.int64)
    habit = rng.dirichlet(np.full(classes, 0.5), size=classes)
    hard = (rng.random(n) < 0.25) & (kind == HARD)
    for person in range(people):
        own = rng.dirichlet(np.full(classes, 0.7), size=classes)
        errors = 0.7 * (habit if kind == "shared errors" else own) + 0.3 / classes
        np.fill_diagonal(errors, 0.0)
        errors /= errors.sum(axis=1, keepdims=True)
        skill = np.where(hard, 0.5 if classes == 2 else 0.4, rng.uniform(0.6, 0.97))
        wrong = np.array([rng.choice(classes, p=errors[code]) for code in truth])
        said[:, person] = np.where(rng.random(n) < skill, truth, wrong)
    guess = rng.integers(classes, size=n)
    if kind == "one guesses":
        said[:, 0] = guess
    elif kind == "one says one class":
        said[:, 0] = np.where(rng.random(n) < 0.95, rng.integers(classes), guess)
    elif kind == "one says the next":
        said[:, 0] = np.where(rng.random(n) < 0.8, (truth + 1) % classes, guess)
    return said


def crowd_of(
    said: np.ndarray,
    asked: np.ndarray,
    x: np.ndarray,
    truth: np.ndarray,
    classes: int,
    **about: Any,
) -> Crowd:
    """Return a crowd whose classifier learned from what most people said."""
    rows, people = np.nonzero(asked)
    names = np.array([f"c{code:02d}" for code in range(classes)])
    votes = Votes.of(
        np.array([f"r{row:05d}" for row in rows]),
        np.array([f"p{person:02d}" for person in people]),
        names[said[rows, people]],
        classes=tuple(names.tolist()),
    )
    probs = cross_fit(
        LogisticHead(),
        x,
        rows=np.arange(len(x)),
        targets=votes.counts().argmax(axis=1),
        num_classes=classes,
        folds=5,
    )
    return Crowd(people=said.shape[1], votes=votes, probs=probs.astype(float), truth=truth, **about)


def asked_of(n: int, people: int, each: float, rng: np.random.Generator) -> np.ndarray:
    """Return who is asked of which row: `each` people, a fraction by chance."""
    asked = np.zeros((n, people), bool)
    for row in range(n):
        number = int(each) + int(rng.random() < each % 1)
        asked[row, rng.choice(people, number, replace=False)] = True
    return asked


def simulated(folder: Path, *, seed: int, repeats: int) -> Iterator[Crowd]:
    """Yield crowds that are made up on real features."""
    rng = np.random.default_rng(seed)
    for name in SETS:
        rows = read(name, folder)
        for kind in (*KINDS, HARD):
            for _ in range(repeats):
                x, truth, classes, evidence = drawn(rows, rng)
                people = int(rng.integers(2, 6))
                each = people if rng.random() < 0.6 else max(2, int(rng.integers(2, people + 1)))
                said = answers(truth, classes, people, kind, rng)
                asked = asked_of(len(truth), people, each, rng)
                yield crowd_of(said, asked, x, truth, classes, family=kind, evidence=evidence)
        for overlap in OVERLAPS:
            for at in range(repeats):
                x, truth, classes, evidence = drawn(rows, rng)
                people = int(rng.integers(2, 9))
                said = answers(truth, classes, people, KINDS[at % 2], rng)
                asked = asked_of(len(truth), people, 1 + overlap, rng)
                family = f"{100 * overlap:.0f} % of the rows have two answers, others one"
                yield crowd_of(said, asked, x, truth, classes, family=family, evidence=evidence)


def of_people(folder: Path, *, seed: int, repeats: int) -> Iterator[Crowd]:
    """Yield CIFAR-10N's three labels a row, and three crowds with a made-up classifier."""
    rng = np.random.default_rng(seed)
    table = pq.read_table(folder / "cifar10n_labels_first25k.parquet").to_pandas()
    with np.load(folder / "emb_cifar10_coates_pca128.npz") as file:
        vectors = next(file[key] for key in file.files if file[key].ndim == 2)[:25_000]
    for _ in range(4 * repeats):
        here = rng.choice(np.arange(10_000, 25_000), int(rng.choice([120, 400])), replace=False)
        said = table[["random1", "random2", "random3"]].to_numpy()[here]
        codes = np.unique(table["clean"].to_numpy(), return_inverse=True)
        places = np.searchsorted(codes[0], said)
        x, asked = unit(vectors[here].astype(np.float32)), np.ones(said.shape, bool)
        about = {"family": "CIFAR-10N, three labels a row", "evidence": "weak"}
        yield crowd_of(places, asked, x, codes[1][here], len(codes[0]), **about)
    labels = pq.read_table(folder / "crowd_labels.parquet").to_pandas()
    truths = pq.read_table(folder / "crowd_truth.parquet").to_pandas()
    for name in ("dog", "duck", "adult2"):
        known = truths[truths["dataset"] == name].set_index("item")["truth"].astype(str)
        part = labels[(labels["dataset"] == name) & labels["item"].isin(known.index)]
        columns = (part[column].to_numpy(str) for column in ("item", "worker", "label"))
        votes = Votes.of(
            *columns, classes=tuple(sorted(set(part["label"].astype(str)) | set(known)))
        )
        truth = np.array([votes.classes.index(known[item]) for item in votes.row_ids.tolist()])
        for right in (0.3, 0.6, 0.9):
            probs = made_up(truth, len(votes.classes), right, rng)
            family = f"{name}, with a made-up classifier"
            yield Crowd(family, len(votes.names), f"{100 * right:.0f} % right", votes, probs, truth)


def made_up(truth: np.ndarray, classes: int, right: float, rng: np.random.Generator) -> np.ndarray:
    """Return probabilities whose highest is right in so many rows."""
    other = (truth + rng.integers(1, classes, size=len(truth))) % classes
    favorite = np.where(rng.random(len(truth)) < right, truth, other)
    probs = rng.dirichlet(np.ones(classes), size=len(truth))
    probs[np.arange(len(truth)), favorite] += 1.0
    return np.asarray(probs / probs.sum(axis=1, keepdims=True))


def cleanlab_labels(crowd: Crowd) -> np.ndarray:
    """Return cleanlab's consensus, as codes."""
    import pandas as pd
    from cleanlab.multiannotator import get_label_quality_multiannotator

    votes = crowd.votes
    table = np.full((len(votes.row_ids), len(votes.names)), np.nan)
    table[votes.rows, votes.annotators] = votes.codes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = get_label_quality_multiannotator(
            pd.DataFrame(table), crowd.probs, return_detailed_quality=False, verbose=False
        )
    return np.asarray(found["label_quality"]["consensus_label"].to_numpy().astype(int))


def judged(crowd: Crowd) -> dict[str, float | None]:
    """Return the share of right labels of each method."""
    truth = np.array(crowd.votes.classes)[crowd.truth]
    found: dict[str, float | None] = {}
    for method in (*THREE, OURS):
        probs = crowd.probs if method in ("crowdlab", OURS) else None
        said = label_consensus(crowd.votes, pred_probs=probs, method=method)
        found[method] = float((said.labels == truth).mean())
    try:
        found["cleanlab"] = float((cleanlab_labels(crowd) == crowd.truth).mean())
    except Exception:  # a peer's failure is a result
        found["cleanlab"] = None
    return found


def behind(row: dict[str, Any]) -> bool:
    """Return whether ours is clearly behind the best: by more than 2 points and two rows."""
    lost = max(row[method] for method in THREE) - row[OURS]
    return bool(lost > 0.02 and lost * row["rows"] > 2)


def _table(rows: list[dict[str, Any]], by: Callable[[dict[str, Any]], str], caption: str) -> Any:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(by(row), []).append(row)
    lines = []
    for name, group in groups.items():
        means = {
            method: _mean([row[method] for row in group]) for method in (*THREE, "cleanlab", OURS)
        }
        best = max(means[method] or 0.0 for method in THREE)
        clearly = float(np.mean([behind(row) for row in group]))
        cells = ["failed" if mean is None else f"{mean:.3f}" for mean in means.values()]
        lead = round((means[OURS] or 0.0) - best, 3) + 0.0  # adding 0 makes 0 of -0
        lines.append([name, len(group), *cells, f"{lead:+.3f}", f"{clearly:.2f}"])
    header = ["Crowds", "number", "majority", "Dawid–Skene", "CROWDLAB", "cleanlab", "ours"]
    return {"caption": caption, "header": [*header, "ours less the best", "behind"], "rows": lines}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the tables for the docs."""
    made = [row for row in rows if row["made"]]
    order = list(EVIDENCE).index
    by: tuple[tuple[str, Callable[[dict[str, Any]], tuple[int, str]]], ...] = (
        ("By people, made-up crowds", lambda row: (row["people"], f"{row['people']} people")),
        ("By what the features know", lambda row: (order(row["evidence"]), row["evidence"])),
        ("By classes", lambda row: (row["classes"], f"{row['classes']} classes")),
        ("By rows", lambda row: (row["size"], f"up to {row['size']} rows")),
    )
    return {
        "title": "Consensus with a classifier",
        "note": "Share of right labels, means over crowds that took no part in the choice. The "
        "best is that of majority, Dawid–Skene and CROWDLAB with the highest mean in the line; "
        "behind: share of crowds in which ours is more than 2 points and two rows below the best "
        f"of the three, which no rule can know beforehand. cleanlab {versions()['cleanlab']}.",
        "tables": [
            _table(rows, lambda row: str(row["family"]), "By kind of crowd"),
            *(
                _table(sorted(made, key=key), lambda row, key=key: key(row)[1], caption)
                for caption, key in by
            ),
        ],
    }


def versions() -> dict[str, str]:
    """Return the versions that matter."""
    try:
        peer = version("cleanlab")
    except PackageNotFoundError:
        peer = "not installed"
    return {"python": platform.python_version(), "numpy": np.__version__, "cleanlab": peer}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=12)
    arguments = parser.parse_args()
    folder, rows = Path(os.environ.get("THRESHER_DATA", ".")), []
    for made, crowds in ((True, simulated), (False, of_people)):
        for crowd in crowds(folder, seed=2026, repeats=arguments.repeats):
            n = len(crowd.truth)
            about = {"family": crowd.family, "people": crowd.people, "evidence": crowd.evidence}
            about |= {"made": made, "rows": n, "classes": len(crowd.votes.classes)}
            size = next((size for size in (40, 120, 400) if n <= size), n)
            rows.append(about | {"size": size} | judged(crowd))
            print(rows[-1], flush=True)
    if arguments.out:
        write_json(arguments.out, {"versions": versions(), "crowds": rows, "page": page(rows)})


if __name__ == "__main__":
    main()

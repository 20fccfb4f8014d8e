"""Claim: the lines in `curation.labels.signs` follow from sets whose truth is known.

Makes sets of noisy labels and what judges them: probes on vectors, whole or through few random
directions, and networks out of fold; labels that are clean, or wrong at random, towards classes
that are alike, by a matrix, or by people. Fits to each the line from the log-odds of the noise
model to the truth, regresses the lines on the signs (an empirical Bayes estimate: Laplace's
approximation for each set, then means and covariance over the sets, in turn), and prints the
constants beside those in the code, which came from 396 of these sets, and how many ranges hold the
truth with each source left out in turn.

Sets without an error count three tenths, and nothing for the covariance: their intercept is only
known to be low. Labels by people count tenfold for networks and sevenfold for probes: that is what
labels usually are, and there are few such sets. A set counts for at most 400 rows.

Data: the folder in THRESHER_DATA holds ``cifar10n_labels_first25k.parquet``, ``cifar10n_oof_pred_
probs_first25k.npz``, ``emb_cifar10_coates_pca128.npz``, ``emb_minilm_banking77.npz`` and ``text_
classification.parquet`` (see `curation_labels.py`). ``--cases FOLDER`` adds cases that
`curation_labels_families.py` keeps, of which those marked "tuned" were used.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/curation_labels_curve.py --out curve.json
Sets are kept in ``--sets`` (default: beside the results), so that a stopped run goes on from there.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from curation_labels import installed, read_banking77
from sklearn.datasets import load_digits

from curation.labels.curve import decide, seen_from
from curation.labels.evidence import gather
from curation.labels.finding import tells_classes
from curation.labels.inputs import read_inputs
from curation.labels.odds import logit, sigmoid, tempered
from curation.labels.posterior import error_log_odds, fit_noise_model
from curation.labels.signs import (
    AVERAGE_GAP,
    LARGEST_GAP,
    LEAST_SLOPE,
    MODELS,
    OTHER_SOURCES,
    PER_GAP,
    PLAIN,
    PROBES,
    read_signs,
)
from thresher.core.files import write_json

KINDS = [
    ("clean", 0.0),
    *[("uniform", rate) for rate in (0.01, 0.05, 0.2, 0.4)],
    *[("confusable", rate) for rate in (0.05, 0.2)],
    ("class_dependent", 0.2),
]
# Passes, width, weight decay and smoothing of the networks that are averaged.
NETWORKS = {
    "short": [(6, 64, 1e-2, 0.0)],
    "long": [(40, 128, 0.0, 0.0)],
    "several": [(8, 64, 1e-2, 0.0), (15, 128, 1e-2, 0.0), (25, 128, 0.0, 0.05)],
}
BY_NETWORKS = (
    "digits",
    "digits 10",
    "digits 3 or 8",
    "banking77",
    "banking12",
    "banking12 6",
)
CLEAN_COUNTS, MOST_ROWS, RIDGE, ROUNDS = 0.3, 400.0, 0.3, 10
PEOPLE_COUNT = {True: 10.0, False: 7.0}


@dataclass(frozen=True)
class Line:
    """A set as it is fitted to: signs, and log-odds with how many of so many rows are wrong."""

    name: str
    made: bool
    people: bool
    signs: np.ndarray  # 1 and the log-odds of the confident rows, the model, all rows
    log_odds: np.ndarray
    wrong: np.ndarray
    rows: np.ndarray

    @property
    def source(self) -> str:
        """What is left out together."""
        return self.name.replace("_", " ").split()[0].lower()


def unit(X: np.ndarray) -> np.ndarray:
    X = X - X.mean(axis=0)
    return np.asarray(X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9), np.float32)


def projected(X: np.ndarray, directions: int) -> np.ndarray:
    random = np.random.default_rng(directions).normal(size=(X.shape[1], directions))
    return unit(unit(X) @ random.astype(np.float32))


def bases(root: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Vectors and true classes, strong and weak, many rows and few."""
    X, y = load_digits(return_X_y=True)
    yield "digits", unit(X), y
    for directions in (3, 5, 10):
        yield f"digits {directions}", projected(X, directions), y
    some = np.random.default_rng(5).permutation(len(y))
    yield "digits of 200 rows", unit(X[some[:200]]), y[some[:200]]
    yield "digits 8 of 120 rows", projected(X, 8)[some[:120]], y[some[:120]]
    two = np.flatnonzero((y == 3) | (y == 8))
    yield "digits 3 or 8", unit(X[two]), (y[two] == 8).astype(int)
    yield "digits 3 or 8 4", projected(X[two], 4), (y[two] == 8).astype(int)
    X, y = read_banking77(root)
    rng = np.random.default_rng(0)
    some = np.sort(rng.permutation(len(y))[:5000])
    yield "banking77", unit(X[some]), y[some]
    for directions in (24, 8):
        yield f"banking77 {directions}", projected(X[some], directions), y[some]
    twelve = np.sort(rng.permutation(77)[:12])
    of = np.flatnonzero(np.isin(y, twelve))
    X, y = X[of], np.searchsorted(twelve, y[of])
    yield "banking12", unit(X), y
    yield "banking12 6", projected(X, 6), y
    some = rng.permutation(len(y))[:240]
    yield "banking12 of 240 rows", unit(X[some]), y[some]
    X, y = patches(root), people(root)["clean"]
    yield "cifar", unit(X[:6000]), y[:6000]
    yield "cifar 12", projected(X[:6000], 12), y[:6000]
    yield "cifar of 1500 rows", unit(X[6000:7500]), y[6000:7500]
    for name, pair, span in (
        ("two classes", (0, 1), (8000, 12000)),
        ("cats", (3, 5), (12000, 13000)),
    ):
        of = np.flatnonzero(np.isin(y[slice(*span)], pair)) + span[0]
        yield f"cifar {name}", unit(X[of]), (y[of] == pair[1]).astype(int)


def patches(root: Path) -> np.ndarray:
    with np.load(root / "emb_cifar10_coates_pca128.npz") as file:
        return np.asarray(file["emb"][:25_000], np.float32)


def people(root: Path) -> dict[str, np.ndarray]:
    """Labels of CIFAR-10N, with the worst of three answers as ``worst``."""
    table = pq.read_table(root / "cifar10n_labels_first25k.parquet")
    columns = {name: np.asarray(table[name]) for name in table.column_names}
    answers = np.stack([columns[f"random{i}"] for i in (1, 2, 3)])
    bad = answers != columns["clean"]
    drawn = (bad * np.random.default_rng(0).random(bad.shape)).argmax(axis=0)
    columns["worst"] = answers[np.where(bad.any(axis=0), drawn, 0), np.arange(answers.shape[1])]
    return columns


def with_noise(y: np.ndarray, X: np.ndarray, rate: float, kind: str) -> np.ndarray:
    """Swap labels at random, for one of three classes that are alike, or by a matrix."""
    rng, n, num_classes = (
        np.random.default_rng(int(rate * 100) + 7),
        len(y),
        int(y.max()) + 1,
    )
    if kind == "clean":
        return y.copy()
    if num_classes == 2:
        return np.where(rng.random(n) < rate, 1 - y, y)
    means = np.stack([X[y == k].mean(axis=0) for k in range(num_classes)])
    apart = np.square(means[:, None] - means).sum(axis=2) + 1e9 * np.eye(num_classes)
    near = np.argsort(apart, axis=1)[:, :3]
    if kind == "uniform":
        swapped = (y + rng.integers(1, num_classes, n)) % num_classes
        return np.where(rng.random(n) < rate, swapped, y)
    if kind == "confusable":
        swapped = near[y, rng.integers(0, 3, n)]
        return np.where(rng.random(n) < rate, swapped, y)
    rates = np.clip(rate * rng.gamma(2, 0.5, num_classes), 0, 0.45)
    rates = np.minimum(rates * rate / rates.mean(), 0.45)
    shares = rng.dirichlet(np.full(num_classes, 0.3), num_classes)
    shares[np.arange(num_classes), near[:, 0]] += 0.5
    np.fill_diagonal(shares, 0)
    shares /= shares.sum(axis=1, keepdims=True)
    swapped = (shares[y].cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return np.where((rng.random(n) < rates[y]) & (swapped != y), swapped, y)


def by_probes(X: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    names = [str(k) for k in range(num_classes)]
    inputs = read_inputs(labels, embeddings=X, pred_probs=None, row_ids=None, classes=names)
    evidence = gather(inputs, None, "auto", 0)
    assert evidence is not None  # there are vectors
    return evidence.probs


def by_networks(X: np.ndarray, labels: np.ndarray, num_classes: int, which: str) -> np.ndarray:
    """Average perceptrons of one hidden layer, four folds each."""
    import torch

    torch.set_num_threads(1)
    inputs = torch.tensor((X * np.sqrt(X.shape[1])).astype(np.float32))
    targets, found = torch.tensor(labels.astype(np.int64)), []
    for seed, (passes, width, decay, smoothing) in enumerate(NETWORKS[which]):
        torch.manual_seed(seed)
        fold_of = np.random.default_rng(seed).permutation(len(labels)) % 4
        probs = np.empty((len(labels), num_classes), np.float32)
        loss = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
        for fold in range(4):
            rest, held = (torch.tensor(np.flatnonzero(fold_of != fold)),
                          torch.tensor(np.flatnonzero(fold_of == fold)))  # fmt: skip
            model = torch.nn.Sequential(
                torch.nn.Linear(X.shape[1], width), torch.nn.ReLU(), torch.nn.Dropout(0.2),
                torch.nn.Linear(width, num_classes),
            )  # fmt: skip
            optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=decay)
            for _ in range(passes):
                for batch in rest[torch.randperm(len(rest))].split(128):
                    optimizer.zero_grad()
                    loss(model(inputs[batch]), targets[batch]).backward()
                    optimizer.step()
            with torch.no_grad():
                probs[held.numpy()] = model.eval()(inputs[held]).softmax(dim=1).numpy()
        found.append(probs)
    return np.mean(found, axis=0)


def as_if_learnt(
    probs: np.ndarray,
    truth: np.ndarray,
    labels: np.ndarray,
    *,
    jitter: float,
    seed: int,
) -> np.ndarray:
    """Return what a network would say that had learnt these labels: p = Tᵀq, with jitter."""
    transition = np.zeros((10, 10))
    np.add.at(transition, (truth, labels), 1)
    transition /= transition.sum(axis=1, keepdims=True)
    clean = probs**1.2
    mixed = clean / clean.sum(axis=1, keepdims=True) @ transition
    logits = np.log(mixed + 1e-6)
    logits += np.random.default_rng(seed).normal(size=mixed.shape) * jitter
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


Set = tuple[str, bool, str, np.ndarray, np.ndarray, np.ndarray]


def made_sets(root: Path, folder: Path) -> Iterator[Set]:
    """Yield name, whether by networks, family, probabilities, labels and truth."""
    for name, X, y in bases(root):
        for kind, rate in KINDS:
            if y.max() == 1 and kind not in ("clean", "uniform"):
                continue
            labels = with_noise(y, X, rate, kind)
            ways = ["probes"]
            if name in BY_NETWORKS:
                ways += ["several"] if name == "banking77" else [*NETWORKS]
            for way in ways:
                path = folder / f"{name}_{kind}_{rate}_{way}.npy".replace(" ", "-")
                if not path.exists():
                    made = (
                        by_probes(X, labels, int(y.max()) + 1)
                        if way == "probes"
                        else by_networks(X, labels, int(y.max()) + 1, way)
                    )
                    np.save(path, made)
                yield path.stem, way != "probes", kind, np.load(path), labels, y


def human_sets(root: Path) -> Iterator[Set]:
    """CIFAR-10N by probes on patches, by two networks, and as if these had learnt worse labels."""
    columns, X = people(root), patches(root)[13_000:19_000]
    clean = columns["clean"]
    for name in ("aggre", "random1", "worst"):
        labels = columns[name][13_000:19_000]
        probs = by_probes(unit(X), labels, 10)
        yield f"cifar10n_{name}", False, "human", probs, labels, clean[13_000:19_000]
    with np.load(root / "cifar10n_oof_pred_probs_first25k.npz") as file:
        networks = {name[7:]: file[name].astype(np.float32) for name in file.files}
    networks = {name: p / p.sum(axis=1, keepdims=True) for name, p in networks.items()}
    networks["both"] = np.mean([*networks.values()], axis=0)
    matrix = with_noise(clean, np.eye(10)[clean], 0.2, "class_dependent")
    for name, probs in networks.items():
        for start, step in ((0, 2), (1, 10), (3, 50)):
            at = np.arange(start, 25_000, step)
            labels = columns["aggre"]
            yield (
                f"network_{name}_{step}",
                True,
                "human",
                probs[at],
                labels[at],
                clean[at],
            )
            yield (
                f"network_{name}_{step}_clean",
                True,
                "clean",
                probs[at],
                clean[at],
                clean[at],
            )
        for jitter in (0.4, 0.9):
            for kind, labels in (("human", columns["worst"]), ("human", columns["random1"]),
                                 ("class_dependent", matrix)):  # fmt: skip
                learnt = as_if_learnt(probs, clean, labels, jitter=jitter, seed=0)
                at = np.arange(0, 25_000, 2)
                yield (
                    f"network_{name}_{jitter}",
                    True,
                    kind,
                    learnt[at],
                    labels[at],
                    clean[at],
                )


def kept_cases(folder: Path) -> Iterator[Set]:
    """Cases that the benchmark of the families keeps."""
    for path in sorted(folder.glob("*.npz")):
        if path.name.endswith(".partial.npz"):
            continue
        with np.load(path) as file:
            case = {name: file[name] for name in file.files}
        labels, truth = case["labels"].astype(int), case["truth"].astype(int)
        made = "probs" in case
        probs = (
            case["probs"].astype(np.float32).mean(axis=0)
            if made
            else by_probes(case["embeddings"], labels, int(max(labels.max(), truth.max())) + 1)
        )
        yield path.stem, made, str(case["family"]), probs, labels, truth


def as_line(one: Set) -> Line | None:
    """Return what is fitted to of a set, None where nothing is judged."""
    name, made, family, probs, labels, truth = one
    probs = np.asarray(probs / probs.sum(axis=1, keepdims=True), np.float32)
    if not tells_classes(probs, labels):
        return None
    signs = read_signs(probs, labels)
    model = fit_noise_model(probs, labels, accuracy=signs.accuracy)
    log_odds = tempered(error_log_odds(probs, labels, model), plain=PLAIN)
    order = np.array_split(np.argsort(log_odds, kind="stable"), min(120, len(labels)))
    wrong = labels != truth
    rates = (signs.confident_disagreement, max(model.rate, 1e-4), signs.disagreement)
    return Line(
        name,
        made,
        family in ("human", "people's"),
        np.append(1.0, logit(np.array(rates))),
        np.array([log_odds[rows].mean() for rows in order]),
        np.array([wrong[rows].mean() for rows in order]),
        np.array([float(len(rows)) for rows in order]),
    )


def fit_one(line: Line, mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a set's own line by Newton's method, drawn to what its signs let expect."""
    X = np.stack([np.ones(len(line.log_odds)), line.log_odds], axis=1)
    weight = line.rows * min(1.0, MOST_ROWS / line.rows.sum())
    precision, center = np.linalg.inv(covariance), mean.copy()
    for _ in range(60):
        p = sigmoid(X @ center)
        gradient = X.T @ (weight * (line.wrong - p)) - precision @ (center - mean)
        hessian = X.T @ (X * (weight * p * (1 - p))[:, None]) + precision
        step = np.linalg.solve(hessian, gradient)
        center = center + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-6:
            break
    return center, np.linalg.inv(hessian)


def scale(line: Line) -> float:
    """Return by how much the variance of this set is that of an average gap."""
    gap = min(max(float(line.signs[3] - line.signs[1]), 0.0), LARGEST_GAP)
    return float(np.exp(PER_GAP * (gap - AVERAGE_GAP)))


def fit_all(lines: list[Line]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of the signs, (4, 2), and the covariance of what they leave open."""
    signs = np.stack([line.signs for line in lines])
    scales = np.array([scale(line) for line in lines])
    counts = np.array([PEOPLE_COUNT[line.made] if line.people else 1.0 for line in lines])
    noisy = np.array([line.wrong.any() for line in lines])
    for_mean = counts * np.where(noisy, 1, CLEAN_COUNTS) / scales
    for_spread = counts * noisy / scales
    weights, spread = np.zeros((4, 2)), np.diag([1.5, 0.04])
    weights[0] = -1, 0.5
    for _ in range(ROUNDS):
        fits = [
            fit_one(line, line.signs @ weights, spread * s)
            for line, s in zip(lines, scales, strict=True)
        ]
        own = np.stack([fit[0] for fit in fits])
        weights = np.zeros((4, 2))
        for which, columns in ((0, [0, 1, 2, 3]), (1, [0, 3])):
            X = signs[:, columns]
            penalty = RIDGE * np.diag([0.0] + [1.0] * (len(columns) - 1))
            normal = X.T @ (X * for_mean[:, None]) + penalty
            weights[columns, which] = np.linalg.solve(normal, X.T @ (for_mean * own[:, which]))
        off = own - signs @ weights
        outer = off[:, :, None] * off[:, None] + np.stack([fit[1] for fit in fits])
        spread = (outer * for_spread[:, None, None]).sum(axis=0) / for_spread.sum()
    return weights, spread


def range_holds(line: Line, weights: np.ndarray, spread: np.ndarray) -> bool:
    """Tell whether the range that the line states holds the share of wrong labels."""
    expected = line.signs @ weights
    expected[1] = max(expected[1], LEAST_SLOPE)
    scores = np.repeat(sigmoid(-expected[0] - expected[1] * line.log_odds), line.rows.astype(int))
    rate = decide(scores, seen_from(expected, OTHER_SOURCES * scale(line) * spread)).noise_rate
    return bool(rate.low <= np.average(line.wrong, weights=line.rows) <= rate.high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="write the constants to this JSON file")
    parser.add_argument("--sets", type=Path, default=Path("curation_labels_curve_sets"))
    parser.add_argument("--cases", type=Path, help="folder of cases of the families, tuned ones")
    arguments = parser.parse_args()
    root = Path(os.environ["THRESHER_DATA"])
    arguments.sets.mkdir(parents=True, exist_ok=True)
    sets = [made_sets(root, arguments.sets), human_sets(root)]
    sets += [kept_cases(arguments.cases)] if arguments.cases else []
    lines = [line for some in sets for one in some if (line := as_line(one)) is not None]
    result = {"claim": __doc__.partition("\n")[0], "numpy": installed("numpy")}
    for made, name, known in ((True, "MODELS", MODELS), (False, "PROBES", PROBES)):
        of = [line for line in lines if line.made == made]
        weights, spread = fit_all(of)
        held = []
        for source in sorted({line.source for line in of}):
            others = fit_all([line for line in of if line.source != source])
            held += [range_holds(line, *others) for line in of if line.source == source]
        result[name] = {
            "sets": len(of),
            "in the code": vars(known),
            "intercept": weights[:, 0].round(2).tolist(),
            "slope": weights[[0, 3], 1].round(3).tolist(),
            "spread": [round(float(spread[at]), 3) for at in ((0, 0), (0, 1), (1, 1))],
            "ranges that hold, sources left out": [sum(held), len(held)],
        }
        print(name, result[name], flush=True)
    if arguments.out:
        write_json(arguments.out, result)


if __name__ == "__main__":
    main()

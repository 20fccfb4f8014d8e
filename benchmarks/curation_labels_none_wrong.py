"""Claim: whether any label is wrong can be told in part, and flags that weigh it accuse fewer rows.

Makes sets of labels, clean and wrong in several ways, and what judges them
(`label_families/fitted.py`, and the cases marked "tuned" of `curation_labels_families.py`); no
judged case is among them, and the lines of `curation.labels.signs` were fitted without the former.
Fits by logistic regression on the signs how likely it is that any label is wrong, and prints the
weights beside those in the code. With each source left out in turn: the area under the curve, and,
at several costs of accused rows (`curation.labels.curve.ACCUSED`), F1 of the flags, clean rows
flagged, ranges that hold, lower bounds of the precision that do, and stated precisions within ten
points; beside the bare rule "the most probable class is not the label" and flags that are made as
if some labels were wrong in every set. And how many sets are clean by what is said of them, where
the range of the share of wrong labels begins at 0 and where it does not.

A source counts by the root of its number of sets, a set that people labeled threefold, and sets
without an error together a third of the others.

Data: as for `curation_labels_families.py`, and ``tabular_small.npz`` (small tables of OpenML) in
the folder THRESHER_DATA.

Run: THRESHER_DATA=… THRESHER_WHEELS=… OMP_NUM_THREADS=1 python \
    benchmarks/curation_labels_none_wrong.py --out none_wrong.json
Sets are kept in ``--sets``, tuned cases in ``--cases``: a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from curation_labels_families import folder_of, slug
from label_families.cases import TUNED, Case, Recipe
from label_families.fitted import fitted
from label_families.sources import Sources
from sklearn.metrics import roc_auc_score

from curation.labels import curve
from curation.labels.belief import FEWEST_WRONG
from curation.labels.evidence import Evidence, gather
from curation.labels.finding import judged_rows, tells_classes
from curation.labels.inputs import read_inputs
from curation.labels.odds import sigmoid, tempered
from curation.labels.posterior import error_log_odds, fit_noise_model
from curation.labels.signs import (
    MOST_SURE,
    PLAIN,
    SOME_WRONG,
    as_numbers,
    expected_line,
    read_signs,
)
from thresher.core.files import write_json

PEOPLE, CLEAN = 3.0, 1 / 3
COSTS = (3.0, 6.0, 9.0, 12.0, 16.0, 20.0)
DIGIT, NEAR = 0.0005, 0.1
CHANCES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0)
# Sources that show the same things under other names.
SAME = {"sklearn:digits": "keel:optdigits", "orange:r8": "orange:r52"}


@dataclass(frozen=True)
class Signed:
    """A set with known truth: its signs, its scores and what is known of them."""

    source: str
    people: bool
    signs: np.ndarray
    scores: np.ndarray
    doubt: np.ndarray
    wrong: np.ndarray
    bare: np.ndarray  # flags of the bare rule


def source_of(recipe: Recipe) -> str:
    name = recipe.source
    if "CIFAR" in name or name.startswith("coates"):
        return "CIFAR-10"
    return "photos:" if "Imagenette" in name else SAME.get(name, name)


def made_sets(sources: Sources, folders: dict[str, Path]) -> Iterator[Signed]:
    """Yield the sets in which anything is judged, made now unless they were before."""
    lists = {"sets": list(fitted()), "cases": list(TUNED)}
    for which, recipes in lists.items():
        for recipe in recipes:
            for seed in range(2 if which == "cases" and recipe.seeded else 1):
                name = f"{recipe.source} {recipe.name}" if which == "sets" else recipe.name
                folder = folders[which] if which == "sets" else folders[which] / "tuned"
                path = folder / f"{slug(name)}.s{seed}.npz"
                if not path.exists():
                    recipe.make(sources, seed).save(path)
                if (found := signed(source_of(recipe), Case.load(path))) is not None:
                    yield found


def signed(source: str, case: Case) -> Signed | None:
    """Judge a case as the library does, but for what is fitted here."""
    labels, truth = case.labels.astype(int), case.truth.astype(int)
    evidence, judged = evidence_of(case, labels, int(max(labels.max(), truth.max())) + 1)
    probs, labels, wrong = evidence.probs[judged], labels[judged], (labels != truth)[judged]
    if not len(labels) or not tells_classes(probs, labels):
        return None
    signs = read_signs(probs, labels)
    model = fit_noise_model(probs, labels, accuracy=signs.accuracy)
    log_odds = tempered(error_log_odds(probs, labels, model), plain=PLAIN)
    made = evidence.made_for_task
    line, spread = expected_line(signs, model.rate, made_for_task=made)
    return Signed(
        source,
        case.family == "human",
        as_numbers(signs, log_odds, made_for_task=made),
        sigmoid(-line[0] - line[1] * log_odds),
        curve.seen_from(line, spread),
        wrong,
        probs.argmax(axis=1) != labels,
    )


def evidence_of(case: Case, labels: np.ndarray, num_classes: int) -> tuple[Evidence, np.ndarray]:
    """Return probabilities, and which rows they judge."""
    if case.probs is not None:
        probs = case.probs.astype(np.float32).mean(axis=0)
        probs /= probs.sum(axis=1, keepdims=True)
        return Evidence(probs, "", True), np.ones(len(labels), dtype=bool)
    names = [str(k) for k in range(num_classes)]
    inputs = read_inputs(
        labels, embeddings=case.embeddings, pred_probs=None, row_ids=None, classes=names
    )
    evidence = gather(inputs, None, "auto", 0)
    assert evidence is not None  # there are vectors
    return evidence, judged_rows(inputs, by_peers=True)


def weights(sets: Sequence[Signed]) -> np.ndarray:
    """Fit a logistic regression with a ridge penalty of one on standardized signs."""
    of_source = Counter(one.source for one in sets)
    weight = np.array(
        [(PEOPLE if one.people else 1.0) / np.sqrt(of_source[one.source]) for one in sets]
    )
    noisy = np.array([one.wrong.any() for one in sets])
    weight[~noisy] *= CLEAN * weight[noisy].sum() / weight[~noisy].sum()
    weight /= weight.mean()
    signs = np.stack([one.signs for one in sets])
    mean, scale = signs[:, 1:].mean(axis=0), signs[:, 1:].std(axis=0)
    X = np.column_stack([np.ones(len(signs)), (signs[:, 1:] - mean) / scale])
    penalty = np.diag([0.0] + [1.0] * len(mean))
    center = np.zeros(X.shape[1])
    for _ in range(30):
        p = sigmoid(X @ center)
        hessian = X.T @ (X * (weight * p * (1 - p))[:, None]) + penalty
        center += np.linalg.solve(hessian, X.T @ (weight * (noisy - p)) - penalty @ center)
    slopes = center[1:] / scale
    return np.append(center[0] - slopes @ mean, slopes)


def judged(sets: Sequence[Signed], none_wrong: np.ndarray, cost: float) -> dict[str, Any]:
    """Compare flags and what is said with the truth, at one cost of accused rows."""
    curve.ACCUSED = cost
    found = [judge(*one) for one in zip(sets, none_wrong.tolist(), strict=True)]
    names = list(dict.fromkeys(name for one in found for name in one))
    means = {name: float(np.mean([one[name] for one in found if name in one])) for name in names}
    return {name: round(mean, 4) for name, mean in means.items()} | {
        "sets with a stated precision": sum("stated is near" in one for one in found),
    }


def judge(one: Signed, none_wrong: float) -> dict[str, float]:
    decision = curve.decide(one.scores, one.doubt, none_wrong=none_wrong)
    flagged, rate = one.scores < decision.threshold, decision.noise_rate
    holds = rate.low - DIGIT <= one.wrong.mean() <= rate.high + DIGIT
    found = {"range holds": float(holds)}
    if one.wrong.any():
        found["F1"], found["F1, bare rule"] = (f1(by, one.wrong) for by in (flagged, one.bare))
    else:
        found["clean rows flagged"] = float(flagged.mean())
        found["clean rows flagged, bare rule"] = float(one.bare.mean())
    if flagged.any():
        precision = float(one.wrong[flagged].mean())
        said, least = curve.stated_precision(
            one.scores, flagged, one.doubt, none_wrong=decision.none_wrong
        )
        found |= {"bound holds": float(precision >= least - DIGIT), "precision": precision}
        if said is not None and rate.low >= FEWEST_WRONG:
            found["stated is near"] = float(abs(said - precision) <= NEAR)
    return found


def clean_sets(sets: Sequence[Signed], none_wrong: np.ndarray) -> dict[str, list[float]]:
    """Return sets, clean ones and the mean chance of none, by where the range begins and chance."""
    above = np.array([curve.decide(one.scores, one.doubt).noise_rate.low > 0 for one in sets])
    clean = np.array([not one.wrong.any() for one in sets])
    parts = {"range begins above 0": above}
    for low, high in pairwise(CHANCES):
        within = ~above & (none_wrong >= low) & (none_wrong < high)
        parts[f"range begins at 0, none wrong by {low} to {high}"] = within
    return {
        name: [int(at.sum()), int(clean[at].sum()), round(float(none_wrong[at].mean()), 3)]
        for name, at in parts.items()
        if at.any()
    }


def f1(flagged: np.ndarray, wrong: np.ndarray) -> float:
    return 2 * float((flagged & wrong).sum()) / float(flagged.sum() + wrong.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("none_wrong.json"), help="JSON to write")
    kept = Path(tempfile.gettempdir())
    parser.add_argument("--sets", type=Path, default=kept / "label-signs", help="folder of sets")
    parser.add_argument("--cases", type=Path, default=kept / "label-families", help="and of cases")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    sources = Sources(**{name: folder_of(name) for name in ("data", "wheels")})
    sets = list(made_sets(sources, {"sets": arguments.sets, "cases": arguments.cases}))
    none_wrong = np.empty(len(sets))
    source = np.array([one.source for one in sets])
    for name in np.unique(source):
        others = weights([one for one in sets if one.source != name])
        for at in np.flatnonzero(source == name):
            none_wrong[at] = min(MOST_SURE, float(sigmoid(-sets[at].signs @ others)))
    clean = [not one.wrong.any() for one in sets]
    result = {
        "claim": __doc__.partition("\n")[0],
        "sets": len(sets),
        "clean": sum(clean),
        "sources": len(np.unique(source)),
        "in the code": list(SOME_WRONG),
        "weights": weights(sets).round(3).tolist(),
        "area under the curve, sources left out": round(roc_auc_score(clean, none_wrong), 3),
        "sets, clean ones, mean chance of none": clean_sets(sets, none_wrong),
        "as if some were wrong in every set": judged(sets, np.zeros(len(sets)), 0.0),
        "by cost of accused rows, sources left out": {
            str(cost): judged(sets, none_wrong, cost) for cost in COSTS
        },
    }
    for name, value in result.items():
        print(name, value, flush=True)
    write_json(arguments.out, result)


if __name__ == "__main__":
    main()

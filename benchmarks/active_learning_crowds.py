"""Claim: our consensus is right at least as often as Dawid–Skene and cleanlab, and says how often.

Three crowds with known truth for some items: dog (4 breeds), duck (yes or no), adult2 (4 grades of
web pages). Ours without a classifier (``method="auto"``), the plain estimate of Dawid and Skene
(1979), the majority, and cleanlab's consensus, which needs probabilities: it gets the class shares.

How often: agreement read as a probability, and the probabilities that 10, 20 and 40 control
questions make of it, drawn at random in eight ways; on the three crowds and on ten simulated ones
of five kinds (`simulated_crowds`), whose seeds are other ones than those that the correction was
chosen on. Off: the mean probability less the share that is right, over rows without a control
question, as a mean of absolute values.

Data: the folder in THRESHER_DATA holds ``crowd_labels.parquet`` (``dataset``, ``item``, ``worker``,
``label``) and ``crowd_truth.parquet`` (``dataset``, ``item``, ``truth``), from
https://github.com/zhydhkcws/crowd_truth_infer and https://github.com/ipeirotis/Get-Another-Label.
Peer: pip install cleanlab

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/active_learning_crowds.py --out crowds.json
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from simulated_crowds import KINDS, simulated

from active_learning import consensus
from active_learning.annotators.classes import Votes, dawid_skene
from thresher.core.files import write_json


def plain_dawid_skene(columns: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Dawid and Skene's estimate without a prior."""
    votes = Votes.of(*columns)
    best = dawid_skene(votes, prior=0.0).argmax(axis=1)
    return votes.row_ids, np.array(votes.classes)[best]


def cleanlab_consensus(columns: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Take cleanlab's consensus with the class shares in place of a classifier."""
    import pandas as pd
    from cleanlab.multiannotator import get_label_quality_multiannotator

    votes = Votes.of(*columns)
    table = np.full((len(votes.row_ids), len(votes.names)), np.nan)
    table[votes.rows, votes.annotators] = votes.codes
    wide = pd.DataFrame(table)
    shares = votes.counts().sum(axis=0) / len(votes.rows)
    probs = np.tile(shares, (len(votes.row_ids), 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = get_label_quality_multiannotator(
            wide, probs, return_detailed_quality=False, verbose=False
        )
    codes = found["label_quality"]["consensus_label"].to_numpy().astype(int)
    return votes.row_ids, np.array(votes.classes)[codes]


def ours(columns: tuple[np.ndarray, ...], method: str) -> tuple[np.ndarray, np.ndarray]:
    """Our consensus."""
    found = consensus(*columns, method=method)
    return found.row_ids, found.labels


METHODS: dict[str, Any] = {
    "thresher auto": lambda columns: ours(columns, "auto"),
    "majority": lambda columns: ours(columns, "majority"),
    "Dawid–Skene 1979": plain_dawid_skene,
    "cleanlab": cleanlab_consensus,
}


CONTROLS, DRAWS = (10, 20, 40), 8
# The correction was chosen on seeds 0 to 2 of crowds of these kinds.
FIRST_SEED, SEEDS = 100, 2


def calibration(columns: tuple[np.ndarray, ...], known: dict[str, str]) -> dict[str, Any]:
    """Return how far stated probabilities are off, by the number of control questions."""
    found = consensus(*columns)
    judged = np.isin(found.row_ids, list(known))
    truth = np.array([known.get(row, "") for row in found.row_ids.tolist()])
    right = found.labels == truth
    share = float(right[judged].mean())
    result: dict[str, Any] = {"right": share, "agreement": float(found.scores[judged].mean())}
    rows = sorted(known)
    for number in CONTROLS:
        if number > len(rows) // 2:
            continue
        off, held = [], []
        for draw in range(DRAWS):
            asked = np.random.default_rng(draw).choice(rows, number, replace=False).tolist()
            told = consensus(*columns, gold={row: known[row] for row in asked})
            rest = judged & ~np.isin(told.row_ids, asked)
            true = float((told.labels[rest] == truth[rest]).mean())
            off.append(abs(float(told.scores[rest].mean()) - true))
            held.append(
                told.accuracy is not None and told.accuracy.low <= true <= told.accuracy.high
            )
        result[str(number)] = {"off": float(np.mean(off)), "held": float(np.mean(held))}
    return result


def calibrations(
    crowds: dict[str, tuple[tuple[np.ndarray, ...], dict[str, str]]],
) -> dict[str, Any]:
    """Return `calibration` of every crowd, the simulated ones included."""
    for kind in KINDS:
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            crowds[f"{kind} {seed}"] = simulated(kind, seed)
    results = {}
    for name, (columns, known) in crowds.items():
        results[name] = calibration(columns, known)
        print(name, results[name], flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="without adult2")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("THRESHER_DATA", "."))
    labels = pq.read_table(folder / "crowd_labels.parquet").to_pandas()
    truths = pq.read_table(folder / "crowd_truth.parquet").to_pandas()
    results: dict[str, Any] = {}
    real: dict[str, tuple[tuple[np.ndarray, ...], dict[str, str]]] = {}
    for crowd in ("dog", "duck") if arguments.quick else ("dog", "duck", "adult2"):
        part = labels[labels["dataset"] == crowd]
        columns = tuple(part[name].to_numpy(str) for name in ("item", "worker", "label"))
        known = truths[truths["dataset"] == crowd].set_index("item")["truth"].to_dict()
        results[crowd] = {"judged": len(known)}
        real[crowd] = columns, {str(item): str(truth) for item, truth in known.items()}
        for name, method in METHODS.items():
            began = time.process_time()
            try:
                ids, found = method(columns)
            except Exception as error:  # a peer's failure is a result
                results[crowd][name] = {"failed": f"{type(error).__name__}: {str(error)[:200]}"}
                print(crowd, name, results[crowd][name], flush=True)
                continue
            said = dict(zip(ids.tolist(), found.tolist(), strict=True))
            right = float(np.mean([said[item] == truth for item, truth in known.items()]))
            seconds = time.process_time() - began
            results[crowd][name] = {
                "accuracy": round(right, 4),
                "cpu_seconds": round(seconds, 2),
            }
            print(f"{crowd:8} {name:20} {right:.4f}  {seconds:.2f} s", flush=True)
    stated = calibrations(real)
    if arguments.out:
        found = {"versions": versions(), "crowds": results, "calibration": stated}
        write_json(arguments.out, found | {"page": page(results, stated)})


def page(results: dict[str, Any], stated: dict[str, Any]) -> dict[str, Any]:
    """Return the table for the docs."""
    crowds = list(results)
    rows = [
        [name, *(results[crowd][name].get("accuracy", "failed") for crowd in crowds)]
        for name in METHODS
    ]
    judged = ", ".join(f"{crowd} {results[crowd]['judged']}" for crowd in crowds)
    return {
        "title": "Consensus of several annotators",
        "note": f"Share of items with the right label; items with known truth: {judged}. No "
        f"randomness, nothing tuned on the truth. cleanlab {versions()['cleanlab']} gets the class "
        "shares in place of a classifier.",
        "tables": [
            {"caption": "Accuracy of the consensus", "header": ["Method", *crowds], "rows": rows},
            {
                "caption": "How far stated probabilities are off, and in brackets how often the "
                "95 % interval of the share of right labels holds it",
                "header": [
                    "crowd",
                    "right",
                    "agreement",
                    *(f"{number} control questions" for number in CONTROLS),
                ],
                "rows": [_stated(name, one) for name, one in stated.items()],
            },
        ],
    }


def _stated(name: str, one: dict[str, Any]) -> list[str]:
    known = [one.get(str(number)) for number in CONTROLS]
    cells = [f"{each['off']:.3f} ({each['held']:.0%})" if each else "" for each in known]
    return [name, f"{one['right']:.3f}", f"{one['agreement']:.3f}", *cells]


def versions() -> dict[str, str]:
    """Return the versions that matter."""
    found = {"python": platform.python_version(), "numpy": np.__version__}
    try:
        found["cleanlab"] = version("cleanlab")
    except PackageNotFoundError:
        found["cleanlab"] = "not installed"
    return found


if __name__ == "__main__":
    main()

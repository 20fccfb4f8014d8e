"""Claim: training without labels brings back most of what 4 bits cost, where they cost much.

Weights and activations of 4 bits, for each set and seed: a float network of the recipes, or a
narrow one where that loses nothing; calibrated with 4 bits everywhere; calibrated as `quantize`
does (the first and last layer, and values that no layer multiplies, in 8); then trained as it does
by default, to follow the float network on rows without labels; trained as long and in the same way
on the labels instead (quantization-aware training as it is usual); and, in an environment of its
own that has it, by Brevitas (`peers/brevitas_bits.py`), calibrated and trained by the same loop, on
the same rows without labels, as long, at the same rate, from the same float network.

Recovered is the share of calibration's loss that training brings back, of the accuracy on test
rows; a tenth of the training rows is held out for `quantize`. Sets on which calibration loses less
than 1 point cannot tell.

Data: digits of scikit-learn; in the folder that THRESHER_DATA names the files that
`training_sizes.py` reads, and ``cifar10_test.parquet``.

Run: OMP_NUM_THREADS=1 python benchmarks/training_four_bits.py --out bits.json   (--quick: one seed)
         --peer-python VENV/bin/python: pip install torch brevitas 'thresher[train]', same PyTorch
Finished runs are kept in FILE.jsonl beside the result and are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from journal import measure_each
from torch import nn
from training_sizes import GRAY, digits, folder, phoneme, texts

from augment import Augmenter, policies
from thresher.core.files import write_json
from thresher.core.images import decode_image
from training import Samples, evaluate, fit, quantize, samples_from_arrays
from training.quantization import QuantizedModel
from training.quantization.judge import Judge, Score
from training.quantization.steps import learned_steps
from training.quantization.training import (
    QAT_DEFAULTS,
    SelfDistillation,
    usual_training,
)
from training.recipes import recipe
from training.torch_runtime.precision import choose_precision

BITS = {"weight_bits": 4, "activation_bits": 4}
ENOUGH = 1.0
PEER_MODELS, CALIBRATION_ROWS = ("resnet8",), 512
ARMS = ("calibrated, 4 bits everywhere", "calibrated", "trained without labels", "with labels")


@dataclass(frozen=True)
class Source:
    """A set, how many of its rows train, and the float network.

    Attributes
    ----------
    load : callable
        Returns training rows and labels, then test rows and labels.
    epochs : int or None
        As many as the recipe has.
    """

    load: Callable[[int], tuple[np.ndarray, ...]]
    model: str
    width: int
    epochs: int | None = None
    pad: int = 0
    flip: bool = False


def pictures(seed: int, rows: int, *, gray: bool = False) -> tuple[np.ndarray, ...]:
    """Return rows of CIFAR-10, drawn by seed, and its 10,000 test rows."""
    found: list[np.ndarray] = []
    for split in ("train", "test"):
        table = pq.read_table(folder() / f"cifar10_{split}.parquet")
        if split == "train":
            table = table.take(np.random.default_rng(seed).permutation(len(table))[:rows])
        images = np.stack([decode_image(data) for data in table["jpeg"].to_pylist()])
        if gray:
            images = np.round(images @ GRAY).astype(np.uint8)[:, 2:30, 2:30]
        found += [images, table["label"].to_numpy()]
    return tuple(found)


def drawn(load: Callable[[], tuple[np.ndarray, np.ndarray]], seed: int, rows: int) -> Any:
    """Return so many rows of a set to train, and all others to test."""
    inputs, codes = load()
    order = np.random.default_rng(seed).permutation(len(inputs))
    parts = order[:rows], order[rows:]
    return tuple(values[part] for part in parts for values in (inputs, codes))


SOURCES = {
    "digits": Source(lambda seed: drawn(digits, seed, 1000), "resnet8", 16, pad=1),
    "digits, narrow": Source(lambda seed: drawn(digits, seed, 1000), "resnet8", 4, pad=1),
    "phoneme": Source(lambda seed: drawn(phoneme, seed, 3000), "mlp", 32),
    "trec": Source(lambda seed: drawn(lambda: texts("trec"), seed, 3000), "hashed_embedding", 32),
    "subj": Source(lambda seed: drawn(lambda: texts("subj"), seed, 4000), "hashed_embedding", 32),
    "CIFAR-10, 10,000 rows, narrow": Source(
        lambda seed: pictures(seed, 10_000), "resnet8", 8, 8, pad=4, flip=True
    ),
    "gray 28 x 28, 4,000 rows": Source(
        lambda seed: pictures(seed, 4000, gray=True), "resnet8", 16, 16, pad=3, flip=True
    ),
}


def rows_of(inputs: np.ndarray, codes: np.ndarray) -> Samples:
    ids = np.arange(len(inputs)).astype(str)
    return samples_from_arrays(inputs, row_ids=ids, targets=codes)


class Case:
    """The rows of one set and seed, and its float network, not yet trained."""

    def __init__(self, name: str, seed: int) -> None:
        source = SOURCES[name]
        inputs, codes, test_inputs, test_codes = source.load(seed)
        rows, self.test = rows_of(inputs, codes), rows_of(test_inputs, test_codes)
        edge = len(rows) // 10
        self.validation = rows.take(np.arange(edge))
        self.train = rows.take(np.arange(edge, len(rows)))
        self.augment = None
        if source.pad:
            policy = policies.crop_flip(pad=source.pad, flip=source.flip)
            self.augment = Augmenter(policy, random_state=seed).for_training()
        shape = {"num_classes": int(codes.max()) + 1, "input_shape": self.train.input_shape}
        asked = {"model": source.model, "width": source.width, "epochs": source.epochs}
        n_rows = len(self.train)
        self.plan = recipe(self.train.modality, n_rows=n_rows, device="cpu", **asked, **shape)
        self.model = self.plan.build(**shape, random_state=seed)
        self.qat = {**QAT_DEFAULTS, **usual_training(n_rows, bits=4, batch_size=128)}
        self.qat |= {"augment": self.augment, "random_state": seed}


def measure(name: str, seed: int, *, peer_python: str | None) -> dict[str, Any]:
    """Train the float network of one set and seed, and take it to 4 bits in all ways."""
    case, source = Case(name, seed), SOURCES[name]
    model, train, test = case.model, case.train, case.test
    spent = {"float": time.process_time()}
    fit(model, train, augment=case.augment, random_state=seed, **case.plan.fit_options())
    spent["float"] = time.process_time() - spent["float"]
    judge = Judge(model, test, device="cpu")
    found: dict[str, Any] = {"set": name, "seed": seed, "rows": len(train), "test": len(test)}
    found["network"] = f"{source.model} {source.width}"
    found["float"] = round(evaluate(model, test).accuracy, 4)

    def note(arm: str, make: Callable[[], QuantizedModel]) -> None:
        start = time.process_time()
        made = make().eval()
        spent[arm] = time.process_time() - start
        found[arm] = told(judge.score(made))

    def quantized(**options: Any) -> QuantizedModel:
        judged = {"validation": case.validation, "random_state": seed}
        return quantize(model, train.without_targets(), **BITS, **judged, **options)

    note(ARMS[0], lambda: quantized(method="ptq", sensitive_bits=4))
    note(ARMS[1], lambda: quantized(method="ptq"))
    note(ARMS[2], lambda: quantized(method="qat", augment=case.augment))

    def on_labels() -> QuantizedModel:
        start = quantized(method="ptq")
        with learned_steps(start):
            fit(start, train, **case.qat)
        return start

    note(ARMS[3], on_labels)
    found["cpu_s"] = {arm: round(seconds, 1) for arm, seconds in spent.items()}
    if peer_python and source.model in PEER_MODELS:
        found["peer"] = peer(peer_python, name, seed, model)
    return found


def peer(python: str, name: str, seed: int, model: nn.Module) -> dict[str, Any]:
    """Let Brevitas quantize the float network in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "float.pt"
        torch.save(model.state_dict(), weights)
        done = subprocess.run(
            [python, __file__, "--as-peer", str(weights), "--sets", name, "--seeds", str(seed)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_peer(weights: Path, name: str, seed: int) -> dict[str, Any]:
    """Calibrate with Brevitas, train by the same loop, and judge on the same test rows."""
    from peers.brevitas_bits import calibrated, versions

    case = Case(name, seed)
    case.model.load_state_dict(torch.load(weights, weights_only=True))
    model = case.model.eval()
    judge = Judge(model, case.test, device="cpu")
    start = time.process_time()
    rows, channels = case.train.inputs[:CALIBRATION_ROWS], case.train.input_shape[0]
    made = calibrated(model, rows, bits=4, channels=channels)
    found = {"calibrated": told(judge.score(made)), "versions": versions()}
    precision = choose_precision(model, device="cpu").value
    loss = SelfDistillation(model)
    fit(made, case.train.without_targets(), loss=loss, precision=precision, **case.qat)
    found["cpu_s"] = round(time.process_time() - start, 1)
    return {**found, "trained": told(judge.score(made.eval()))}


def told(score: Score) -> dict[str, float]:
    return {
        "lost": round(score.loss, 4),
        "confidence_lost": round(score.confidence, 4),
        "divergence": round(score.divergence, 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--out", type=Path, default=Path("training_four_bits.json"))
    parser.add_argument("--peer-python", help="a Python that has Brevitas")
    parser.add_argument("--as-peer", type=Path, help="weights; used by the benchmark itself")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    if options.as_peer:
        print(json.dumps(measure_peer(options.as_peer, options.sets[0], options.seeds[0])))
        return
    log = options.out.with_suffix(".jsonl")
    seeds = [0] if options.quick else options.seeds
    one = partial(measure, peer_python=options.peer_python)
    runs = measure_each(log, options.sets, seeds, one)
    write_json(options.out, {"runs": runs, "page": page(runs)})


def page(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    rows = []
    for name in [name for name in SOURCES if any(run["set"] == name for run in runs)]:
        mine = [run for run in runs if run["set"] == name]
        lost = {arm: 100 * np.array([run[arm]["lost"] for run in mine]) for arm in ARMS}
        everywhere, calibrated, trained, labels = (lost[arm] for arm in ARMS)
        shares = ["–"] * 3
        if calibrated.mean() >= ENOUGH:
            pairs = ((everywhere, trained), (calibrated, trained), (calibrated, labels))
            shares = [recovered(before, after) for before, after in pairs]
        floats = 100 * np.mean([run["float"] for run in mine])
        told = [f"{values.mean():.2f}" for values in lost.values()]
        cells = [name, mine[0]["network"], len(mine), mine[0]["test"], f"{floats:.1f} %"]
        rows.append([*cells, *told[:3], *shares[:2], told[3], shares[2], cost(mine)])
    header = ["set", "network", "seeds", "test rows", "float", "lost: all in 4 bits", "calibrated"]
    header += ["trained", "recovered of all in 4 bits", "of calibrated"]
    tables = [{"caption": "", "header": [*header, "with labels", "recovered", "CPU"], "rows": rows}]
    if with_peer := [run for run in runs if "peer" in run]:
        tables.append(peer_table(with_peer))
    return {
        "title": "Weights and activations of 4 bits",
        "note": (
            "Points of test accuracy lost to the float network: calibrated with 4 bits everywhere; "
            "calibrated with the first and last layer, and values that no layer multiplies, in 8; "
            "then trained for some 300 steps to follow the float network on rows without labels, "
            "or for as long on the labels. Recovered: the share of what is lost, of the means "
            "(lowest to highest of the seeds), where calibration loses at least "
            f"{ENOUGH:g} point. CPU: that of training without labels against that of the float "
            "network. Sets on which calibration loses less were measured before weights and step "
            "sizes learned by shares."
        ),
        "tables": tables,
    }


def peer_table(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what Brevitas loses beside what is lost here, on the same rows and seeds."""
    rows = []
    for name in [name for name in SOURCES if any(run["set"] == name for run in runs)]:
        mine = [run for run in runs if run["set"] == name]
        cells: list[Any] = [name, len(mine)]
        for ours, theirs in ((ARMS[1], "calibrated"), (ARMS[2], "trained")):
            for found in ([run[ours] for run in mine], [run["peer"][theirs] for run in mine]):
                lost = [100 * one["lost"] for one in found]
                cells.append(f"{np.mean(lost):.2f} ({min(lost):.2f} to {max(lost):.2f})")
                cells.append(f"{np.mean([one['divergence'] for one in found]):.4f}")
        spent = [run["cpu_s"][ARMS[2]] for run in mine], [run["peer"]["cpu_s"] for run in mine]
        rows.append([*cells, *(f"{np.mean(seconds):.0f}" for seconds in spent)])
    versions = ", ".join(f"{name} {kind}" for name, kind in runs[0]["peer"]["versions"].items())
    names = ("calibrated", "Brevitas, calibrated", "trained", "Brevitas, trained")
    header = ["set", "seeds", *(cell for name in names for cell in (name, "divergence"))]
    caption = (
        f"Beside Brevitas ({versions}), from the same float networks, without labels, by the same "
        "loop, as long, at the same rate. It rounds what layers read and their weights, the first "
        "and the last layer to 8 bits, and leaves sums in float, which are rounded here. Points "
        "lost, means of the seeds (lowest to highest); divergence from the float network, nats a "
        "row"
    )
    return {"caption": caption, "header": [*header, "CPU-s", "Brevitas, CPU-s"], "rows": rows}


def recovered(before: np.ndarray, after: np.ndarray) -> str:
    """Return the share of the mean loss that came back, and the shares of the seeds."""
    single = 100 * (1 - after / before)
    mean = 100 * (1 - after.mean() / before.mean())
    return f"{mean:.0f} % ({single.min():.0f} to {single.max():.0f})"


def cost(runs: list[dict[str, Any]]) -> str:
    spent = [run["cpu_s"][ARMS[2]] / run["cpu_s"]["float"] for run in runs]
    return f"{np.mean(spent):.2f}"


if __name__ == "__main__":
    main()

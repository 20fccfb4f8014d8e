"""Claim: the trial from pixels may end early, and chooses as the whole trial would.

Before a run on images trains, a small network from pixels is held against a linear head on shipped
vectors (`thresher.app.steps.start_trial`). Here it trains to its last epoch all the same; what it
would have ended with where the rule ends it stands beside what it ends with. Sets of which the
vectors know much (photographs, their reductions), little (letters, scanned words, dots), and all
(pages, patches, colors): left-out rows under their labels as they are.

Data, in the folder that THRESHER_DATA names: ``imagenette224_subset.parquet``,
``cifar10_train.parquet``, ``copydetect_photos_dev.parquet`` (photographs that patches are cut
from), ``mnist_test_label_errors.npz`` and ``text_classification.parquet`` (words on pages); digits
of scikit-learn; the others are drawn.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/pipeline_trial_ends.py --out ends.json
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pipeline_start import Rows, measure_sets, write_rows
from pipeline_trial_sets import SETS

from thresher.app.modeling import material_of
from thresher.app.settings import settings_of
from thresher.app.stages import open_run
from thresher.app.steps import start_trial
from thresher.app.steps.load import load_rows
from thresher.app.steps.shipped_body import Body, material_of_body
from thresher.app.steps.start_trial import Seen, Watch, judge_trial, settled
from training import Moment

TEST_ROWS = 50  # a run asks for some; nothing is measured on them here


class ToTheEnd(Watch):
    """Looks where the product looks, and never ends the training."""

    last: ToTheEnd

    def on_epoch_end(self, moment: Moment) -> None:
        """Look, and go on."""
        super().on_epoch_end(moment)
        moment.stop = False
        ToTheEnd.last = self


def measure(rows: Rows) -> dict[str, Any]:
    """Train the whole trial of a set; return what each look saw."""
    start_trial.Watch = ToTheEnd  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "rows.parquet", Path(folder) / "run"
        write_rows(rows, file, test_rows=min(TEST_ROWS, len(rows[0]) // 4))
        with open_run(out, settings_of({"threads": 1, "curate": False})) as run:
            material = material_of(run, load_rows(run, str(file)))
            body = Body(material_of_body(material), Path(folder) / "vectors", 0)
            at = body.rows.train_at
            head = body.fit(body.vectors(at, name="trial"), at)
            right = head.held_out.argmax(1) == body.rows.parts.codes[at[head.judged]]
            begun = time.process_time()
            trial = start_trial.try_pixels(
                run, material, at[head.judged], right, Path(folder) / "trial"
            )
            assert trial.run is not None
    watch = ToTheEnd.last
    return summarized(watch.encoder, watch.seen, epochs=watch.epochs, flops=trial.run.flops) | {
        "cpu_s": time.process_time() - begun
    }


def summarized(
    encoder: np.ndarray, seen: list[Seen], *, epochs: int, flops: float
) -> dict[str, Any]:
    """Return where the rule ends the trial, and both choices."""
    first = next(
        (n for n in range(1, len(seen)) if settled(encoder, seen[:n], epochs=epochs)), len(seen)
    )
    ended = seen[:first]
    whole = [replace(seen[-1], epochs=epochs)]
    return {
        "left_out": len(encoder),
        "epochs": epochs,
        "ended": ended[-1].epochs,
        "head": float(encoder.mean()),
        "at_end": float(ended[-1].right.mean()),
        "whole": float(seen[-1].right.mean()),
        "chosen": judge_trial(encoder, ended, epochs=epochs).value,
        "chosen_whole": judge_trial(encoder, whole, epochs=epochs).value,
        "flops": flops,
    }


def page(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    header = ["set", "left-out rows", "head on vectors, %", "pixels where it ends, %"]
    header += ["whole trial, %", "epochs", "chosen", "by the whole trial"]
    words = {"encoder": "the head alone", "pixels": "from pixels", "both": "both"}
    rows = [
        [
            run["set"],
            f"{run['left_out']:,}",
            *(f"{100 * run[name]:.1f}" for name in ("head", "at_end", "whole")),
            f"{run['ended']} of {run['epochs']}",
            words[run["chosen"]],
            words[run["chosen_whole"]],
        ]
        for run in runs
    ]
    same = sum(run["chosen"] == run["chosen_whole"] for run in runs)
    spent = sum(run["flops"] * run["ended"] / run["epochs"] for run in runs)
    share = spent / sum(run["flops"] for run in runs)
    return {
        "title": "When the trial from pixels ends",
        "note": "The trial of what a run on images starts from, trained to its last epoch, and "
        "what it had come to where the rule ends it. The choice is the same in "
        f"{same} of {len(runs)} sets, for {share:.0%} of the FLOPs.",
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


if __name__ == "__main__":
    measure_sets(SETS, measure, page, description=__doc__, out="pipeline_trial_ends.json")

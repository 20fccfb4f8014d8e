"""Try whether a model is better without the rows whose labels are flagged.

Where evidence is weak, flags cannot be trusted by what the noise model says of them, and yet
leaving them out may gain points: a network learns wrong labels by heart. So it is tried: in each of
three parts in turn, labels are flagged among the other rows alone, a small network learns the
vectors of these rows with and without the flagged ones, and both judge the part, under all of its
labels as they are. Wrong labels there cost both networks the same, so that what one is ahead is
smaller than it will be on rightly labeled rows, but of the same sign. Of few rows linear heads
learn instead (`head_trial`).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from curation import decide
from training import evaluate, fit, samples_from_arrays
from training.recipes import recipe

from ...core.choice import Choice
from ...core.columns import read_labels, read_row_ids, read_splits
from ...core.counted import counted
from ...core.embeddings import Embeddings
from ...core.files import read_json, write_json
from ...core.fingerprint import row_keys
from ...core.interval import Z
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.manifest_rows import positions
from ...core.schema import TASKS
from ..stages import Done, Notes, RunFolder
from .decide import LABEL_DECISION
from .head_trial import gains_of_heads
from .held_out_gains import PARTS, gains_by_part

TRIAL = "trial.json"
MOST_ROWS, EPOCHS = 6000, 15
# Fewer rows or flags cannot show a gain that is beyond chance.
FEWEST_ROWS, FEWEST_FLAGS = 60, 10
# Of fewer rows a network learns too little in these epochs to judge by; of more heads are costly.
ROWS_OF_NETWORK, MOST_OF_HEADS = 200, 1000
NETWORK, HEAD = "a small network", "a linear head that learns its rows by heart"


def try_labels(
    run: RunFolder,
    loaded: Done[LoadedDataset],
    embeddings: Done[Embeddings],
    issues: Done[Issues],
) -> Done[Choice]:
    """Decide by a trial what becomes of flagged labels that are only to be looked at so far."""

    def work(folder: Path, notes: Notes) -> None:
        before = issues.choices.get(LABEL_DECISION)
        if before is None or loaded.value.schema.task != TASKS[0]:
            chosen = before or Choice("review", "there are no labels to look at")
        elif before.value == "drop":
            chosen = Choice("drop", f"{before.reason}, so that no trial is needed")
        else:
            chosen = _tried(run, loaded.value, embeddings.value, issues.value, before, notes)
        write_json(folder / TRIAL, {"value": chosen.value, "reason": chosen.reason})
        notes.choices[LABEL_DECISION] = chosen

    return run.stage(
        "label trial",
        work,
        load=lambda folder: Choice(**read_json(folder / TRIAL)),
        needs=[loaded, embeddings, issues],
        settings=[run.device.value, run.settings.find.label_method],
        code=("thresher/core", "curation", "training"),
        where="label-trial",
    )


def _tried(
    run: RunFolder,
    loaded: LoadedDataset,
    embeddings: Embeddings,
    issues: Issues,
    before: Choice,
    notes: Notes,
) -> Choice:
    rows = _labeled_rows(loaded, issues)
    places, codes = _places(loaded, embeddings, rows)
    chosen, gains = try_without(
        embeddings.vectors[places],
        codes,
        keys=row_keys(rows),
        flags=len(issues.of("label").table),
        before=before.reason,
        method=run.settings.find.label_method,
        device=run.device.value,
        seed=run.settings.seed,
    )
    if gains is not None:
        notes.summary = {"rows": len(gains), "gain": float(gains.mean()), "chosen": str(chosen)}
    return chosen


def try_without(
    vectors: np.ndarray,
    codes: np.ndarray,
    *,
    keys: np.ndarray,
    flags: int,
    before: str,
    method: str,
    device: str,
    seed: int,
) -> tuple[Choice, np.ndarray | None]:
    """Choose ``"drop"`` where a trial shows a gain without flagged labels, else ``"review"``.

    Parameters
    ----------
    vectors, codes, keys, method, device, seed
        As in `gains_without_flags`.
    flags : int
        Flagged rows in all.
    before : str
        Why the check alone would not drop them.

    Returns
    -------
    Choice, ndarray or None
        The gains of each row, None where there are too few rows or flags for a trial.
    """
    if len(codes) < FEWEST_ROWS or flags < FEWEST_FLAGS:
        return Choice("review", f"{before}; too few rows or flags for a trial"), None
    gains, learner = (
        (gains_of_heads(vectors, codes, keys=keys, method=method, seed=seed), HEAD)
        if takes_heads(*vectors.shape)
        else (
            gains_without_flags(vectors, codes, keys=keys, method=method, device=device, seed=seed),
            NETWORK,
        )
    )
    return judge_gains(gains, before=before, learner=learner), gains


def takes_heads(rows: int, columns: int) -> bool:
    """Tell whether heads try the labels: of few rows, or where they learn all of a trial by heart.

    A linear head does so where vectors have as many columns as there are rows to learn from.
    """
    by_heart = rows * (PARTS - 1) <= PARTS * columns
    return rows < ROWS_OF_NETWORK or (by_heart and rows < MOST_OF_HEADS)


def gains_without_flags(
    vectors: np.ndarray,
    codes: np.ndarray,
    *,
    keys: np.ndarray,
    method: str,
    device: str,
    seed: int,
) -> np.ndarray:
    """Return by how much a network without flagged rows is ahead on each held-out row: 1, 0 or −1.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    codes : ndarray of int64, shape (n,)
        Labels as they are.
    keys : ndarray of uint64, shape (n,)
        By which rows are spread over the parts, whatever their order.
    method : str
        As in `find_label_issues`.
    device : str
    seed : int

    Returns
    -------
    ndarray of float64, shape (min(n, MOST_ROWS),)
    """
    drawn = np.argsort(keys, kind="stable")[:MOST_ROWS]
    vectors, codes = vectors[drawn], np.unique(codes[drawn], return_inverse=True)[1]
    return gains_by_part(
        vectors,
        codes,
        order=np.argsort(codes, kind="stable"),
        right=partial(is_right, vectors, codes, device=device, seed=seed),
        method=method,
        seed=seed,
    )


def judge_gains(gains: np.ndarray, *, before: str, learner: str = NETWORK) -> Choice:
    """Choose ``"drop"`` where the mean gain is surely above 0, else ``"review"`` as before."""
    tried = f"in a trial without them {learner}"
    if not gains.any():
        same = f"was right on the same ones of {counted(len(gains), 'held-out row')}"
        return Choice("review", f"{before}; {tried} {same}")
    mean, error = float(gains.mean()), float(gains.std()) / np.sqrt(len(gains))
    low, high = (100 * (mean + sign * Z * error) for sign in (-1, 1))
    said = (
        f"{100 * mean:+.1f} points ({low:+.1f} to {high:+.1f}) of "
        f"{counted(len(gains), 'held-out row')}"
    )
    if low > 0:
        return Choice("drop", f"{tried} gained {said}")
    return Choice("review", f"{before}; {tried} gained {said}")


def is_right(
    vectors: np.ndarray,
    codes: np.ndarray,
    rows: np.ndarray,
    held: np.ndarray,
    *,
    device: str,
    seed: int,
) -> np.ndarray:
    """Train on some rows and return whether each held-out row is classified as it is labeled."""
    shape, classes = (vectors.shape[1],), int(codes.max()) + 1
    plan = recipe(
        "features",
        n_rows=len(rows),
        input_shape=shape,
        num_classes=classes,
        epochs=EPOCHS,
        device=device,
    )
    network = plan.build(num_classes=classes, input_shape=shape, random_state=seed)
    learnt, judged = (
        samples_from_arrays(
            np.ascontiguousarray(vectors[part], np.float32),
            row_ids=part.astype(str),
            targets=codes[part],
        )
        for part in (rows, held)
    )
    fit(network, learnt, device=device, random_state=seed, **plan.fit_options())
    found = evaluate(network, judged, device=device).pred_probs
    return np.asarray(found.argmax(axis=1) == codes[held])


def _labeled_rows(loaded: LoadedDataset, issues: Issues) -> np.ndarray:
    """Return the ids of the labeled training rows that no other finding drops.

    A copy would tell a held-out row its label.
    """
    rows = loaded.dataset
    ids, splits, codes = read_row_ids(rows), read_splits(rows), read_labels(rows, loaded.schema)
    manifest = decide(issues, row_ids=ids, splits=splits, policy={"label": "none"})
    stays = (splits == "train") & (codes >= 0) & (manifest.actions != "drop")
    return np.asarray(ids[stays])


def _places(
    loaded: LoadedDataset, embeddings: Embeddings, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where rows stand among the vectors, and their labels as codes."""
    ids, codes = read_row_ids(loaded.dataset), read_labels(loaded.dataset, loaded.schema)
    at = positions(wanted, ids)
    return positions(wanted, embeddings.row_ids), np.asarray(codes[at])

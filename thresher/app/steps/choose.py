"""Choose among the clean training rows: a core set, or the rows worth a label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from active_learning import get_strategy, simulate
from active_learning.learners.logistic import LogisticHead
from active_learning.pool.context import make_context
from active_learning.rounds import choose, fit_pool, with_model
from curation import select_coreset
from curation.coreset.comparison import compare_chosen

from ...core.choice import Choice
from ...core.columns import read_labels, read_row_ids, read_splits
from ...core.counted import counted
from ...core.embeddings import Embeddings
from ...core.errors import InputError
from ...core.files import atomic_path
from ...core.loaded import LoadedDataset
from ...core.text_arrays import text_array
from ..stages import Done, Notes, RunFolder
from .material import Material

CHOSEN = "chosen.parquet"


def keep_budget(
    run: RunFolder, clean: Done[LoadedDataset], embeddings: Done[Embeddings]
) -> Done[np.ndarray]:
    """Choose ``budget.rows`` training rows into ``coreset/``.

    Without a look at labels where ``label.budget`` says that they are still to be bought.
    """
    settings, bought = run.settings.budget, run.settings.label.budget is None

    def work(folder: Path, notes: Notes) -> None:
        vectors, labels = _training_rows(clean.value, embeddings.value)
        assert settings.rows is not None  # the stage runs only when it is set
        known = labels if bought and (labels >= 0).all() else None
        chosen = select_coreset(
            vectors,
            n=min(settings.rows, len(vectors)),
            labels=known,
            method=settings.method,
            random_state=run.settings.seed,
        )
        _save(folder, chosen.row_ids)
        notes.summary = {"rows": len(chosen.row_ids), "method": chosen.method}
        if settings.method == "auto":
            seed = run.settings.seed
            compared = compare_chosen(vectors, chosen, labels=known, random_state=seed)
            if compared is not None:
                why = f"{chosen.reason}; {compared.reason}"
                notes.choices["core set"] = Choice(chosen.method, why)
        notes.cost.rows_out = len(chosen.row_ids)

    return run.stage(
        "core set",
        work,
        load=_load,
        needs=[clean, embeddings],
        settings=[settings.model_dump(), bought],
        code=("thresher/core", "curation"),
        where="coreset",
    )


def choose_labels(
    run: RunFolder, embeddings: Done[Embeddings], material: Material
) -> Done[np.ndarray]:
    """Choose ``label.budget`` rows to label into ``labels/``, as if the labels were not known.

    Only the chosen rows count as labeled afterwards; the others are a pool for distillation.
    """
    settings = run.settings.label

    def work(folder: Path, notes: Notes) -> None:
        pool = material.pool
        assert settings.budget is not None  # the stage runs only when it is set
        assert pool.targets is not None
        if settings.budget > len(pool):
            raise InputError(
                f"`label.budget` asks for {counted(settings.budget, 'label')}, but there are "
                f"{counted(len(pool), 'training row')}."
            )
        vectors, codes = _aligned(embeddings.value, pool.row_ids), pool.targets.numpy()
        budgets = steps(settings.budget, rounds=settings.rounds)
        rows = _ask(
            vectors, codes, budgets=budgets, strategy=settings.strategy, seed=run.settings.seed
        )
        _save(folder, pool.row_ids[rows])
        held_out = material.validation
        assert held_out.targets is not None
        curves = simulate(
            vectors,
            codes,
            strategies=(settings.strategy, "random"),
            budgets=budgets,
            seeds=3,
            test_embeddings=_aligned(embeddings.value, held_out.row_ids),
            test_labels=held_out.targets.numpy(),
        )
        means = curves.accuracy.mean(axis=1)
        notes.summary = {
            "labels": int(settings.budget),
            "curve": {
                name: [[int(x), float(y)] for x, y in zip(budgets, mean, strict=True)]
                for name, mean in zip(curves.strategies, means, strict=True)
            },
            "note": f"chosen by '{settings.strategy}' in {counted(len(budgets), 'round')}; the "
            "other "
            f"{counted(len(pool) - settings.budget, 'row is', 'rows are')} used without their "
            "labels",
        }

    return run.stage(
        "label",
        work,
        load=_load,
        needs=[*material.needs, embeddings],
        settings=settings,
        code=("thresher/core", "active_learning"),
        where="labels",
    )


def steps(budget: int, *, rounds: int) -> list[int]:
    """Return the numbers of labels after each round, doubling up to `budget`."""
    first = max(2, budget // 2 ** (rounds - 1))
    return sorted({min(budget, first * 2**number) for number in range(rounds)} | {budget})


def _ask(
    vectors: Embeddings, codes: np.ndarray, *, budgets: Sequence[int], strategy: str, seed: int
) -> np.ndarray:
    """Return the positions that a labeling loop with this strategy would have asked for."""
    chosen, head, fitted = get_strategy(strategy), LogisticHead(), None
    labeled = np.zeros(len(vectors), bool)
    for number, budget in enumerate(budgets):
        context = make_context(
            embeddings=vectors,
            labeled=labeled.copy(),
            random_state=np.random.default_rng((seed, number)),
        )
        context = with_model(context, fitted, learner=head, strategy=chosen, seed=seed)
        labeled[choose(chosen, context, n=budget - int(labeled.sum())).positions] = True
        rows = np.flatnonzero(labeled)
        fitted = fit_pool(
            head,
            vectors.vectors,
            rows=rows,
            targets=codes[rows],
            num_classes=int(codes.max()) + 1,
            random_state=seed,
        )
    return np.flatnonzero(labeled)


def _training_rows(loaded: LoadedDataset, embeddings: Embeddings) -> tuple[Embeddings, np.ndarray]:
    train = read_splits(loaded.dataset) == "train"
    ids, labels = read_row_ids(loaded.dataset)[train], read_labels(loaded.dataset, loaded.schema)
    return _aligned(embeddings, ids), labels[train]


def _aligned(embeddings: Embeddings, row_ids: np.ndarray) -> Embeddings:
    order = np.argsort(embeddings.row_ids, kind="stable")
    places = np.searchsorted(embeddings.row_ids[order], row_ids)
    return embeddings.take(order[places])


def _save(folder: Path, row_ids: np.ndarray) -> None:
    table = pa.table({"row_id": pa.array(row_ids.tolist(), pa.string())})
    with atomic_path(folder / CHOSEN) as temporary:
        pq.write_table(table, temporary)


def _load(folder: Path) -> np.ndarray:
    return text_array(pq.read_table(folder / CHOSEN)["row_id"].to_pylist())

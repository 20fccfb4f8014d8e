"""Run every check on what the search found. Checks find; they change nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from curation import (
    find_corpus_issues,
    find_exact_duplicates,
    find_label_issues,
    find_leakage,
    find_near_duplicates,
    find_outliers,
    find_quality_issues,
)
from curation.corpus import CorpusIssues
from curation.label_action import choose_label_action
from curation.labels import LabelIssues
from curation.table_rows import other_columns, with_other_columns

from ...core.choice import Choice
from ...core.columns import (
    class_names,
    read_features,
    read_labels,
    read_row_ids,
    read_splits,
    read_texts,
)
from ...core.embeddings import Embeddings
from ...core.issues import Issues
from ...core.neighbors import NeighborGraph
from ...core.progress import message
from ...core.rows import content_hashes
from ...core.schema import LoadedDataset
from ..stages import Done, Notes, RunFolder
from .pictures import Pictures

CODE = ("thresher/core", "curation")
CHEAP = "loo_ridge"
# AUC from which one property that gives the label away is reported. A column of a table may rightly
# tell much; only one that tells all is likely to be the label in disguise.
SHORTCUT = {"image": 0.95, "text": 0.95, "features": 0.995}


def find_issues(
    run: RunFolder,
    loaded: Done[LoadedDataset],
    embeddings: Done[Embeddings],
    graph: Done[NeighborGraph],
) -> Done[Issues]:
    """Write everything that the checks found into ``issues/``."""

    def work(folder: Path, notes: Notes) -> None:
        checks = _Checks(run, loaded.value, embeddings.value, graph)
        issues = Issues.concat(checks.run())
        issues.save(folder / "issues.parquet")
        counts = issues.counts()
        notes.choices |= checks.choices
        notes.summary = {
            "checks": {
                check: {"count": counts.get(check, 0), "method": method}
                for check, method in checks.methods.items()
            },
            "corpus": checks.corpus().to_json(),
        }

    return run.stage(
        "find",
        work,
        load=lambda folder: Issues.load(folder / "issues.parquet"),
        needs=[loaded, embeddings, graph],
        settings=run.settings.find,
        code=CODE,
        where="issues",
        rows=len(loaded.value.dataset),
    )


class _Checks:
    """The checks in their order: copies first, since they would hide wrong labels."""

    def __init__(
        self,
        run: RunFolder,
        loaded: LoadedDataset,
        embeddings: Embeddings,
        searched: Done[NeighborGraph],
    ) -> None:
        self.run_folder, self.loaded, self.embeddings = run, loaded, embeddings
        self.graph, self.measure = searched.value, searched.summary["measure"]
        rows, schema = loaded.dataset, loaded.schema
        self.ids, self.splits = read_row_ids(rows), read_splits(rows)
        unlabeled = np.full(len(self.ids), -1)
        self.labels = read_labels(rows, schema) if schema.label else unlabeled
        self.redundant = np.zeros(len(self.ids), bool)
        self.methods: dict[str, str] = {}
        self.choices: dict[str, Choice] = {}
        self.properties: dict[str, np.ndarray] = {}

    def run(self) -> list[Issues]:
        """Run every check that the data allows."""
        steps: list[Callable[[], Issues]] = [self.exact]
        steps += [self.leakage] if len(np.unique(self.splits)) > 1 else []
        steps += [self.near, self.quality]
        steps += [self.wrong_labels] if self.loaded.schema.label is not None else []
        steps.append(self.outliers)
        return [step() for step in steps]

    def exact(self) -> Issues:
        """Equal content."""
        rows, schema = self.loaded.dataset, self.loaded.schema
        others = other_columns(rows, schema.inputs, label=schema.label)
        hashes = with_other_columns(content_hashes(rows, list(schema.inputs)), others)
        names = None
        if schema.label is not None:
            names = np.asarray(class_names(rows, schema.label))
        found = find_exact_duplicates(hashes, row_ids=self.ids, splits=self.splits, labels=names)
        self._note("exact_duplicate", "Content hash of the decoded row; one of each group stays.")
        self._note("conflict", "Equal content hash, different label.")
        self.redundant |= ~found.kept
        return found.to_issues()

    def near(self) -> Issues:
        """Rows within the threshold of a kept one."""
        found = find_near_duplicates(self.graph, protect=self.splits != "train")
        how = f"{self.measure} of at least {found.threshold:.4f}. {self.graph.method}."
        if self.graph.recall is not None:
            recall = self.graph.recall
            how += (
                f" Measured recall {recall.estimate:.4f} (95 % interval {recall.low:.4f} to "
                f"{recall.high:.4f}, {recall.sampled_rows} rows searched exhaustively)."
            )
        self._note("near_duplicate", f"{how} Every dropped row has a kept twin this close.")
        reported = self.redundant.copy()
        self.redundant |= ~found.kept
        return _only(found.to_issues(), self.ids[~reported])

    def leakage(self) -> Issues:
        """Training rows close to a test row."""
        found = find_leakage(self.graph, splits=self.splits, labels=self.labels)
        self._note(
            "leakage",
            f"{self.measure} of at least {found.threshold:.4f} between rows of different "
            f"splits: {found.pair_count:,} pairs. Dropping the training rows leaves none.",
        )
        self.redundant |= found.leaks
        return found.to_issues()

    def quality(self) -> Issues:
        """Blank, damaged or odd rows."""
        schema, rows = self.loaded.schema, self.loaded.dataset
        values: Any
        if schema.modality == "image":
            values = Pictures(self.loaded)
        elif schema.modality == "text":
            values = read_texts(rows, schema.inputs[0])
        else:
            values = read_features(rows, schema.inputs)
        found = find_quality_issues(values, kind=schema.modality, row_ids=self.ids)
        self.properties = found.properties
        if schema.modality == "features":
            self.properties = dict(zip(schema.inputs, found.properties.values(), strict=True))
        self._note("quality", "; ".join(["Each row by itself and by the others", *found.notes]))
        return found.to_issues()

    def corpus(self) -> CorpusIssues:
        """Imbalance, shortcuts, order: what concerns the training rows as a whole."""
        train = np.flatnonzero(self.splits == "train")
        names = np.array(["", *self.loaded.schema.classes])
        return find_corpus_issues(
            names[self.labels[train] + 1] if self.loaded.schema.label is not None else None,
            embeddings=self.embeddings.take(train),
            properties={name: values[train] for name, values in self.properties.items()},
            sure=SHORTCUT[self.loaded.schema.modality],
            random_state=self.run_folder.settings.seed,
        )

    def wrong_labels(self) -> Issues:
        """Labels that the rows around do not bear out; test labels never judge training rows."""
        known = ~self.redundant & (self.labels >= 0)
        train = np.flatnonzero(known & (self.splits != "test"))
        test = np.flatnonzero(known & (self.splits == "test"))
        method = self.run_folder.settings.find.label_method
        own = self._judge(train, method)
        parts = [own.to_issues()]
        if len(test):  # nothing is decided by these, so the cheap probe will do
            both = self._judge(np.concatenate([train, test]), CHEAP if method == "auto" else method)
            parts.append(_only(both.to_issues(), self.ids[test]))
        text = f"{own.method}. Estimated share of wrong labels: {own.noise_rate}."
        if own.expected_precision is not None:
            text += f" About {100 * own.expected_precision:.0f} % of the flags should be right."
        self._note("label", text)
        self.choices["label decision"] = choose_label_action(own)
        return Issues.concat(parts)

    def _judge(self, rows: np.ndarray, method: str) -> LabelIssues:
        return find_label_issues(
            self.labels[rows],
            embeddings=self.embeddings.take(rows),
            classes=self.loaded.schema.classes,
            method=method,
            random_state=self.run_folder.settings.seed,
        )

    def outliers(self) -> Issues:
        """Rows far from all others of their class."""
        rows = np.flatnonzero(~self.redundant)
        labels = self.labels[rows] if self.loaded.schema.label is not None else None
        found = find_outliers(
            self.embeddings.take(rows), labels=labels, random_state=self.run_folder.settings.seed
        )
        self._note("outlier", "Mean distance to the nearest rows, against that of its neighbours.")
        return found.to_issues()

    def _note(self, check: str, method: str) -> None:
        self.methods[check] = method
        message(f"find: {check.replace('_', ' ')}")


def _only(issues: Issues, row_ids: np.ndarray) -> Issues:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pc.is_in(issues.table["row_id"], value_set=pa.array(row_ids, pa.string()))
    return Issues(issues.table.filter(wanted))

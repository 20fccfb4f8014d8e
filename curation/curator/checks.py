"""All checks over one dataset: neighbors are searched once, copies are found first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thresher.core.counted import counted, percent
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError
from thresher.core.issues import Issues
from thresher.core.neighbors import NeighborGraph
from thresher.core.progress import message
from thresher.core.schema import TASKS

from ..contamination import find_contamination
from ..corpus import CorpusIssues, find_corpus_issues
from ..decisions.label_action import choose_label_action
from ..duplicates.exact import find_exact_duplicates
from ..duplicates.leakage import exact_graph, find_leakage
from ..duplicates.near import find_near_duplicates
from ..labels import LabelIssues, find_label_issues
from ..labels.evidence import voting_rows
from ..outliers.finding import describe_outliers, find_outliers
from ..quality import find_quality_issues
from .closeness import describe_search
from .coincidence import describe_equal
from .comparison import Comparison
from .keep_policies import CONNECTED, keep_priority
from .label_method import describe_labels
from .looks import looks_of
from .missing_numbers import at_medians, describe_missing
from .rows import Rows
from .target_checks import describe_targets, find_target_issues

# AUC from which one property that gives the label away is reported. A column of a table may rightly
# tell much; only one that tells all is likely to be the label in disguise.
SHORTCUT = {"image": 0.95, "text": 0.95, "features": 0.995}


class Checks:
    """The checks over one dataset.

    Parameters
    ----------
    compared : Comparison
        The rows, what is asked of each step, and how the rows are compared.
    pred_probs : ndarray of float, shape (n, K), optional
        Out-of-sample probabilities of the sorted class names, in the order of the rows.

    Attributes
    ----------
    methods : dict of str
        How each check that ran was done, in a sentence.
    found : dict
        The result of each check that ran.
    """

    def __init__(self, compared: Comparison, *, pred_probs: np.ndarray | None = None) -> None:
        self.compared, self.pred_probs = compared, pred_probs
        self.rows, self.plan, self.seed = compared.rows, compared.plan, compared.seed
        self.methods: dict[str, str] = {}
        self.found: dict[str, Any] = {}
        self._redundant = np.zeros(len(self.rows), dtype=bool)
        self._voters: tuple[np.ndarray, NeighborGraph] | None = None
        self._check_possible()

    @property
    def embeddings(self) -> Embeddings:
        """Vectors of all rows."""
        return self.compared.embeddings

    @property
    def graph(self) -> NeighborGraph:
        """All pairs of close rows."""
        return self.compared.graph

    def run(self) -> Issues:
        """Run the checks of the plan in its order; choosing a core set is none of them."""
        known: dict[str, Callable[[], Issues]] = {
            "exact_duplicate": self._exact,
            "near_duplicate": self._near,
            "leakage": self._leakage,
            "contamination": self._contamination,
            "quality": self._quality,
            "label": self._wrong_labels,
            "outlier": self._outliers,
        }
        parts = []
        for step in self.plan:
            if step in known:
                parts.append(known[step]())
                message(f"find: {step.replace('_', ' ')}")
        return Issues.concat(parts)

    def corpus(self) -> CorpusIssues:
        """Return what concerns the training rows as a whole, by what the checks have measured."""
        train = np.flatnonzero(self.rows.splits == "train")
        quality = self.found.get("quality")
        properties = {} if quality is None else quality.properties
        names = None if self.rows.classes is None else self.rows.classes[train]
        labels = None if names is None or not (names != "").any() else names
        compared = self.compared
        vectors = compared.embeddings.take(train) if compared.has_vectors else None
        if labels is None and vectors is None:
            return CorpusIssues((), {})
        return find_corpus_issues(
            labels,
            embeddings=vectors,
            properties={name: values[train] for name, values in properties.items()},
            sure=SHORTCUT[self.rows.modality],
            random_state=self.seed,
        )

    @property
    def label_action(self) -> str:
        """``"drop"`` where the check is sure enough of wrong labels, else ``"review"``."""
        found = self.found.get("label")
        if found is None or self.rows.task != TASKS[0]:
            return "review"
        return choose_label_action(found).value

    def _check_possible(self) -> None:
        if "label" in self.plan and self.rows.labels is None:
            raise InputError("The step 'label' needs the label column: name it with `label`.")
        if "contamination" in self.plan and self.rows.modality != "text":
            raise InputError("The step 'contamination' compares texts: name the text column.")
        if self.pred_probs is not None and len(self.pred_probs) != len(self.rows):
            raise InputError(
                f"There are {counted(len(self.rows), 'row')}, but "
                f"{counted(len(self.pred_probs), 'row')} of `pred_probs`."
            )

    def _exact(self) -> Issues:
        rows = self.rows
        keys, chance = self.compared.equal
        found = find_exact_duplicates(
            keys,
            row_ids=rows.ids,
            splits=rows.splits,
            labels=rows.names,
            priority=_first_of_equals(self._priority("exact_duplicate", keys), len(rows)),
        )
        self._redundant |= ~found.kept
        self.found["exact_duplicate"] = found
        if chance:
            message(f"equal rows: {describe_equal(chance)}")
        self.methods["exact_duplicate"] = describe_equal(chance)
        return found.to_issues()

    def _near(self) -> Issues:
        closeness = self.compared.closeness_of("near_duplicate")
        found = find_near_duplicates(
            self.graph,
            threshold=closeness.threshold,
            protect=self.rows.splits != "train",
            priority=self._prefer_kept(self._priority("near_duplicate")),
        )
        reported = self.rows.ids[self._redundant]
        self._redundant |= ~found.kept
        self.found["near_duplicate"] = found
        how = f"{closeness}. {describe_search(self.graph)}"
        self.methods["near_duplicate"] = f"{how}. Every dropped row has a kept twin this close"
        return _without(found.to_issues(), reported)

    def _prefer_kept(self, priority: np.ndarray | None) -> np.ndarray:
        """Put the rows last that equal a kept one, so that both checks keep the same row."""
        own = np.zeros(len(self.rows)) if priority is None else priority
        return np.where(self._redundant, -np.inf, own)

    def _priority(self, step: str, keys: np.ndarray | None = None) -> np.ndarray | None:
        """Return which rows a step prefers; `keys` stand in where no close rows are known."""
        ids = self.rows.ids

        def graph() -> NeighborGraph:
            if keys is None or "near_duplicate" in self.plan:
                return self.graph
            return exact_graph(keys, row_ids=ids)

        return keep_priority(self.plan[step].get("keep", CONNECTED), self.rows, graph)

    def _leakage(self) -> Issues:
        closeness = self.compared.closeness_of("leakage")
        found = find_leakage(
            self.graph,
            splits=self.rows.splits,
            labels=self.rows.names,
            threshold=closeness.threshold,
        )
        self._redundant |= found.leaks
        self.found["leakage"] = found
        self.methods["leakage"] = (
            f"{closeness}, between rows of different splits: {counted(found.pair_count, 'pair')}. "
            f"{describe_search(self.graph)}"
        )
        return found.to_issues()

    def _contamination(self) -> Issues:
        """Find training texts that a benchmark stands in; of the benchmark, see ``found``."""
        options = dict(self.plan["contamination"])
        benchmark = options.pop("benchmark")
        train = np.flatnonzero(self.rows.splits == "train")
        texts = self.rows.values()
        found = find_contamination(
            benchmark,
            [texts[row] for row in train.tolist()],
            row_ids=np.array([f"benchmark:{row}" for row in range(1, len(benchmark) + 1)]),
            train_ids=self.rows.ids[train],
            **options,
        )
        self.found["contamination"] = found
        self._redundant[train[found.sources >= 0]] = True
        how = (
            f"{found.contaminated.sum():,} of the {counted(len(benchmark), 'text')} of the "
            "benchmark have "
            f"{percent(found.threshold)} of their {found.n}-word sequences or more in training "
            "texts. Dropping those that are named leaves none"
        )
        between = self.methods.get("leakage")
        self.methods["leakage"] = how if between is None else f"{between}. {how}"
        return found.source_issues()

    def _quality(self) -> Issues:
        rows, notes = self.rows, ["Each row by itself and against the others"]
        values = rows.values()
        if rows.modality == "features":
            values, lacking = at_medians(rows)
            notes += [describe_missing(rows, lacking)] if lacking.any() else []
        # A column of lists stands for several features, which have no names of their own.
        names = rows.columns if rows.modality == "features" else None
        if names is not None and values.shape[1] != len(names):
            names = None
        found = find_quality_issues(values, kind=rows.modality, row_ids=rows.ids, names=names)
        self.found["quality"] = found
        notes += found.notes
        self.methods["quality"] = "; ".join(notes)
        return found.to_issues()

    def _wrong_labels(self) -> Issues:
        """Judge training rows without the test labels, and test rows by all."""
        names = self.rows.names
        assert names is not None  # _check_possible has seen to it
        if self.rows.task != TASKS[0]:
            return self._wrong_targets(np.flatnonzero(~self._redundant & (names != "")))
        use = ~self._redundant & (names != "")
        test = use & (self.rows.splits == "test")
        if self.pred_probs is not None:  # which are made out of sample for all rows
            test = np.zeros_like(test)
        method = str(self.plan["label"].get("method", "auto"))
        own = self._judge(np.flatnonzero(use & ~test), names, method=method)
        self.found["label"] = own
        self.methods["label"] = describe_labels(own)
        parts = [own.to_issues()]
        if test.any():
            cheap = str(self.plan["label"].get("test_method", method))
            both = self._judge(np.flatnonzero(use), names, method=cheap).to_issues()
            parts.append(_without(both, self.rows.ids[~test]))
        return Issues.concat(parts)

    def _wrong_targets(self, rows: np.ndarray) -> Issues:
        """Judge labels that are numbers or sets of classes."""
        found = find_target_issues(
            self.rows,
            rows,
            embeddings=self.embeddings.take(rows),
            pred_probs=self.pred_probs,
            options=self.plan["label"],
            random_state=self.seed,
        )
        self.found["label"] = found
        self.methods["label"] = describe_targets(found)
        return found.to_issues()

    def _judge(self, rows: np.ndarray, names: np.ndarray, *, method: str) -> LabelIssues:
        probs = None if self.pred_probs is None else self.pred_probs[rows]
        only_probs = probs is not None and not self.compared.own_vectors
        return find_label_issues(
            names[rows],
            embeddings=None if only_probs else self.embeddings.take(rows),
            pred_probs=probs,
            row_ids=self.rows.ids[rows],
            classes=np.unique(names[names != ""]).tolist(),
            annotations=self._answers(rows),
            dynamics=self.plan["label"].get("dynamics"),
            graph=self._shared(rows) if probs is None and method in ("auto", "knn") else None,
            method=method,
            random_state=self.seed,
        )

    def _shared(self, rows: np.ndarray) -> NeighborGraph | None:
        """Search the nearest of these rows, if the outliers are sought among the same ones."""
        if "outlier" not in self.plan or len(rows) != np.count_nonzero(~self._redundant):
            return None
        self._voters = rows, voting_rows(self.embeddings.take(rows), self.seed)
        return self._voters[1]

    def _answers(self, rows: np.ndarray) -> pa.Table | None:
        """Return the annotators' answers about some rows."""
        table = self.plan["label"].get("annotations")
        if table is None:
            return None
        named = pc.cast(table["row_id"], pa.string())
        known = pc.is_in(named, value_set=pa.array(self.rows.ids, pa.string()))
        if not pc.all(known).as_py():
            strange = table.filter(pc.invert(known))["row_id"].slice(0, 5).to_pylist()
            raise InputError(
                f"`annotations` has rows that are not in the data: {', '.join(map(str, strange))}."
            )
        return table.filter(pc.is_in(named, value_set=pa.array(self.rows.ids[rows], pa.string())))

    def _outliers(self) -> Issues:
        rows = np.flatnonzero(~self._redundant)
        known = self._voters is not None and np.array_equal(self._voters[0], rows)
        classes = self.rows.classes if self.plan["outlier"].get("by_class", True) else None
        found = find_outliers(
            self.embeddings.take(rows),
            labels=None if classes is None else classes[rows],
            properties=looks_of(self.rows, rows, self.found.get("quality")),
            graph=self._voters[1] if self._voters is not None and known else None,
            random_state=self.seed,
        )
        self.found["outlier"] = found
        self.methods["outlier"] = describe_outliers(found)
        return found.to_issues()


def _first_of_equals(priority: np.ndarray | None, rows: int) -> np.ndarray:
    """Return a priority by which of equal rows that are equally preferred the first stays."""
    own = np.zeros(rows) if priority is None else priority
    rank = np.empty(rows)
    rank[np.lexsort((np.arange(rows), -own))] = np.arange(rows)
    return -rank


def possible_steps(rows: Rows) -> list[str]:
    """Return the checks that this data allows."""
    steps = ["exact_duplicate", "near_duplicate"]
    steps += ["leakage"] if len(np.unique(rows.splits)) > 1 else []
    steps += ["quality", *(["label"] if rows.labels is not None else [])]
    return [*steps, "outlier"]


def _without(issues: Issues, row_ids: np.ndarray) -> Issues:
    """Return the findings about other rows than these."""
    known = pc.is_in(issues.table["row_id"], value_set=pa.array(row_ids, pa.string()))
    return Issues(issues.table.filter(pc.invert(known)))

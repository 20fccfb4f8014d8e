"""All checks over one dataset: neighbours are searched once, copies are found first."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError
from thresher.core.issues import Issues
from thresher.core.neighbors import NeighborGraph

from .closeness import (
    COSINE,
    SHINGLES,
    Closeness,
    choose_closeness,
    choose_text_closeness,
    compares_texts,
    describe_search,
    search,
)
from .corpus import CorpusIssues, find_corpus_issues
from .encoding import Encoded, encode_rows, own_vectors
from .exact import find_exact_duplicates
from .grouping import keep_by
from .label_action import choose_label_action
from .labels import LabelIssues, find_label_issues
from .leakage import find_leakage
from .near import find_near_duplicates
from .outliers import find_outliers
from .quality import find_quality_issues
from .reading import Rows
from .steps import Plan
from .table_rows import where_equal, with_other_columns

# AUC from which one property that gives the label away is reported. A column of a table may rightly
# tell much; only one that tells all is likely to be the label in disguise.
SHORTCUT = {"image": 0.95, "text": 0.95, "features": 0.995}


class Checks:
    """The checks over one dataset; vectors and neighbours are made when one first needs them.

    Parameters
    ----------
    rows : Rows
    plan : mapping
        Options of each step, as `read_steps` gives them.
    encoder : str, Encoder or callable
    threshold : float or "auto"
        For near duplicates and leaks, where the step has none of its own.
    vectors : Embeddings or ndarray, optional
        The user's own, instead of an encoder's.
    pred_probs : ndarray of float, shape (n, K), optional
        Out-of-sample probabilities of the sorted class names, in the order of the rows.
    known : Embeddings, optional
        Vectors of the first rows, from an earlier batch.
    random_state : int

    Attributes
    ----------
    methods : dict of str
        How each check that ran was done, in a sentence.
    found : dict
        The result of each check that ran.
    """

    def __init__(
        self,
        rows: Rows,
        plan: Plan,
        *,
        encoder: Any = "auto",
        threshold: float | str = "auto",
        vectors: Embeddings | np.ndarray | None = None,
        pred_probs: np.ndarray | None = None,
        known: Embeddings | None = None,
        random_state: int = 0,
    ) -> None:
        self.rows, self.plan, self.seed = rows, plan, random_state
        self.pred_probs = pred_probs
        self._encoder, self._threshold = encoder, threshold
        self._vectors, self._known = vectors, known
        self.methods: dict[str, str] = {}
        self.found: dict[str, Any] = {}
        self._redundant = np.zeros(len(rows), dtype=bool)
        self._check_possible()

    def run(self) -> Issues:
        """Run the checks of the plan in their order; choosing a core set is none of them."""
        known: dict[str, Callable[[], Issues]] = {
            "exact_duplicate": self._exact,
            "near_duplicate": self._near,
            "leakage": self._leakage,
            "quality": self._quality,
            "label": self._wrong_labels,
            "outlier": self._outliers,
        }
        return Issues.concat([known[step]() for step in self.plan if step in known])

    @cached_property
    def encoded(self) -> Encoded:
        """Vectors of all rows."""
        if self._vectors is not None:
            return own_vectors(self.rows, self._vectors, known=self._known)
        return encode_rows(self.rows, self._encoder, known=self._known, random_state=self.seed)

    @property
    def embeddings(self) -> Embeddings:
        """Vectors of all rows."""
        return self.encoded.embeddings

    @property
    def encoded_rows(self) -> int:
        """Number of rows that had to be encoded."""
        return self.encoded.encoded if "encoded" in self.__dict__ else 0

    def known(self) -> tuple[Embeddings | None, np.ndarray | None]:
        """Return vectors and content hashes, as far as they were made, for a further batch."""
        vectors = self.embeddings if "encoded" in self.__dict__ else self._known
        hashes = self.rows.hashes if "hashes" in self.rows.__dict__ else None
        return vectors, hashes

    @property
    def measure(self) -> str:
        """What similarity is meant."""
        return SHINGLES if self._as_text else COSINE

    @cached_property
    def closeness(self) -> Closeness:
        """What makes two rows near duplicates, for steps without a threshold of their own."""
        if not isinstance(self._threshold, str):
            return Closeness(self.measure, float(self._threshold), "asked for")
        if self._as_text:
            return choose_text_closeness(self.rows.values(), random_state=self.seed)
        found = self.encoded
        return choose_closeness(self.rows, found.embeddings, found.encoder, random_state=self.seed)

    @cached_property
    def graph(self) -> NeighborGraph:
        """All pairs of close rows, from the lowest threshold of any step on."""
        steps = [step for step in ("near_duplicate", "leakage") if step in self.plan]
        levels = [self._closeness(step).threshold for step in steps]
        found = search(
            self.rows,
            None if self._as_text else self.embeddings,
            threshold=min(levels) if levels else self.closeness.threshold,
            random_state=self.seed,
        )
        return found if self._vectors is not None else where_equal(found, self.rows.others)

    def corpus(self) -> CorpusIssues:
        """Return what concerns the training rows as a whole, by what the checks have measured."""
        train = np.flatnonzero(self.rows.splits == "train")
        quality = self.found.get("quality")
        properties = {} if quality is None else quality.properties
        if self.rows.modality == "features" and len(properties) == len(self.rows.columns):
            properties = dict(zip(self.rows.columns, properties.values(), strict=True))
        names = None if self.rows.names is None else self.rows.names[train]
        labels = None if names is None or not (names != "").any() else names
        vectors = self.embeddings.take(train) if "encoded" in self.__dict__ else None
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
        return "review" if found is None else choose_label_action(found).value

    @cached_property
    def _as_text(self) -> bool:
        own = self._vectors is not None
        return compares_texts(self.rows, self._encoder, own_vectors=own)

    def _check_possible(self) -> None:
        if "label" in self.plan and self.rows.labels is None:
            raise InputError("The step 'label' needs the label column: name it with `label`.")
        if self.pred_probs is not None and len(self.pred_probs) != len(self.rows):
            raise InputError(
                f"There are {len(self.rows)} rows, but {len(self.pred_probs)} rows of `pred_probs`."
            )

    def _closeness(self, step: str) -> Closeness:
        if "threshold" not in self.plan[step]:
            return self.closeness
        return Closeness(self.measure, float(self.plan[step]["threshold"]), "asked for")

    def _exact(self) -> Issues:
        rows = self.rows
        found = find_exact_duplicates(
            with_other_columns(rows.hashes, rows.others),
            row_ids=rows.ids,
            splits=rows.splits,
            labels=rows.names,
        )
        self._redundant |= ~found.kept
        self.found["exact_duplicate"] = found
        self.methods["exact_duplicate"] = "Hash of the content; one row of each group stays"
        return found.to_issues()

    def _near(self) -> Issues:
        keep = self.plan["near_duplicate"].get("keep", "connected")
        closeness = self._closeness("near_duplicate")
        priority = None
        if keep != "connected":
            priority = keep_by(keep, self.graph, labels=self.rows.names)
        found = find_near_duplicates(
            self.graph,
            threshold=closeness.threshold,
            protect=self.rows.splits != "train",
            priority=priority,
        )
        reported = self.rows.ids[self._redundant]
        self._redundant |= ~found.kept
        self.found["near_duplicate"] = found
        how = f"{closeness}. {describe_search(self.graph)}"
        self.methods["near_duplicate"] = f"{how}. Every dropped row has a kept twin this close"
        return _without(found.to_issues(), reported)

    def _leakage(self) -> Issues:
        closeness = self._closeness("leakage")
        found = find_leakage(
            self.graph,
            splits=self.rows.splits,
            labels=self.rows.names,
            threshold=closeness.threshold,
        )
        self._redundant |= found.leaks
        self.found["leakage"] = found
        self.methods["leakage"] = (
            f"{closeness}, between rows of different splits: {found.pair_count:,} pairs. "
            f"{describe_search(self.graph)}"
        )
        return found.to_issues()

    def _quality(self) -> Issues:
        rows = self.rows
        found = find_quality_issues(rows.values(), kind=rows.modality, row_ids=rows.ids)
        self.found["quality"] = found
        notes = ["Each row by itself and against the others", *found.notes]
        self.methods["quality"] = "; ".join(notes)
        return found.to_issues()

    def _wrong_labels(self) -> Issues:
        """Judge training rows without the test labels, and test rows by all."""
        names = self.rows.names
        assert names is not None  # _check_possible has seen to it
        use = ~self._redundant & (names != "")
        test = use & (self.rows.splits == "test")
        if self.pred_probs is not None:  # which are made out of sample for all rows
            test = np.zeros_like(test)
        own = self._judge(np.flatnonzero(use & ~test), names)
        self.found["label"] = own
        self.methods["label"] = _label_method(own)
        parts = [own.to_issues()]
        if test.any():
            both = self._judge(np.flatnonzero(use), names).to_issues()
            parts.append(_without(both, self.rows.ids[~test]))
        return Issues.concat(parts)

    def _judge(self, rows: np.ndarray, names: np.ndarray) -> LabelIssues:
        probs = None if self.pred_probs is None else self.pred_probs[rows]
        only_probs = probs is not None and self._vectors is None
        return find_label_issues(
            names[rows],
            embeddings=None if only_probs else self.embeddings.take(rows),
            pred_probs=probs,
            row_ids=self.rows.ids[rows],
            classes=np.unique(names[names != ""]).tolist(),
            annotations=self._answers(rows),
            dynamics=self.plan["label"].get("dynamics"),
            method=self.plan["label"].get("method", "auto"),
            random_state=self.seed,
        )

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
        labels = None if self.rows.names is None else self.rows.names[rows]
        found = find_outliers(self.embeddings.take(rows), labels=labels, random_state=self.seed)
        self.found["outlier"] = found
        self.methods["outlier"] = "Mean distance to the nearest rows against that of its neighbours"
        return found.to_issues()


def possible_steps(rows: Rows) -> list[str]:
    """Return the checks that this data allows."""
    steps = ["exact_duplicate", "near_duplicate"]
    steps += ["leakage"] if len(np.unique(rows.splits)) > 1 else []
    steps.append("quality")
    steps += ["label"] if rows.labels is not None else []
    return [*steps, "outlier"]


def _without(issues: Issues, row_ids: np.ndarray) -> Issues:
    """Return the findings about other rows than these."""
    known = pc.is_in(issues.table["row_id"], value_set=pa.array(row_ids, pa.string()))
    return Issues(issues.table.filter(pc.invert(known)))


def _label_method(found: LabelIssues) -> str:
    text = f"{found.method}; estimated share of wrong labels {found.noise_rate}"
    if found.expected_precision is not None:
        text += f"; about {found.expected_precision:.0%} of the flags should be right"
    action = choose_label_action(found)
    return f"{text}. To {action.value} them is advised: {action.reason}"

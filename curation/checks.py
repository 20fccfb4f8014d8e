"""All checks over one dataset: neighbours are searched once, copies are found first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from thresher.core.columns import read_features, take_rows
from thresher.core.embeddings import Embeddings
from thresher.core.encoders import embed, get_encoder
from thresher.core.errors import InputError, check_choice
from thresher.core.issues import Issues
from thresher.core.neighbors import NeighborGraph
from thresher.core.search import neighbor_graph

from .exact import find_exact_duplicates
from .labels import find_label_issues
from .leakage import find_leakage
from .near import find_near_duplicates
from .outliers import find_outliers
from .quality import find_quality_issues
from .reading import DecodedImages, Rows
from .thresholds import suggest_threshold

# In the order in which they run: copies would hide wrong labels and outliers.
STEPS = ("exact_duplicate", "near_duplicate", "leakage", "quality", "label", "outlier")
# Numbers are near duplicates only when they are equal but for rounding.
NEAR_FEATURES = 0.9999
# From fewer rows no threshold is learnt.
FEWEST_ROWS, NEAR_FEW = 50, 0.98


class Checks:
    """The checks over one dataset.

    Attributes
    ----------
    embeddings : Embeddings
        Rows of numbers with NaN have zero vectors, which are similar to nothing.
    threshold : float
        Cosine similarity of near duplicates and leaks.
    methods : dict of str
        How each check that ran was done, in a sentence.
    """

    def __init__(
        self, rows: Rows, *, encoder: Any, threshold: float | str, random_state: int
    ) -> None:
        self.rows, self.seed = rows, random_state
        spec = encoder
        if isinstance(encoder, str) and encoder == "auto":
            spec = f"builtin:{rows.modality}"
        self._encoder = get_encoder(spec, modality=rows.modality, random_state=random_state)
        self.embeddings = self._embed()
        self.threshold, self._why = self._choose_threshold(threshold)
        self.methods: dict[str, str] = {}
        self._redundant = np.zeros(len(rows.ids), dtype=bool)
        self._graph: NeighborGraph | None = None

    def possible(self) -> list[str]:
        """Return the checks that this data allows."""
        missing = set()
        if self.rows.labels is None:
            missing.add("label")
        if len(np.unique(self.rows.splits)) < 2:
            missing.add("leakage")
        return [step for step in STEPS if step not in missing]

    def run(self, steps: Sequence[str]) -> list[Issues]:
        """Run the named checks in the order of `STEPS`."""
        if "label" in steps and self.rows.labels is None:
            raise InputError("The step 'label' needs the label column: name it with `label`.")
        for step in steps:
            check_choice("steps", step, STEPS)
        known = {
            "exact_duplicate": self._exact,
            "near_duplicate": self._near,
            "leakage": self._leakage,
            "quality": self._quality,
            "label": self._wrong_labels,
            "outlier": self._outliers,
        }
        return [known[step]() for step in STEPS if step in steps]

    def _embed(self) -> Embeddings:
        rows = self.rows
        options: dict[str, Any] = {"encoder": self._encoder, "random_state": self.seed}
        columns: Any = list(rows.columns) if rows.modality == "features" else rows.columns[0]
        if rows.modality != "features":
            return embed(rows.dataset, column=columns, **options)
        whole = np.isfinite(read_features(rows.dataset, rows.columns)).all(axis=1)
        if not whole.any():
            raise InputError("Every row holds NaN or infinite values.")
        finite = take_rows(rows.dataset, np.flatnonzero(whole))
        found = embed(finite, column=columns, **options)
        vectors = np.zeros((len(rows.ids), found.vectors.shape[1]), dtype=np.float32)
        vectors[whole] = found.vectors
        return Embeddings(rows.ids, vectors, found.encoder, found.fingerprint)

    def _choose_threshold(self, threshold: float | str) -> tuple[float, str]:
        if not isinstance(threshold, str):
            return float(threshold), "asked for"
        if self.rows.modality == "features":
            return NEAR_FEATURES, "equal numbers up to rounding"
        if len(self.rows.ids) < FEWEST_ROWS:
            return NEAR_FEW, f"fewer than {FEWEST_ROWS} rows to learn one from"
        values = self.rows.values()
        if self.rows.modality == "image":
            size = self._encoder.image_size
            values = DecodedImages(self.rows.dataset, self.rows.columns[0], size)
        suggested = suggest_threshold(
            values,
            self.embeddings,
            encode=self._encoder.encode,
            kind=self.rows.modality,
            random_state=self.seed,
        )
        return suggested.threshold, suggested.reason

    def _close(self) -> NeighborGraph:
        if self._graph is None:
            self._graph = neighbor_graph(
                self.embeddings, threshold=self.threshold, random_state=self.seed
            )
        return self._graph

    def _exact(self) -> Issues:
        names = None
        if self.rows.labels is not None:
            names = np.array([name or "" for name in self.rows.labels], dtype=str)
        found = find_exact_duplicates(
            self.rows.hashes, row_ids=self.rows.ids, splits=self.rows.splits, labels=names
        )
        self._redundant |= ~found.kept
        self.methods["exact_duplicate"] = "hash of the content; one row of each group stays"
        return found.to_issues()

    def _near(self) -> Issues:
        found = find_near_duplicates(self._close(), protect=self.rows.splits != "train")
        self._redundant |= ~found.kept
        self.methods["near_duplicate"] = self._searched()
        return found.to_issues()

    def _leakage(self) -> Issues:
        names = None
        if self.rows.labels is not None:
            names = np.array([name or "" for name in self.rows.labels], dtype=str)
        found = find_leakage(self._close(), splits=self.rows.splits, labels=names)
        self._redundant |= found.leaks
        self.methods["leakage"] = self._searched()
        return found.to_issues()

    def _searched(self) -> str:
        return f"cosine of at least {self.threshold:.4f} ({self._why}); {self._close().method}"

    def _quality(self) -> Issues:
        found = find_quality_issues(
            self.rows.values(), kind=self.rows.modality, row_ids=self.rows.ids
        )
        self.methods["quality"] = "; ".join(["each row by itself and by its corpus", *found.notes])
        return found.to_issues()

    def _wrong_labels(self) -> Issues:
        """Judge training rows without the test labels, and test rows by all."""
        assert self.rows.labels is not None
        labels = np.array([name or "" for name in self.rows.labels], dtype=str)
        use = ~self._redundant & (labels != "")
        test = use & (self.rows.splits == "test")
        parts = [self._judge(np.flatnonzero(use & ~test), labels)]
        if test.any():
            both = self._judge(np.flatnonzero(use), labels)
            wanted = set(self.rows.ids[test].tolist())
            parts.append(Issues.from_rows(issue for issue in both if issue.row_id in wanted))
        return Issues.concat(parts)

    def _judge(self, rows: np.ndarray, labels: np.ndarray) -> Issues:
        classes = np.unique(labels[labels != ""]).tolist()
        found = find_label_issues(
            labels[rows],
            embeddings=self.embeddings.take(rows),
            classes=classes,
            random_state=self.seed,
        )
        self.methods.setdefault("label", f"{found.method}; about {found.noise_rate} wrong")
        return found.to_issues()

    def _outliers(self) -> Issues:
        rows = np.flatnonzero(~self._redundant)
        labels = None
        if self.rows.labels is not None:
            labels = np.array([self.rows.labels[row] or "" for row in rows], dtype=str)
        found = find_outliers(self.embeddings.take(rows), labels=labels, random_state=self.seed)
        self.methods["outlier"] = "mean distance to the nearest rows against that of its neighbours"
        return found.to_issues()

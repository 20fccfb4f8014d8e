"""How the rows of one dataset are compared: by which vectors, from where on, and who is close."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, TooManyPairs
from thresher.core.neighbors import NeighborGraph
from thresher.core.progress import message
from thresher.core.search import neighbor_graph

from ..duplicates.tables.chance import Coincidence
from ..duplicates.tables.rows import where_equal, with_other_columns
from .closeness import (
    COSINE,
    LOOKS,
    NEAR_LOOKS,
    SHINGLES,
    Closeness,
    choose_closeness,
    choose_text_closeness,
    compares_texts,
)
from .coincidence import (
    close_by_chance,
    describe_close,
    describe_equal,
    equal_by_chance,
    only_equal,
)
from .encoding import Encoded, encode_rows, own_vectors, with_missing_at_median
from .rows import Rows
from .steps import Plan
from .work_folder import encoder_key, keep_pairs, keep_vectors, rows_key

COMPARE = ("auto", "crops", "turns")
PAIRED = ("near_duplicate", "leakage")
# From a higher similarity than this none is tried that was not asked for.
HIGHEST_CHOSEN = 0.95


class Comparison:
    """Vectors, threshold and close pairs of a dataset; each is made when it is first needed.

    Parameters
    ----------
    rows : Rows
    plan : mapping
        Options of each step, as `read_steps` gives them.
    encoder : str, Encoder or callable
    threshold : float or "auto"
        For near duplicates and leaks, where the step has none of its own.
    compare : {"auto", "crops", "turns"}
        See `curation.Curator`.
    vectors : Embeddings or ndarray, optional
        The user's own, instead of an encoder's.
    known : Embeddings, optional
        Vectors of the first rows, from an earlier batch.
    encoded : Encoded, optional
        What was encoded before.
    searched : (Closeness, NeighborGraph), optional
        What was searched before.
    work_folder : Path, optional
        Keeps vectors and pairs; see `curation.curator.work_folder`.
    precision, recall, device :
        See `suggest_threshold` and `neighbor_graph`.
    random_state : int
    """

    def __init__(
        self,
        rows: Rows,
        plan: Plan,
        *,
        encoder: Any = "auto",
        threshold: float | str = "auto",
        compare: str = "auto",
        vectors: Embeddings | np.ndarray | None = None,
        known: Embeddings | None = None,
        encoded: Encoded | None = None,
        searched: tuple[Closeness, NeighborGraph] | None = None,
        work_folder: Path | None = None,
        precision: float = 0.95,
        recall: float = 0.999,
        device: str = "auto",
        random_state: int = 0,
    ) -> None:
        self.rows, self.plan, self.seed = rows, plan, random_state
        self.own_vectors = vectors is not None
        self._encoder, self._threshold, self._compare = encoder, threshold, compare
        self._vectors, self._known = vectors, known
        self._work = work_folder
        self._precision, self._recall, self._device = precision, recall, device
        if encoded is not None:
            self.encoded = encoded
        if searched is not None:
            self.closeness, self.graph = searched
        if compare != "auto" and (rows.modality != "image" or self.own_vectors):
            what = "vectors of your own" if self.own_vectors else f"data of kind {rows.modality!r}"
            raise InputError(f"`compare` {compare!r} looks at images, and these are {what}.")

    @cached_property
    def encoded(self) -> Encoded:
        """Vectors of all rows, and what made them."""
        if self._vectors is not None:
            return own_vectors(self.rows, self._vectors, known=self._known)
        if self._work is None or self._known is not None:
            return self._encode()
        return keep_vectors(self._work, self._vectors_key(), self._encode)

    def _encode(self) -> Encoded:
        return encode_rows(self.rows, self._encoder, known=self._known, random_state=self.seed)

    def _vectors_key(self) -> list[Any]:
        return [rows_key(self.rows), encoder_key(self.rows, self._encoder), self.seed]

    @property
    def has_vectors(self) -> bool:
        """Whether anything needed vectors so far."""
        return "encoded" in self.__dict__

    @cached_property
    def embeddings(self) -> Embeddings:
        """Vectors of all rows, by which labels and outliers are judged; of a table, all columns.

        Copies are found by the surface alone where the encoder joins it with meaning.
        """
        if self.own_vectors:
            return self.encoded.embeddings
        found = with_missing_at_median(self.rows, self.encoded)
        if not self.rows.described:
            return found
        from ..duplicates.tables.vectors import with_other_vectors

        numbers = self.rows.values().shape[1]
        return with_other_vectors(found, self.rows.dataset, self.rows.described, numbers=numbers)

    def known(self) -> tuple[Embeddings | None, np.ndarray | None]:
        """Return vectors and content hashes, as far as they were made, for a further batch."""
        vectors = self.encoded.embeddings if self.has_vectors else self._known
        hashes = self.rows.hashes if "hashes" in self.rows.__dict__ else None
        return vectors, hashes

    @cached_property
    def equal(self) -> tuple[np.ndarray, Coincidence]:
        """Keys of equal rows, str, shape (n,), empty where they are equal by chance."""
        keys = with_other_columns(self.rows.hashes, self.rows.others)
        chance = equal_by_chance(self.rows, keys)
        return np.full_like(keys, "") if chance else keys, chance

    @cached_property
    def measure(self) -> str:
        """What similarity is meant."""
        if self._compare != "auto":
            return LOOKS
        as_text = compares_texts(self.rows, self._encoder, own_vectors=self.own_vectors)
        return SHINGLES if as_text else COSINE

    @cached_property
    def closeness(self) -> Closeness:
        """What makes two rows near duplicates, for steps without a threshold of their own."""
        paired = any(step in self.plan for step in PAIRED)
        return self._searched[0] if paired else self._choose()

    @cached_property
    def graph(self) -> NeighborGraph:
        """All pairs of close rows, from the lowest threshold of any step on."""
        return self._searched[1]

    @cached_property
    def _searched(self) -> tuple[Closeness, NeighborGraph]:
        def make() -> tuple[Closeness, NeighborGraph]:
            return self._search_from(self._choose())

        if self._work is None or self.own_vectors or self._known is not None:
            return make()
        asked = [[step, self.plan[step].get("threshold")] for step in PAIRED if step in self.plan]
        key = [rows_key(self.rows), self.measure, self._compare, self._threshold, asked, self.seed]
        key += [self._precision, self._recall]
        key += self._vectors_key() if self.measure == COSINE else []
        return keep_pairs(self._work, key, make)

    def _choose(self) -> Closeness:
        if not isinstance(self._threshold, str):
            return Closeness(self.measure, float(self._threshold), "asked for")
        if self.measure == LOOKS:
            return Closeness(LOOKS, NEAR_LOOKS, "copies mostly have more, look-alikes less")
        if self.measure == SHINGLES:
            return choose_text_closeness(
                self.rows.values(), target_precision=self._precision, random_state=self.seed
            )
        return choose_closeness(
            self.rows,
            self.encoded.surface(),
            target_precision=self._precision,
            random_state=self.seed,
        )

    def closeness_of(self, step: str) -> Closeness:
        """Return what makes two rows close for one step."""
        return self._own(step) or self.closeness

    def _own(self, step: str) -> Closeness | None:
        if "threshold" not in self.plan[step]:
            return None
        return Closeness(self.measure, float(self.plan[step]["threshold"]), "asked for")

    def _search_all(self, usual: Closeness) -> NeighborGraph:
        threshold = self._lowest(usual)
        if self.own_vectors:
            return self._search(threshold)
        if not self._doubts:
            return where_equal(self._search(threshold), self.rows.others)
        keys, chance = self.equal
        if chance:  # then close rows are close by chance all the more
            why = describe_equal(chance)
            return only_equal(keys, self.rows, threshold=threshold, why=why)
        return self._beyond_chance(where_equal(self._search(threshold), self.rows.others))

    @property
    def _doubts(self) -> bool:
        """Whether close rows may be so by chance: those of a table, with no threshold asked for."""
        asked = any("threshold" in self.plan[step] for step in PAIRED if step in self.plan)
        table = self.rows.modality == "features" and self.encoded.encoder is not None
        return table and isinstance(self._threshold, str) and not asked

    def _beyond_chance(self, graph: NeighborGraph) -> NeighborGraph:
        encoder, threshold = self.encoded.surface().encoder, graph.threshold
        assert encoder is not None  # `_doubts` has seen to it
        assert threshold is not None  # it was made with one
        chance = close_by_chance(
            self.rows, graph, encoder=encoder, search=lambda e: self._near(e, threshold)
        )
        if not chance:
            return graph
        why = describe_close(chance)
        message(f"near duplicates: {why}")
        return only_equal(self.equal[0], self.rows, threshold=threshold, why=why)

    def _lowest(self, usual: Closeness) -> float:
        levels = [(self._own(step) or usual).threshold for step in PAIRED if step in self.plan]
        return min(levels, default=usual.threshold)

    def _search_from(self, usual: Closeness) -> tuple[Closeness, NeighborGraph]:
        """Search all pairs, from a higher similarity where a chosen one leaves too many."""
        while True:
            try:
                return usual, self._search_all(usual)
            except TooManyPairs:
                chosen = isinstance(self._threshold, str) and self._lowest(usual) == usual.threshold
                if not chosen or usual.threshold > HIGHEST_CHOSEN:
                    raise
            why = f"more pairs than can be compared are alike from {usual.threshold:.4g} on"
            usual = Closeness(usual.measure, (1 + usual.threshold) / 2, why)
            message(f"near duplicates: {why}; tried from {usual.threshold:.4g}")

    def _search(self, threshold: float) -> NeighborGraph:
        rows = self.rows
        if self.measure == COSINE:
            return self._near(self.encoded.surface().embeddings, threshold)
        if self.measure == SHINGLES:
            from ..duplicates.texts.graph import text_graph

            texts = rows.values()
            return text_graph(texts, row_ids=rows.ids, threshold=threshold, random_state=self.seed)
        from ..duplicates.images.graph import image_graph

        only_leaks = "leakage" in self.plan and "near_duplicate" not in self.plan
        return image_graph(
            rows.values(),
            row_ids=rows.ids,
            threshold=threshold,
            queries=rows.splits != "train" if only_leaks else None,
            turned=self._compare == "turns",
        )

    def _near(self, embeddings: Embeddings, threshold: float) -> NeighborGraph:
        return neighbor_graph(
            embeddings,
            threshold=threshold,
            recall=self._recall,
            device=self._device,
            random_state=self.seed,
        )

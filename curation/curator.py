"""The curator: a plain list of checks over a dataset, with the habits of scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.fingerprint import fingerprint
from thresher.core.issues import Issues
from thresher.core.rows import with_row_ids

from .checks import STEPS, Checks
from .decision import decide
from .policy import LABEL_ACTIONS, Policy
from .reading import Rows

if TYPE_CHECKING:
    import datasets

PARAMETERS = ("steps", "threshold", "label_action", "encoder", "random_state")


class Curator:
    """Find, decide and apply in one object.

    Parameters
    ----------
    steps : sequence of str, optional
        Checks to run, some of `STEPS`; default: all that the data allows. Their order does not
        matter: copies are always found first, since they would hide wrong labels.
    threshold : float or "auto"
        Cosine similarity of near duplicates and leaks; ``"auto"`` learns it by planting edits in
        the rows (`curation.thresholds`).
    label_action : str
        What to do with wrong labels: ``"drop"``, ``"relabel"``, ``"review"`` or ``"none"``.
    encoder : str, Encoder or callable
        See `thresher.core.get_encoder`; ``"auto"`` takes the built-in one of the modality.
    random_state : int

    Attributes
    ----------
    issues_ : Issues
    manifest_ : Manifest
        One decision for every row.
    embeddings_ : Embeddings
    threshold_ : float
    methods_ : dict of str
        How each check was done, in a sentence.
    """

    def __init__(
        self,
        steps: Sequence[str] | None = None,
        *,
        threshold: float | str = "auto",
        label_action: str = "drop",
        encoder: Any = "auto",
        random_state: int = 0,
    ) -> None:
        self.steps = steps
        self.threshold = threshold
        self.label_action = label_action
        self.encoder = encoder
        self.random_state = random_state

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Return the parameters by name; `deep` is there for scikit-learn and changes nothing."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def set_params(self, **params: Any) -> Curator:
        """Set parameters by name."""
        for name, value in params.items():
            check_choice("parameter", name, PARAMETERS)
            setattr(self, name, value)
        return self

    def fit(
        self,
        dataset: datasets.Dataset,
        *,
        column: str | Sequence[str] | None = None,
        label: str | None = None,
    ) -> Curator:
        """Run the checks and decide; the dataset is not changed.

        Parameters
        ----------
        dataset : datasets.Dataset
            Rows with an image column, a text column, or columns of numbers. A column ``split``
            (train, validation, test) is respected: only train rows are dropped or relabelled.
            Without a column ``row_id`` the ids are made from the content.
        column : str or sequence of str, optional
            What to look at; not needed where only one column can be meant.
        label : str, optional
            The label column.

        Raises
        ------
        InputError
            On unknown steps or columns, and on checks that this data does not allow.
        """
        steps = self._check()
        rows = Rows.open(dataset, column=column, label=label)
        checks = Checks(
            rows, encoder=self.encoder, threshold=self.threshold, random_state=self.random_state
        )
        if self.steps is None:
            steps = checks.possible()
        self.issues_ = Issues.concat(checks.run(steps))
        self.embeddings_, self.methods_ = checks.embeddings, checks.methods
        self.threshold_ = checks.threshold
        self.manifest_ = decide(
            self.issues_,
            row_ids=rows.ids,
            splits=rows.splits,
            labels=rows.labels,
            policy=Policy(label=self.label_action),
            header=self._header(rows),
        )
        self._seen, self._column, self._label = dataset, column, label
        return self

    def transform(self, dataset: datasets.Dataset) -> datasets.Dataset:
        """Return the rows that stay, with their new labels; the rows must be those of `fit`."""
        self._check_fitted()
        applied = self.manifest_.apply(with_row_ids(dataset), label=self._label)
        return applied.dataset

    def fit_transform(
        self,
        dataset: datasets.Dataset,
        *,
        column: str | Sequence[str] | None = None,
        label: str | None = None,
    ) -> datasets.Dataset:
        """Fit, and return the rows that stay."""
        return self.fit(dataset, column=column, label=label).transform(dataset)

    def partial_fit(
        self,
        dataset: datasets.Dataset,
        *,
        column: str | Sequence[str] | None = None,
        label: str | None = None,
    ) -> Curator:
        """Add rows; the decisions are those of one `fit` on all rows so far.

        Every check looks at all rows again, and so this costs as much as that `fit`: a new row can
        change the fate of an old one, and the result must not depend on how the rows came in.
        """
        if not hasattr(self, "manifest_"):
            return self.fit(dataset, column=column, label=label)
        import datasets as hf

        for name, given, known in (
            ("column", column, self._column),
            ("label", label, self._label),
        ):
            if given is not None and given != known:
                raise InputError(f"`{name}` was {known!r} before and is {given!r} now.")
        joined = hf.concatenate_datasets([self._seen, dataset])
        return self.fit(joined, column=self._column, label=self._label)

    def _check(self) -> list[str]:
        steps = list(STEPS) if self.steps is None else list(self.steps)
        for step in steps:
            check_choice("steps", step, STEPS)
        check_choice("label_action", self.label_action, LABEL_ACTIONS)
        if isinstance(self.threshold, str):
            check_choice("threshold", self.threshold, ("auto",))
        else:
            check_number("threshold", self.threshold, low=0, high=1, low_open=True)
        return steps

    def _check_fitted(self) -> None:
        if not hasattr(self, "manifest_"):
            raise InputError("This curator is not fitted yet: call `fit` first.")

    def _header(self, rows: Rows) -> dict[str, Any]:
        from thresher import __version__

        return {
            "thresher": __version__,
            "dataset": fingerprint(rows.ids, rows.hashes),
            "seed": self.random_state,
            "steps": list(self.methods_),
            "threshold": self.threshold_,
            "encoder": self.embeddings_.fingerprint,
        }

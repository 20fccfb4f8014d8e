"""The curator: a plain list of checks over a dataset, with the habits of scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.issues import Issues
from thresher.core.manifest import Manifest
from thresher.core.schema import TASKS

from ..containers.opening import looked_at, open_rows
from ..decisions.decide import decide, with_final_twins
from ..decisions.policy import LABEL_ACTIONS, Policy
from .checks import Checks, possible_steps
from .comparison import COMPARE, Comparison
from .coreset_step import choose_rows
from .habits import Habits, check_both, check_same
from .header import header_of
from .rows import Rows
from .steps import Plan, Step, read_steps, score_columns
from .target_checks import WITHOUT_CLASSES, check_relabel

if TYPE_CHECKING:
    from ..corpus import CorpusIssues


class Curator(Habits):
    """Find, decide and apply in one object.

    Parameters
    ----------
    steps : sequence of str or (str, dict), optional
        What to do, some of `curation.curator.steps.STEPS`, each alone or with its options, such as
        ``["quality", ("near_duplicate", {"threshold": 0.9}), ("coreset", {"n": 1000})]``; default:
        all checks that the data allows. Their order does not matter: copies are always found first,
        since they would hide wrong labels, and a core set is chosen last.
    threshold : float or "auto"
        Similarity of near duplicates and leaks, for steps without one of their own; ``"auto"`` is
        chosen for the data (`curation.curator.closeness`).
    label_action : str
        What to do with wrong labels: ``"drop"``, ``"relabel"``, ``"review"``, ``"none"``, or
        ``"auto"``: drop where it is sure that there are any, else review.
    encoder : str, Encoder or callable
        See `thresher.core.get_encoder`; ``"auto"`` takes the joined one of the modality where its
        weights are installed, else the built-in one. Near duplicates of texts are then found by
        their words, of images by the built-in part.
    compare : {"auto", "crops", "turns"}
        How near duplicates and leaks are looked for: ``"auto"`` by words in texts, else by vectors;
        images also by many looks, which need no encoder (`image_graph`): ``"crops"`` finds
        cropped and mirrored copies too, ``"turns"`` also those turned by quarters.
    work_folder : path-like, optional
        Keeps vectors and close pairs, so that `fit` on the same rows goes on where a killed
        process stopped (`curation.curator.work_folder`); safe to remove at the end. `partial_fit`
        needs none.
    random_state : int

    Attributes
    ----------
    issues_ : Issues
    manifest_ : Manifest
        One decision for every row.
    checks_ : Checks
        ``found`` holds the result of each check; ``embeddings`` and ``graph`` what they read.
    corpus_ : CorpusIssues
        Of all training rows together: imbalance and order; shortcuts where quality was checked,
        drift where a check needed vectors.
    embeddings_ : Embeddings
        Made now if no check needed them.
    threshold_ : float
        From which similarity on rows are near duplicates.
    methods_ : dict of str
        How each check was done, in a sentence.
    encoded_rows_ : int
        Rows that the last `fit` or `partial_fit` had to encode.

    Examples
    --------
    >>> import datasets
    >>> from curation import Curator
    >>> texts = ["a red kettle", "a red kettle", "two small chairs", "a lamp for the desk"]
    >>> rows = datasets.Dataset.from_dict({"text": texts})
    >>> curator = Curator(["exact_duplicate"]).fit(rows, column="text")
    >>> curator.issues_.counts()
    {'exact_duplicate': 1}
    >>> curator.transform(rows)["text"][:]
    ['a red kettle', 'two small chairs', 'a lamp for the desk']
    """

    def __init__(
        self,
        steps: Sequence[Step] | None = None,
        *,
        threshold: float | str = "auto",
        label_action: str = "auto",
        encoder: Any = "auto",
        compare: str = "auto",
        work_folder: str | os.PathLike[str] | None = None,
        random_state: int = 0,
    ) -> None:
        self.steps = steps
        self.threshold = threshold
        self.label_action = label_action
        self.encoder = encoder
        self.compare = compare
        self.work_folder = work_folder
        self.random_state = random_state

    def fit(
        self,
        dataset: Any,
        y: Any = None,
        *,
        column: str | Sequence[str] | None = None,
        label: str | Sequence[str] | None = None,
        task: str | None = None,
        embeddings: Embeddings | np.ndarray | None = None,
        pred_probs: np.ndarray | None = None,
    ) -> Curator:
        """Run the checks and decide; what was given is not changed.

        Parameters
        ----------
        dataset : datasets.Dataset, DatasetDict, DataFrame, Arrow table, list, array, torch dataset
            Rows with an image column, a text column, or columns of numbers; an array of numbers,
            shape (n, d), or of images, uint8; a list of texts or of mappings. A column ``split``
            (train, validation, test) or the splits of a ``DatasetDict`` are respected: only train
            rows are dropped or relabeled. Without a column ``row_id`` ids are made from the
            content.
        y : array or column, shape (n,), optional
            Labels beside the rows.
        column : str or sequence of str, optional
            What to look at; not needed where only one column can be meant. Of the columns of a
            table, those of text or dates describe the rows beside the numbers: labels and outliers
            are judged by all (`curation.duplicates.tables.vectors`).
        label : str or sequence of str, optional
            The label column, where there is no `y`; several of 0 and 1 are one set of classes. Of
            pairs of a torch dataset it is the second.
        task : {"classification", "multi_label", "regression"}, optional
            What the labels are; found out when left out. With ``label_action="auto"`` numbers and
            sets of classes are only ever marked for review.
        embeddings : Embeddings or ndarray of float, shape (n, d), optional
            Vectors of your own, used for every check instead of an encoder's.
        pred_probs : ndarray of float, shape (n, K), optional
            Out-of-sample probabilities of the classes, sorted by name, to judge labels by.

        Raises
        ------
        InputError
            On unknown steps or columns, and on checks that this data does not allow.
        """
        plan = self._check()
        opened = open_rows(dataset, y, label=_one(label))
        rows = Rows.open(
            opened.dataset,
            column=looked_at(opened, column),
            label=opened.label or label,
            task=task,
            ignored=score_columns(plan),
        )
        self._run(rows, plan, vectors=embeddings, pred_probs=pred_probs, known=None)
        self._opened, self._column, self._label = opened, column, opened.label or label
        self._task = None if rows.label is None else rows.task
        self._pred_probs, self._own = pred_probs, embeddings is not None
        self._note_columns(dataset)
        return self

    def transform(self, dataset: Any) -> Any:
        """Return the rows that stay, with their new labels, as the kind of `dataset`.

        The rows must be those of `fit`, in any order; index, columns and types are kept.
        """
        self._check_fitted()
        opened = open_rows(dataset)
        self._check_columns(dataset)
        return replace(opened, label=_one(self._label)).apply(self.manifest_)

    def fit_transform(
        self,
        dataset: Any,
        y: Any = None,
        *,
        column: str | Sequence[str] | None = None,
        label: str | Sequence[str] | None = None,
        task: str | None = None,
        embeddings: Embeddings | np.ndarray | None = None,
        pred_probs: np.ndarray | None = None,
    ) -> Any:
        """Fit, and return the rows that stay; with labels beside them see `fit_resample`."""
        options: Any = {"task": task, "embeddings": embeddings, "pred_probs": pred_probs}
        self.fit(dataset, y, column=column, label=label, **options)
        return self._opened.apply(self.manifest_)

    def fit_resample(self, dataset: Any, y: Any, **options: Any) -> tuple[Any, Any]:
        """Fit, and return the rows that stay and their labels, each as the kind that was given.

        The name is that of imbalanced-learn, in whose pipelines rows may go between steps. In one
        of scikit-learn's they may not: there a curator stands last, or before the pipeline.

        Parameters
        ----------
        dataset, y
            As in `fit`.
        **options
            The other options of `fit`.
        """
        self.fit(dataset, y, **options)
        return self._opened.apply(self.manifest_), self._opened.apply_to_labels(self.manifest_)

    def partial_fit(
        self,
        dataset: Any,
        y: Any = None,
        *,
        column: str | Sequence[str] | None = None,
        label: str | Sequence[str] | None = None,
        task: str | None = None,
        embeddings: Embeddings | np.ndarray | None = None,
        pred_probs: np.ndarray | None = None,
    ) -> Curator:
        """Add rows; the decisions are those of one `fit` on all rows so far, in any batches.

        Old rows are not hashed again, nor encoded again where an encoder gives a row its vector
        whatever rows come with it: a pretrained or fitted one, or ``"builtin:text-hash"``. The
        other built-in encoders learn from the rows, so that each batch moves all vectors; they
        encode everything again (``encoded_rows_``). Neighbors are searched again in any case: a
        new row can change the threshold, the partition and the fate of an old row, and a search
        costs little beside encoding.
        """
        if not hasattr(self, "manifest_"):
            options: Any = {"task": task, "embeddings": embeddings, "pred_probs": pred_probs}
            return self.fit(dataset, y, column=column, label=label, **options)
        self._check_columns(dataset)
        before = label or (self._label if y is None else None)
        opened = open_rows(dataset, y, label=_one(before))
        check_same("column", column, self._column)
        check_same("label", opened.label or before, self._label)
        check_same("task", task, self._task)
        check_both("embeddings", embeddings is not None, self._own)
        check_both("pred_probs", pred_probs is not None, self._pred_probs is not None)
        joined = self._opened.followed_by(opened)
        known, hashes = self.checks_.compared.known()
        plan = self._check()
        rows = Rows.open(
            joined.dataset,
            column=looked_at(joined, self._column),
            label=self._label,
            task=self._task,
            ignored=score_columns(plan),
            known_hashes=hashes,
        )
        if pred_probs is not None and self._pred_probs is not None:
            pred_probs = np.concatenate([self._pred_probs, pred_probs])
        self._run(rows, plan, vectors=embeddings, pred_probs=pred_probs, known=known)
        self._opened, self._pred_probs = joined, pred_probs
        return self

    @property
    def embeddings_(self) -> Embeddings:
        """Vectors of all rows."""
        self._check_fitted()
        return self.checks_.embeddings

    @property
    def threshold_(self) -> float:
        """From which similarity on rows are near duplicates."""
        self._check_fitted()
        return self.checks_.compared.closeness.threshold

    @property
    def corpus_(self) -> CorpusIssues:
        """What concerns the training rows as a whole: imbalance, sorted rows, shortcuts, drift."""
        self._check_fitted()
        return self.checks_.corpus()

    def _check(self) -> Plan | None:
        check_choice("label_action", self.label_action, ("auto", *LABEL_ACTIONS))
        check_choice("compare", self.compare, COMPARE)
        if isinstance(self.threshold, str):
            check_choice("threshold", self.threshold, ("auto",))
        else:
            check_number("threshold", self.threshold, low=0, high=1, low_open=True)
        return None if self.steps is None else read_steps(self.steps)

    def _check_fitted(self) -> None:
        if not hasattr(self, "manifest_"):
            raise InputError("This curator is not fitted yet: call `fit` first.")

    def _run(
        self,
        rows: Rows,
        plan: Plan | None,
        *,
        vectors: Embeddings | np.ndarray | None,
        pred_probs: np.ndarray | None,
        known: Embeddings | None,
    ) -> None:
        compared = Comparison(
            rows,
            read_steps(possible_steps(rows)) if plan is None else plan,
            encoder=self.encoder,
            threshold=self.threshold,
            compare=self.compare,
            vectors=vectors,
            known=known,
            work_folder=None if self.work_folder is None else Path(self.work_folder),
            random_state=self.random_state,
        )
        checks = Checks(compared, pred_probs=pred_probs)
        issues = checks.run()
        manifest = self._decide(issues, checks)
        if "coreset" in checks.plan:
            issues = Issues.concat([issues, choose_rows(checks, manifest)])
            manifest = self._decide(issues, checks)
        self.checks_, self.manifest_ = checks, manifest
        self.issues_ = with_final_twins(issues, manifest)
        self.methods_ = checks.methods
        self.encoded_rows_ = compared.encoded.encoded if compared.has_vectors else 0

    def _decide(self, issues: Issues, checks: Checks) -> Manifest:
        rows, action = checks.rows, self.label_action
        if action == "relabel":
            check_relabel(rows.task, rows.label)
        fewest: dict[str, Any] = {} if rows.task == TASKS[0] else WITHOUT_CLASSES
        return decide(
            issues,
            row_ids=rows.ids,
            splits=rows.splits,
            labels=rows.labels,
            policy=Policy(label=checks.label_action if action == "auto" else action, **fewest),
            header=header_of(checks, random_state=self.random_state),
        )


def _one(label: str | Sequence[str] | None) -> str | None:
    """Return the one label column; None of several, in which nothing is ever written."""
    return label if isinstance(label, str) else None

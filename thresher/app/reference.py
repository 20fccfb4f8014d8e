"""Plain references: what anyone tries first, so that a run can be told to be no better.

Texts get TF-IDF with logistic regression, tables gradient boosting or random trees, images logistic
regression on an encoder's vectors, the last two also the nearest training rows; the model that is
best on the validation rows is kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ..core.columns import read_features, read_texts
from ..core.encoders import embed, load_encoder
from ..core.errors import InputError, told
from ..core.files import atomic_path, read_json, write_json
from ..core.loaded import LoadedDataset
from ..core.progress import message
from ..core.shown import Shown

MODEL, CARD, ENCODER = "reference.joblib", "reference.json", "encoder"
NEIGHBORS = 5
# Boosting makes a tree for each class in each of its rounds.
BOOSTED_CLASSES = 20


@dataclass(frozen=True, repr=False)
class Reference(Shown):
    """A plain model that was fitted to training rows.

    Attributes
    ----------
    name : str
        What it is, in words.
    modality : str
        ``"text"``, ``"features"`` or ``"image"``.
    columns : tuple of str
        Those that the rows were read from.
    classes : tuple of str
    estimator : sklearn classifier
        Takes texts, numbers (n, d), or the vectors of an encoder (n, d).
    folder : Path
        Where it was read from; of images, their encoder lies beside it.
    """

    name: str
    modality: str
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    estimator: ClassifierMixin
    folder: Path = Path()

    def probabilities(self, values: Any) -> np.ndarray:
        """Return the probability of each class, float64 (n, classes); 0 for classes unseen."""
        found = np.zeros((len(values), len(self.classes)))
        found[:, self.estimator.classes_] = self.estimator.predict_proba(values)
        return found

    def save(self, folder: Path) -> None:
        """Write the model and a card that says what it is."""
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(folder / MODEL) as temporary:
            joblib.dump(self.estimator, temporary)
        card = {name: getattr(self, name) for name in ("name", "modality", "columns", "classes")}
        write_json(folder / CARD, card)

    def asked(self) -> dict[str, Any]:
        """Return which columns new rows are to be read from."""
        if self.modality == "features":
            return {"features": list(self.columns)}
        return {"text": self.columns[0]} if self.modality == "text" else {}

    def values_of(self, rows: LoadedDataset) -> Any:
        """Return what the estimator takes of new rows.

        Raises
        ------
        InputError
            For rows of another kind.
        """
        if rows.schema.modality != self.modality:
            raise InputError(
                f"The reference takes rows of the kind {self.modality!r}, and these were read as "
                f"{rows.schema.modality!r}: name the right column with --{self.modality}."
            )
        names = rows.schema.inputs
        if self.modality == "text":
            return read_texts(rows.dataset, names[0])
        if self.modality == "features":
            return read_features(rows.dataset, names)
        encoder = load_encoder(self.folder / ENCODER)
        return embed(rows.dataset, column=names[0], encoder=encoder).vectors

    @classmethod
    def load(cls, folder: Path) -> Reference:
        """Read what `save` wrote. The file is a pickle: read only those of your own.

        Raises
        ------
        InputError
            When the folder holds no reference.
        """
        card = read_json(folder / CARD)
        try:
            listed = {name: tuple(card[name]) for name in ("columns", "classes")}
            model = _read(folder / MODEL)
            return cls(card["name"], card["modality"], **listed, estimator=model, folder=folder)
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder / CARD} is no card of a plain reference.") from error


def is_reference(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder holds what `Reference.save` wrote."""
    return (Path(folder) / CARD).is_file()


def candidates(modality: str, *, num_classes: int, random_state: int) -> dict[str, Pipeline]:
    """Return the plain models of a modality by name, not fitted."""
    if modality == "text":
        return _for_texts(random_state)
    if modality == "features":
        return _for_numbers(num_classes, random_state)
    return _for_vectors()


def fit_reference(
    values: Any,
    codes: np.ndarray,
    *,
    validation: tuple[Any, np.ndarray],
    modality: str,
    columns: tuple[str, ...],
    classes: tuple[str, ...],
    random_state: int,
) -> Reference:
    """Fit the plain models of a modality and keep the best on the validation rows.

    One that ends with an error, such as neighbors among too few rows, is told and left out; the
    error is raised if all do.

    Parameters
    ----------
    values : list of str, or ndarray of shape (n, d)
    codes : ndarray of int64, shape (n,)
    validation : tuple of values and codes
    modality : {"text", "features", "image"}
        Of images, `values` are the vectors of an encoder.
    columns, classes : tuple of str
    random_state : int
    """
    tried = candidates(modality, num_classes=len(classes), random_state=random_state)
    right: dict[str, float] = {}
    errors: list[Exception] = []
    for name, model in tried.items():
        try:
            found = model.fit(values, codes).predict(validation[0])
        except Exception as error:
            errors.append(error)
            message(f"plain reference, {name}: failed, {told(error)}")
            continue
        right[name] = float((found == validation[1]).mean())
    if not right:
        raise errors[0]
    best = max(right, key=lambda name: right[name])
    return Reference(best, modality, columns, classes, tried[best])


def _for_texts(seed: int) -> dict[str, Pipeline]:
    words = {"ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"}
    pieces = {"analyzer": "char_wb", "ngram_range": (2, 4), "min_df": 2}
    return {
        f"TF-IDF of {name}, logistic regression": make_pipeline(
            TfidfVectorizer(sublinear_tf=True, **how),
            SGDClassifier(loss="log_loss", alpha=alpha, random_state=seed),
        )
        for name, how, alpha in (
            ("words and pairs of words", words, 1e-5),
            ("words and pairs of words, held smaller", words, 1e-4),
            ("parts of words", pieces, 1e-5),
        )
    }


def _for_numbers(num_classes: int, seed: int) -> dict[str, Pipeline]:
    if num_classes <= BOOSTED_CLASSES:
        boosted = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
        trees = {"gradient boosting": make_pipeline(boosted)}
    else:
        forest = ExtraTreesClassifier(200, random_state=seed)
        trees = {"200 random trees": make_pipeline(forest)}
    return {**trees, **_nearest("standardized numbers", StandardScaler())}


def _for_vectors() -> dict[str, Pipeline]:
    linear = LogisticRegression(C=10.0, max_iter=300)
    name = "logistic regression on the encoder's vectors"
    return {name: make_pipeline(StandardScaler(), linear), **_nearest("the encoder's vectors")}


def _nearest(of: str, *before: Any) -> dict[str, Pipeline]:
    return {
        f"{NEIGHBORS} nearest neighbors by {of}": make_pipeline(
            *before, KNeighborsClassifier(NEIGHBORS, weights="distance")
        )
    }


def _read(path: Path) -> ClassifierMixin:
    if not path.is_file():
        raise InputError(f"{path} is missing: run again, so that the reference is fitted anew.")
    return joblib.load(path)

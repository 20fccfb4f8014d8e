"""What scikit-learn asks of an estimator, without scikit-learn: parameters, tags, columns."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np

from thresher.core.errors import InputError, check_choice


class Habits:
    """Parameters are the arguments of ``__init__``, kept as they are under their names.

    Attributes
    ----------
    n_features_in_ : int
        Columns of an array or a data frame, after `fit`.
    feature_names_in_ : ndarray of str
        Those of a data frame.
    """

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Return the parameters by name; `deep` is there for scikit-learn and changes nothing."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name."""
        for name, value in params.items():
            check_choice("parameter", name, self._names())
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = {
            name: value
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name].default)
        }
        given = ", ".join(f"{name}={value!r:.60}" for name, value in changed.items())
        return f"{type(self).__name__}({given})"

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: any kind of input, labels not needed."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            classifier_tags=None,
            regressor_tags=None,
            input_tags=InputTags(two_d_array=True, string=True, three_d_array=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "manifest_")

    def _note_columns(self, data: Any) -> None:
        """Keep the number and the names of the columns of an array or a frame."""
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        shape: Any = getattr(data, "shape", ())
        if isinstance(shape, tuple) and len(shape) == 2:
            self.n_features_in_ = int(shape[1])
        columns = getattr(data, "columns", None)
        if columns is not None and all(isinstance(name, str) for name in columns):
            self.feature_names_in_ = np.asarray(list(columns), dtype=object)

    def _check_columns(self, data: Any) -> None:
        """Raise `InputError` when an array or frame has other columns than that of `fit`."""
        known = getattr(self, "n_features_in_", None)
        shape: Any = getattr(data, "shape", ())
        if known is not None and isinstance(shape, tuple) and shape[1:2] not in ((known,), ()):
            raise InputError(
                f"X has {shape[1]} features, but {type(self).__name__} is expecting {known} "
                "features as input."
            )


def check_same(name: str, now: Any, before: Any) -> None:
    """Raise `InputError` when something is given that differs from what was given before."""
    if now is not None and now != before:
        raise InputError(f"`{name}` was {before!r} before and is {now!r} now.")


def check_both(name: str, now: bool, before: bool) -> None:
    """Raise `InputError` when something is given for some rows only."""
    if now != before:
        when = "with earlier rows, but not now" if before else "now, but not before"
        raise InputError(f"`{name}` was given {when}.")

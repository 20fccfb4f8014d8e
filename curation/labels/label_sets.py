"""Reading labels of which a row has any number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thresher.core.errors import InputError


def read_label_sets(
    labels: np.ndarray | Sequence[Sequence[int]] | Sequence[Sequence[str]],
    *,
    classes: Sequence[str] | None,
    width: int,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return ones, zeros and −1, int64, shape (n, K), and the class names."""
    if isinstance(labels, np.ndarray) and labels.ndim == 2:
        return _read_indicators(labels, classes)
    sets = [list(row) for row in labels]
    values = {value for row in sets for value in row}
    if all(isinstance(value, (int, np.integer)) for value in values):
        needed = max([int(value) + 1 for value in values] + [width, len(classes or ())])
        names = tuple(map(str, classes if classes is not None else range(needed)))
        code_of: dict[object, int] = {code: code for code in range(len(names))}
    else:
        names = tuple(classes) if classes is not None else tuple(sorted(map(str, values)))
        code_of = {name: code for code, name in enumerate(names)}
    unknown = [value for value in values if value not in code_of]
    if unknown:
        raise InputError(
            f"Labels that are not in `classes`: {', '.join(sorted(map(str, unknown))[:5])}."
        )
    present = np.zeros((len(sets), len(names)), dtype=np.int64)
    for row, values_of_row in enumerate(sets):
        present[row, [code_of[value] for value in values_of_row]] = 1
    return present, names


def _read_indicators(
    labels: np.ndarray, classes: Sequence[str] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    names = tuple(map(str, classes if classes is not None else range(labels.shape[1])))
    if len(names) != labels.shape[1]:
        raise InputError(f"`labels` has {labels.shape[1]} columns, `classes` {len(names)} names.")
    if not np.isin(labels, (-1, 0, 1)).all():
        raise InputError("`labels` of shape (n, K) must hold 0, 1, or -1 where it is not known.")
    return labels.astype(np.int64), names

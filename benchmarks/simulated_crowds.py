"""Made-up crowds with known truth: hard rows, shared errors, annotators who copy.

No benchmark itself: `active_learning_crowds` imports it.
"""

from __future__ import annotations

import numpy as np

Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
KINDS = ("independent", "hard rows", "misread rows", "copying", "hard rows and copying")
ROWS, PEOPLE = 400, 25


def simulated(kind: str, seed: int) -> tuple[Columns, dict[str, str]]:
    """Return row ids, annotators and labels, and the truth of each row.

    Annotators are right for .35 to .98, with the crowd's own way of being wrong. Hard rows are
    answered from that way alone for some of the answers; of misread rows (15 %) three quarters get
    one wrong class; half of the annotators copy one of the first three for 80 % of the rows.
    """
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    classes, each = int(rng.choice([2, 3, 5])), int(rng.choice([3, 5, 8]))
    truth = rng.integers(classes, size=ROWS)
    said = _answers(kind, truth, classes, rng)
    asked = np.stack([rng.choice(PEOPLE, each, replace=False) for _ in range(ROWS)])
    rows = np.repeat(np.arange(ROWS), each)
    names = tuple(
        np.array([f"{letter}{number:03d}" for number in numbers])
        for letter, numbers in (
            ("r", rows),
            ("p", asked.ravel()),
            ("c", said[rows, asked.ravel()]),
        )
    )
    known = {f"r{row:03d}": f"c{code:03d}" for row, code in enumerate(truth.tolist())}
    return (names[0], names[1], names[2]), known


def _answers(kind: str, truth: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Return what everyone would say to every row, int64 (rows, people)."""
    skill = np.clip(rng.beta(6, 2.5, size=PEOPLE), 0.35, 0.98)
    habit = rng.dirichlet(np.ones(classes), size=classes)
    clear = np.ones(ROWS)
    if kind.startswith("hard rows"):
        clear = rng.beta(1.2, 0.6, size=ROWS)
    misread = (rng.random(ROWS) < 0.15) & (kind == "misread rows")
    wrong = (truth + rng.integers(1, classes, size=ROWS)) % classes
    said = np.empty((ROWS, PEOPLE), dtype=np.int64)
    for row, code in enumerate(truth.tolist()):
        own = habit[code].copy()
        own[code] = 0.0
        errors = 0.6 * own / max(own.sum(), 1e-9) + 0.4 / classes
        errors[code] = 0.0
        errors /= errors.sum()
        for person in range(PEOPLE):
            chances = (1 - skill[person]) * errors
            chances[code] = skill[person]
            chances = clear[row] * chances + (1 - clear[row]) * habit[code]
            if misread[row]:
                chances *= 0.25
                chances[wrong[row]] += 0.75
            said[row, person] = rng.choice(classes, p=chances / chances.sum())
    if kind.endswith("copying"):
        copied = said[:, rng.integers(3)].copy()
        for person in np.flatnonzero(rng.random(PEOPLE) < 0.5).tolist():
            same = rng.random(ROWS) < 0.8
            said[same, person] = copied[same]
    return said

"""Rows go to the adapter whose rows are nearest; of their like the allowed share goes to none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifecycle import Router
from lifecycle.adapters.tensor_file import write_tensors
from thresher.core.errors import InputError

TASKS = ("cards", "loans", "travel")
CENTERS = np.random.default_rng(9).normal(size=(4, 32))  # the fourth is of no task


def rows_of(centers: np.ndarray, seed: int) -> np.ndarray:
    return CENTERS[centers] + np.random.default_rng(seed).normal(size=(len(centers), 32))


def fitted(seed: int = 0, count: int = 1200, **how: float) -> Router:
    centers = np.random.default_rng(seed).integers(0, 3, count)
    names = np.array(TASKS)[centers]
    return Router.fit(rows_of(centers, seed), names, random_state=seed, **how)  # type: ignore[arg-type]


def test_scores_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    rows, owner = rng.normal(size=(200, 8)), rng.integers(0, 3, 200)
    router = Router.fit(
        rows, np.array(TASKS)[owner], miss_rate=0.1, neighbors=3, calibration=0.2, random_state=1
    )
    kept = np.random.default_rng(1).permutation(200)[40:]
    asked = rng.normal(size=(300, 8))
    found = router.route(asked)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for row, name, score in zip(asked, found.nearest, found.scores, strict=True):
        close = unit @ (row / np.linalg.norm(row))
        means = [np.sort(close[kept[owner[kept] == place]])[-3:].mean() for place in range(3)]
        assert score == pytest.approx(max(means), abs=1e-5)
        assert name == TASKS[int(np.argmax(means))]


def test_the_share_of_rows_that_find_none_is_what_was_allowed() -> None:
    """Over many draws of the rows the mean miss rate is at most the one asked, and near it."""
    asked, truth = rows_of(np.arange(3000) % 3, 77), np.array(TASKS)[np.arange(3000) % 3]
    missed, right = [], []
    for seed in range(25):
        found = fitted(seed, miss_rate=0.05)
        routes = found.route(asked)
        missed.append(np.mean([name is None for name in routes.adapters]))
        right.append(np.mean(np.array(routes.nearest) == truth))
    # 300 rows calibrate; the standard error of the mean of 25 is about 0.0025.
    assert 0.035 < np.mean(missed) < 0.0575
    assert np.mean(right) > 0.95


def test_rows_of_no_task_are_told_so() -> None:
    routes = fitted().route(rows_of(np.full(500, 3), 5))
    assert np.mean([name is None for name in routes.adapters]) > 0.9
    assert set(routes.nearest) <= set(TASKS)


def test_the_order_of_rows_does_not_matter_and_empty_is_empty() -> None:
    router, rows = fitted(), rows_of(np.arange(700) % 4, 3)
    order = np.random.default_rng(0).permutation(700)
    forward, mixed = router.route(rows), router.route(rows[order])
    assert [forward.adapters[place] for place in order] == mixed.adapters
    np.testing.assert_allclose(forward.scores[order], mixed.scores, atol=1e-6)
    assert router.route(np.empty((0, 32))).adapters == []
    assert router.route(np.zeros((1, 32))).adapters == [None]


def test_a_router_that_was_saved_routes_alike(tmp_path: Path) -> None:
    router, rows = fitted(rows_per_adapter=50), rows_of(np.arange(40) % 4, 3)
    router.save(tmp_path / "router.safetensors")
    read = Router.load(tmp_path / "router.safetensors")
    assert read.names == sorted(TASKS)
    assert read.threshold == router.threshold
    assert read.route(rows).adapters == router.route(rows).adapters
    assert (tmp_path / "router.safetensors").stat().st_size < 3 * 50 * 32 * 4 + 1000


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "router.safetensors"
    fitted().save(file)
    whole = file.read_bytes()
    for content in (b"", whole[:100], whole[:-1]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"router\.safetensors cannot be used"):
            Router.load(file)
    write_tensors(file, {"rows": np.ones((2, 2))}, metadata={})
    with pytest.raises(InputError, match="is no router"):
        Router.load(file)
    for router in ("{}", "[]", '{"counts": {"a": 3}, "threshold": 0, "neighbors": 1}'):
        write_tensors(
            file,
            {"rows": np.ones((2, 2))},
            metadata={"format": "thresher.router", "router": router},
        )
        with pytest.raises(InputError, match="is damaged"):
            Router.load(file)
    with pytest.raises(InputError, match="cannot be read"):
        Router.load(tmp_path / "none")


def test_what_cannot_be_fitted_is_refused() -> None:
    rows = rows_of(np.arange(300) % 3, 0)
    names = np.array(TASKS)[np.arange(300) % 3]
    with pytest.raises(InputError, match="needs 99 rows to calibrate by, 75 of 300"):
        Router.fit(rows, names)
    with pytest.raises(InputError, match="came with 299 adapters"):
        Router.fit(rows, names[1:])
    with pytest.raises(InputError, match="1 of 300 vectors hold NaN"):
        Router.fit(np.where(np.arange(300)[:, None] == 7, np.nan, rows), names)
    with pytest.raises(InputError, match=r"shape \(n, d\), got \(300,\)"):
        Router.fit(rows[:, 0], names)
    alone = np.array(["rare", *names[1:]])
    aside = next(s for s in range(99) if 0 in np.random.default_rng(s).permutation(300)[:75])
    with pytest.raises(InputError, match="Too few rows of the adapter 'rare'"):
        Router.fit(rows, alone, miss_rate=0.05, random_state=aside)
    with pytest.raises(InputError, match="32 columns, got 5"):
        fitted().route(np.ones((1, 5)))
    for wrong in ({"miss_rate": 0}, {"neighbors": 0}, {"calibration": 1}, {"rows_per_adapter": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            fitted(**wrong)


def test_the_code_of_the_page_routes_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "adapters.md"
    block = page.read_text(encoding="utf-8").split("```python\n")[2].split("```")[0]
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"np": np}
    exec(compile(block, "docs/adapters.md", "exec"), names)
    assert names["routes"].adapters == ["letters", "invoices", None]

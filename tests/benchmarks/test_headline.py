"""The headline experiment: what is planted, how cells survive a kill, and what the tables say."""

from __future__ import annotations

import argparse
import difflib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.calibration import calibration_curve

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Iterator[None]:
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def planting() -> ModuleType:
    from headline_parts import planting

    return planting


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    from headline_parts import pages

    return pages


def picture(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    stream = io.BytesIO()
    small.resize((64, 64), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)), float)


def planted(planting: ModuleType, seed: int = 0) -> Any:
    rows, test = [f"row number {at}" for at in range(40)], [f"held out {at}" for at in range(20)]
    return planting.plant(
        rows,
        np.arange(40) % 4,
        test=(test, np.arange(20) % 5),
        copies=6,
        leaks=3,
        change=planting.changed_text,
        rng=np.random.default_rng(seed),
    )


def test_planted_rows_know_what_they_are(planting: ModuleType) -> None:
    found = planted(planting)
    kinds = dict(zip(*np.unique(found.kind, return_counts=True), strict=True))
    assert kinds == {"own": 40, "copy": 6, "leak": 3}
    own, copied, leaked = (found.kind == kind for kind in ("own", "copy", "leak"))
    assert [found.rows[at] for at in np.flatnonzero(own)] == [
        f"row number {source}" for source in found.source[own]
    ]
    assert sorted(found.source[own]) == list(range(40))
    assert (found.codes[own | copied] == found.source[own | copied] % 4).all()
    assert (found.codes[leaked] == found.source[leaked] % 5).all()
    assert len(set(found.source[copied])) == 6
    for at in np.flatnonzero(copied):
        original = f"row number {found.source[at]}"
        assert found.rows[at] != original
        close = difflib.SequenceMatcher(None, found.rows[at].lower(), original).ratio()
        assert close > 0.5


def test_one_seed_plants_the_same_rows(planting: ModuleType) -> None:
    first, second, other = (planted(planting, seed) for seed in (3, 3, 4))
    assert first.rows == second.rows
    assert (first.source == second.source).all()
    assert first.rows != other.rows


def test_wrong_labels_are_as_many_as_asked_for_and_all_wrong(planting: ModuleType) -> None:
    codes = np.arange(1000) % 10
    found = planting.wrong_labels(codes, share=0.15, classes=10, rng=np.random.default_rng(0))
    assert (found != codes).sum() == 150
    assert set(found) == set(range(10))
    given = np.bincount(found[found != codes], minlength=10)
    assert given.min() > 3  # each other class is as likely


@pytest.mark.parametrize("seed", range(12))
def test_a_changed_picture_is_near_its_original_and_not_equal(
    planting: ModuleType, seed: int
) -> None:
    data = picture(seed)
    changed = planting.changed_image(data, np.random.default_rng(seed))
    assert changed != data
    before, after = pixels(data), pixels(changed)
    assert after.shape == before.shape
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.8
    other = pixels(picture(seed + 100))
    assert np.abs(after - before).mean() < np.abs(other - before).mean()


def test_one_number_moves_by_no_more_than_it_may(planting: ModuleType) -> None:
    change = planting.changed_numbers((0, 1), (2, 50))
    rng, row = np.random.default_rng(0), np.array([40.0, 3.0, 900.0, 0.0])
    moved = set()
    for _ in range(100):
        found = change(row, rng)
        (place,) = np.flatnonzero(found != row)
        assert abs(found[place] - row[place]) <= {0: 1, 2: 50}[place]
        moved.add(int(place))
    assert moved == {0, 2}
    assert row.tolist() == [40.0, 3.0, 900.0, 0.0]


def test_leaked_test_rows_are_not_judged(planting: ModuleType) -> None:
    from headline_parts.sets import Task

    made = planted(planting)
    task = Task(
        "tiny",
        "text",
        made,
        [f"held out {at}" for at in range(20)],
        np.arange(20) % 5,
        classes=tuple("abcde"),
        epochs=1,
        true_codes=made.codes,
    )
    leaked = made.source[made.kind == "leak"]
    assert len(task.judged) == 17
    assert not np.isin(leaked, task.judged).any()
    names = {f"test-{at:05d}" for at in task.judged.tolist()}
    assert set(task.test.row_ids.tolist()) == names
    assert (np.asarray(task.test.targets) == task.judged % 5).all()


@pytest.mark.parametrize("sharp", [0.5, 1.0, 4.0])
def test_calibration_error_is_the_weighted_gap_of_scikit_learns_curve(sharp: float) -> None:
    from headline_parts.measure import BINS, calibration_error

    rng = np.random.default_rng(0)
    logits = sharp * rng.normal(size=(3000, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    codes = np.array([rng.choice(4, p=row) for row in probabilities])
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == codes
    share, mean = calibration_curve(right, sure, n_bins=BINS, strategy="uniform")
    counts = np.histogram(sure, bins=BINS, range=(0, 1))[0]
    expected = float((np.abs(share - mean) * counts[counts > 0]).sum() / len(codes))
    found = calibration_error(probabilities, codes)
    assert found == pytest.approx(expected, abs=1e-12)
    assert found < 0.04  # the labels were drawn from these probabilities
    too_sure = np.where(probabilities == sure[:, None], 0.97, 0.01)
    assert calibration_error(too_sure, codes) == pytest.approx(0.97 - right.mean(), abs=1e-9)


def cell(way: str, seed: int = 0, **more: Any) -> dict[str, Any]:
    facts = {"own": 10, "copy": 2, "leak": 1, "wrong": 0.1, "judged": 50, "epochs": 3}
    measured = {"rows": 100, "labels": 100, "flops": 4e9, "cpu_s": 5.0, "bytes": 2_000_000}
    measured |= {"ms": 1.0, "accuracy": 0.8, "ece": 0.1}
    return {"set": "adult", "way": way, "seed": seed, "facts": facts, **measured, **more}


def test_a_torn_line_is_cut_off_and_the_next_is_whole(tmp_path: Path) -> None:
    from headline_parts.journal import read_cells
    from journal import append_record

    log = tmp_path / "cells.jsonl"
    assert read_cells(log) == {}
    append_record(log, cell("a"))
    append_record(log, cell("b", accuracy=0.1))
    whole = log.read_bytes()
    log.write_bytes(whole + json.dumps(cell("c")).encode()[:40])
    assert [key[1] for key in read_cells(log)] == ["a", "b"]
    assert log.read_bytes() == whole
    append_record(log, cell("c"))
    append_record(log, cell("b", accuracy=0.9))
    found = read_cells(log)
    assert [key[1] for key in found] == ["a", "b", "c"]
    assert found["adult", "b", 0]["accuracy"] == 0.9


def test_a_stopped_run_goes_on_with_the_cells_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import headline

    class Tiny:
        name = "tiny"

        def facts(self) -> dict[str, Any]:
            return {}

    monkeypatch.setattr(headline, "SETS", {"tiny": (lambda *_: Tiny(), 10)})
    done: list[tuple[str, int]] = []
    broken = {"now": True}

    def way(name: str) -> Any:
        def work(bench: Any) -> dict[str, Any]:
            if broken["now"] and (name, bench.seed) == ("b", 1):
                raise KeyboardInterrupt
            done.append((name, bench.seed))
            return {"accuracy": 0.5}

        return work

    ways = {"a": way("a"), "b": way("b"), "c": way("c")}
    options = argparse.Namespace(sets=["tiny"], ways=None, seeds=[0, 1], rows=None)
    with pytest.raises(KeyboardInterrupt):
        headline.fill(options, tmp_path, ways)
    assert done == [("a", 0), ("b", 0), ("c", 0), ("a", 1)]
    broken["now"] = False
    cells = headline.fill(options, tmp_path, ways)
    assert done[4:] == [("b", 1), ("c", 1)]
    assert [(one["way"], one["seed"]) for one in cells] == done
    assert headline.fill(options, tmp_path, ways) == cells
    assert len(done) == 6


def test_a_way_that_does_not_apply_says_why(tmp_path: Path) -> None:
    import headline
    from headline_parts.bench import DoesNotApplyError

    def refusing(bench: Any) -> dict[str, Any]:
        raise DoesNotApplyError("there is nothing to prune")

    bench = argparse.Namespace(
        task=argparse.Namespace(name="adult", facts=dict), folder=tmp_path, seed=0
    )
    assert headline.measure(bench, "pruning", refusing)["not"] == "there is nothing to prune"


def test_the_tables_know_every_way(pages: ModuleType) -> None:
    import headline

    assert set(headline.ways("python")) == set(pages.ORDER)


def test_a_way_with_fewer_seeds_says_so(pages: ModuleType) -> None:
    cells = [cell(pages.BASE, seed) for seed in range(3)] + [cell("pruning", 2)]
    (whole,) = pages.page(cells)["tables"]
    assert [row[0] for row in whole["rows"]] == [pages.BASE, "pruning (1 of 3 seeds)"]


def test_tables_give_means_spreads_and_shares_of_the_same_seed(pages: ModuleType) -> None:
    base = [cell(pages.BASE, 0), cell(pages.BASE, 1, accuracy=0.6, bytes=1_000_000)]
    small = [
        cell("quantization", 0, bytes=100_000, accuracy=0.82),
        cell("quantization", 1, bytes=25_000, accuracy=0.59),
    ]
    ours = [
        cell(pages.OURS[0], 0, rows=50, bytes=50_000, accuracy=0.81, flops=None),
        cell(pages.OURS[0], 1, rows=60, bytes=50_000, accuracy=0.6),
    ]
    refused = {"set": "adult", "way": "pruning", "seed": 0, "facts": {}, "not": "no channels"}
    cells = [*base, *small, refused, *ours]
    (whole,) = pages.page(cells)["tables"]
    by_way = {row[0]: dict(zip(whole["header"], row, strict=True)) for row in whole["rows"]}
    assert by_way[pages.BASE]["accuracy"] == "70.0 % (60.0–80.0)"
    assert by_way[pages.BASE]["bytes"] == "1.50 MB"
    assert by_way["quantization"]["bytes"] == "62 KB"
    assert by_way[pages.OURS[0]]["training FLOPs"] == "–"
    assert by_way["pruning"]["rows"] == "does not apply: no channels"
    goals, levers = pages.summary(cells)
    line = next(row for row in goals["rows"] if row[0] == pages.OURS[0])
    found = dict(zip(goals["header"], line, strict=True))
    assert found["accuracy, points"] == "**+0.5 (+0.0 to +1.0)**"
    assert found["rows"] == "0.55"  # more than the goal of a half
    assert found["bytes"] == "**1/26.7**"  # the mean of 1/40 and 1/20
    assert found["training FLOPs"] == "–"
    (row,) = [row for row in levers["rows"] if row[0] == "quantization"]
    assert row[1] == "+0.5 (-1.0 to +2.0); bytes 1/26.7"

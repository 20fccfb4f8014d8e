"""What a run on images starts from is asked of heads, and advice is about such a run."""

from __future__ import annotations

import numpy as np
import pytest

from tests.app.advising.test_advise import bars, by_name
from thresher.app import advise
from thresher.app.advising import start as starts
from thresher.app.advising.full_run import TRIAL_S, run_cpu_seconds, with_start
from thresher.app.advising.levers import NO_PART
from thresher.app.advising.sample import drawn_rows
from thresher.app.advising.transfer import SHIPPED_FILES, shipped_file
from thresher.app.advising.weights import count_shipped_weights
from thresher.app.settings import settings_of
from thresher.app.steps.starts import NAME
from thresher.core.columns import take_rows
from thresher.core.encoders.meaning_image import RUNTIME
from thresher.core.encoders.shipped import LITE0, lacking
from thresher.core.loading import load_dataset

LACKS = lacking((LITE0,), runtime=RUNTIME)
with_weights = pytest.mark.skipif(bool(LACKS), reason=LACKS)


def right(share, rows=240):
    return np.arange(rows) < share * rows


@pytest.mark.parametrize(
    ("by_shipped", "by_pixels", "rows", "shipped", "alone"),
    [
        (0.95, 0.5, 700, True, True),
        (0.65, 0.5, 700, True, False),
        (0.9, 0.98, 700, False, False),
        # 16 times the rows from which a network gains more than heads: 24 points back.
        (0.65, 0.5, 16_000, False, False),
        (0.95, 0.5, 16_000, True, True),
    ],
)
def test_the_lead_of_the_head_decides_less_what_a_network_gains_by_more_rows(
    by_shipped, by_pixels, rows, shipped, alone
):
    found = starts.judge(right(by_shipped), right(by_pixels), side=96, rows=rows)
    assert (found.shipped, found.alone) == (shipped, alone)
    assert ("makes up about 24 points" in found.reason) == (rows == 16_000)


def test_a_small_lead_may_turn_out_otherwise():
    close = starts.judge(right(0.55), right(0.5), side=96, rows=700)
    clear = starts.judge(right(0.95), right(0.5), side=96, rows=700)
    assert close.reason.endswith("which may turn out otherwise")
    assert not clear.reason.endswith("which may turn out otherwise")


def test_what_a_run_costs_follows_what_it_trains():
    shipped = run_cpu_seconds("shipped", rows=1000)
    for start, cost in (
        (starts.Start(True, True, 96, ""), shipped),
        (starts.Start(True, False, 96, ""), shipped + 300),
        (starts.Start(False, False, 96, ""), 300 + TRIAL_S),
    ):
        assert with_start(300.0, start, rows=1000) == cost


def test_other_runs_are_not_asked():
    for asked in ({"teacher": {"model": "resnet8"}}, {"student": {"width": 16}}):
        assert not starts.may_be_shipped(settings_of(asked), "image")
    small = {"data": {"image_size": 16}}
    assert not starts.may_be_shipped(settings_of(small), "image")
    assert not starts.may_be_shipped(settings_of({}), "text")
    assert starts.may_be_shipped(settings_of({}), "image") == (not LACKS)


def test_times_of_other_sides_follow_the_pixels():
    for side, usual in SHIPPED_FILES.items():
        assert shipped_file(side) == usual
    twice = shipped_file(320)
    assert twice.single_ms == pytest.approx(4 * SHIPPED_FILES[160].single_ms)
    assert twice.integers == SHIPPED_FILES[160].integers


@with_weights
@pytest.mark.parametrize("side", [64, 96, 131, 160])
def test_counted_weights_are_those_of_the_shipped_network(side):
    from training.pretrained.shipped import shipped_model

    model = shipped_model(num_classes=7, side=side)
    weights = sum(values.numel() for values in model.parameters())
    assert count_shipped_weights(side, num_classes=7) == weights


@with_weights
def test_known_vectors_are_taken_and_only_others_computed(tmp_path, monkeypatch):
    loaded = load_dataset(bars())
    settings = settings_of({"teacher": {"model": NAME}})
    monkeypatch.setattr(starts, "ROWS", 150)
    starts.find_start(loaded, settings, without=[], device="cpu", folder=tmp_path)
    assert starts.read_start(tmp_path) == starts.Start(True, True, 96, "asked for")
    rows = take_rows(loaded.dataset, drawn_rows(loaded, without=[], most=170))
    every = starts.shipped_vectors(rows, "image", side=96)
    computed = []

    def count(others, column, *, side):
        computed.append(len(others))
        return every[150:]

    monkeypatch.setattr(starts, "shipped_vectors", count)
    vectors, inputs = starts.further_vectors(tmp_path, 96)(rows, loaded.schema)
    assert computed == [20]
    centered = every - every.mean(axis=0)
    # Directions change, inner products do not, up to the rounding of float32.
    assert np.allclose(vectors @ vectors.T, centered @ centered.T, atol=1e-4)
    assert len(inputs) == 170


@with_weights
def test_a_run_from_shipped_weights_has_no_epochs_no_augmentation_and_no_smaller_student(tmp_path):
    settings = {"teacher": {"model": NAME}, "data": {"image_size": 160}}
    found = advise(bars(), out=tmp_path / "a", share=1, settings=settings)
    levers = by_name(found)
    for name in (
        "train for half the epochs",
        "augment the training images",
        "take the compact student",
    ):
        assert levers[name].verdict == NO_PART
        assert "a run that starts from EfficientNet-Lite0" in levers[name].evidence
    assert found.text.endswith("asked for. The advice is about such a run.")
    sized = [lever for lever in (*found.levers, *found.others) if "size" in lever.acts_on]
    pays = next(lever for lever in sized if lever.name == "take the student in integers")
    assert "13.5 MB become 3.65 MB" in pays.evidence
    assert pays.verdict == "pays"


@with_weights
def test_size_is_told_of_few_images_too(tmp_path):
    found = advise(bars().select(range(40)), out=tmp_path / "a", bottleneck="size")
    assert "left-out rows right" in found.text
    assert any(lever.probed for lever in found.levers)

"""Bytes that are counted are those of exported files, and times decide what is said of latency."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.app.advising.files import (
    BATCH,
    CACHE_MS,
    Costs,
    count_files,
    latency_levers,
    measure_files,
    size_levers,
)
from thresher.app.advising.transfer import STUDENT_SIZE, USUAL_TIMES
from training import samples_from_arrays

TIMED = {
    "teacher": Costs(1e6, 2.0, 1.0),
    "student": Costs(1e5, 0.5, 0.1),
    "int8": Costs(3e4, 0.25, 0.05),
}


def by_name(levers):
    return {lever.name: lever for lever in levers}


@pytest.mark.parametrize(
    ("modality", "shape", "kind"),
    [("features", (12,), np.float32), ("text", (64,), np.int64), ("image", (3, 16, 16), np.uint8)],
)
def test_counted_bytes_are_those_of_the_files(tmp_path, modality, shape, kind):
    # Arrays of images end in their channels.
    given = (*shape[1:], shape[0]) if modality == "image" else shape
    values = np.random.default_rng(0).integers(0, 200, (64, *given)).astype(kind)
    samples = samples_from_arrays(values, row_ids=np.arange(64).astype(str))
    counted = count_files(modality, shape=shape, num_classes=5)
    files = measure_files(modality, shape=shape, num_classes=5, samples=samples, folder=tmp_path)
    assert set(files) == set(counted)
    for name, cost in files.items():
        # Graph and names take up to some kilobytes more, which only tables of few columns show.
        assert counted[name].bytes == pytest.approx(cost.bytes, rel=0.1, abs=6_000), name
    told = by_name(size_levers(counted, modality))
    assert told["take the student in integers"].times.holds(
        files["student"].bytes / files["int8"].bytes
    )
    timed = latency_levers(files, modality, equal=0.0, why="")
    assert all(lever.probed for lever in timed)
    assert len(timed) == 4


def test_a_larger_student_than_the_usual_one_may_be_needed():
    costs = {"teacher": Costs(1e6), "student": Costs(1e5), "int8": Costs(3e4)}
    student, integers = size_levers(costs, "text")
    assert student.times.value == pytest.approx(10 ** STUDENT_SIZE["text"])
    assert student.times.low == 1
    assert student.times.holds(10)
    assert integers.times.value == pytest.approx(1e5 / 3e4)
    assert "counted from the weights" in student.evidence


def test_without_times_latency_is_that_of_other_sets():
    costs = {"teacher": Costs(1e6), "student": Costs(1e5), "int8": Costs(3e4)}
    levers = by_name(latency_levers(costs, "text", equal=0.0, why="no time"))
    usual = USUAL_TIMES["text"]
    assert levers["send rows in batches"].times == usual.batches.times()
    assert levers["take the compact student"].times == usual.student.times()
    assert levers["send rows in batches"].evidence == "not timed: no time; as on other sets"


def test_latency_is_the_ratio_of_times():
    levers = by_name(latency_levers(TIMED, "text", equal=0.0, why=""))
    values = [lever.times.value for lever in levers.values()]
    assert values == pytest.approx([4, 2, 5, 0.5 / (0.5 + CACHE_MS["text"])])
    assert f"batches of {BATCH}" in levers["send rows in batches"].evidence
    # Its upper end is of times, not that of bytes, which integers make at most 4 times less.
    assert levers["take the student in integers"].times.high == pytest.approx(2 * 2**0.45, rel=0.01)


def test_a_slower_student_is_said():
    slow = TIMED | {"student": Costs(1e5, 3.0, 0.1)}
    lever = by_name(latency_levers(slow, "text", equal=0.0, why=""))["take the compact student"]
    assert lever.times.value == pytest.approx(2 / 3)
    assert lever.verdict == "cannot tell"
    assert lever.worth.value < 0
    assert "2.000 ms a row become 3.000 ms" in lever.evidence


def test_a_cache_saves_what_is_equal_and_costs_a_key():
    half = by_name(latency_levers(TIMED, "text", equal=0.5, why=""))["cache equal requests"]
    assert half.times.value == pytest.approx(0.5 / (CACHE_MS["text"] + 0.25))
    none = by_name(latency_levers(None, "features", equal=0.0, why="no time"))
    ms = USUAL_TIMES["features"].student_ms
    assert none["cache equal requests"].times.value == pytest.approx(
        ms / (CACHE_MS["features"] + ms)
    )
    assert none["cache equal requests"].worth.value < 0

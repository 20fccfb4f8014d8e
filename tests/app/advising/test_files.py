"""Bytes that are counted are those of exported files, and times decide what is said of latency."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.app.advising.files import (
    BATCH,
    STEPS,
    Costs,
    cache_lever,
    count_files,
    file_levers,
    measure_files,
)
from training import samples_from_arrays


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
    assert set(files) - {"pruned"} == set(counted)
    for step in STEPS[:2]:
        known = file_levers(counted, modality, "no time")
        lever = next(one for one in known if one.name == step.name and one.acts_on == ("size",))
        real = files[step.large].bytes / files[step.small].bytes
        assert lever.times.holds(real), (step, lever.times, real)
    timed = [lever for lever in file_levers(files, modality, "") if lever.acts_on == ("latency",)]
    assert all(lever.probed for lever in timed)
    assert len(timed) == len(files)


def test_without_times_nothing_is_said_of_latency():
    costs = {"teacher": Costs(1e6), "student": Costs(1e5), "int8": Costs(3e4)}
    levers = file_levers(costs, "text", "no time")
    sizes = [lever for lever in levers if lever.acts_on == ("size",)]
    # A larger student than the usual one may be needed, at worst the teacher.
    assert [lever.times.value for lever in sizes] == pytest.approx([10**0.4, 1e5 / 3e4])
    assert sizes[0].times.low == 1
    assert sizes[0].times.holds(10)
    latency = [lever for lever in levers if lever.acts_on == ("latency",)]
    assert {lever.verdict for lever in latency} == {"not probed"}
    assert {lever.evidence for lever in latency} == {"no time"}


def test_latency_is_the_ratio_of_times():
    costs = {
        "teacher": Costs(1e6, 2.0, 1.0),
        "student": Costs(1e5, 0.5, 0.1),
        "int8": Costs(3e4, 0.25, 0.05),
    }
    latency = [one for one in file_levers(costs, "text", "") if one.acts_on == ("latency",)]
    assert [one.times.value for one in latency] == pytest.approx([4**0.4, 2, 5])
    assert f"batches of {BATCH}" in latency[-1].evidence


def test_a_cache_saves_what_is_equal():
    assert cache_lever(0.5).times.value == 2
    assert cache_lever(0.0).verdict == "does not pay"

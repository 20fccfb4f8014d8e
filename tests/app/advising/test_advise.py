"""Advice end to end: planted sets are told what they are, bad ones refused, stops gone on from."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import datasets
import numpy as np
import PIL.Image
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from tests.app.conftest import call_thresher
from thresher.app import advise
from thresher.app.advising import advice as advising
from thresher.app.advising import probes
from thresher.app.advising import start as starts
from thresher.core.errors import InputError


def blobs(rows, classes, width, apart, *, copies=0, wrong=0.0):
    """Return clouds of points, some of them twice, some of them with another's label."""
    rng = np.random.default_rng(0)
    codes = rng.integers(classes, size=rows)
    points = rng.normal(size=(classes, width))[codes] * apart + rng.normal(size=(rows, width))
    flip = rng.random(rows) < wrong
    codes = np.where(flip, (codes + 1) % classes, codes)
    points = np.concatenate([points, points[:copies]])
    codes = np.concatenate([codes, codes[:copies]])
    columns = {f"x{at}": points[:, at] for at in range(width)}
    return datasets.Dataset.from_dict({**columns, "label": [f"c{code}" for code in codes]})


def by_name(advice):
    return {lever.name: lever for lever in (*advice.levers, *advice.others)}


def test_half_copies_are_left_out_first(tmp_path):
    rows = blobs(500, 3, 6, 1.0, copies=500)
    found = advise(rows, out=tmp_path / "a", bottleneck="labels", share=1)
    assert found.levers[0].name == "leave out copies"
    assert found.levers[0].verdict == "pays"
    assert found.text.startswith("For labels, leave out copies first: 2 times less of it")
    # Equal rows are held out together, so that every copy has its twin in training.
    assert found.levers[0].times.value == 2
    for_cost = advise(rows, out=tmp_path / "a", bottleneck="cost", share=1)
    assert by_name(for_cost)["leave out copies"].verdict == "pays"


def test_rows_of_few_values_that_are_equal_by_chance_are_no_copies(tmp_path):
    rng = np.random.default_rng(0)
    # 27 kinds of rows: nearly all equal an earlier one, and nobody copied them.
    columns = {f"x{at}": rng.integers(3, size=1000).astype(float) for at in range(3)}
    label = [f"c{code}" for code in rng.integers(2, size=1000)]
    rows = datasets.Dataset.from_dict({**columns, "label": label})
    lever = by_name(advise(rows, out=tmp_path / "a", bottleneck="labels"))["leave out copies"]
    assert lever.verdict == "nothing to leave out"
    assert lever.times.value == 1
    assert lever.evidence.startswith("0 of 786 rows: 762 equal earlier ones, and 759 where each")


def test_a_clean_small_set_needs_labels(tmp_path):
    found = advise(blobs(300, 10, 20, 0.6), out=tmp_path / "a", share=1)
    assert found.bottleneck.name == "labels"
    assert "twice the labels would win" in found.bottleneck.reason
    assert found.text.startswith("For labels, label twice as many rows first: 2 times more of it")
    assert found.levers[0].labels == 240
    # Without copies the line says what was looked at, and claims no gain.
    header, rows = found.table()
    line = dict(zip(header, next(row for row in rows if "leave out copies" in row), strict=True))
    assert line["How"] == "0 of 240 rows: equal rows among all"
    assert line["Verdict"] == "nothing to leave out"
    assert line["Place"] == line["Return"] == line["Gain, 80 % interval"] == ""


def test_a_set_where_nothing_pays_is_told_so(tmp_path):
    found = advise(blobs(700, 2, 30, 0.3), out=tmp_path / "a", bottleneck="labels", share=1)
    assert found.text.startswith("Nothing surely pays here for labels")
    assert not [lever for lever in found.levers if lever.verdict == "pays"]


def test_wrong_labels_are_seen_where_the_evidence_is_sure(tmp_path):
    noisy = blobs(900, 3, 8, 3.0, wrong=0.15)
    lever = by_name(advise(noisy, out=tmp_path / "a", share=1))["leave out wrong labels"]
    # 15 % of 720 training rows are 108.
    count = int(lever.evidence.split()[1])
    assert 90 <= count <= 125
    clean = advise(blobs(900, 3, 8, 3.0), out=tmp_path / "b", share=1)
    assert "would leave none out" in by_name(clean)["leave out wrong labels"].evidence


def test_probes_that_cost_too_much_are_not_made_and_other_sets_tell(tmp_path):
    found = advise(blobs(400, 3, 6, 2.0), out=tmp_path / "a", bottleneck="cost", share=0.001)
    levers = by_name(found)
    told = levers["train on a core set of half the rows"].evidence
    assert told.endswith("what choosing recovered of that on other sets")
    epochs = levers["train for half the epochs"].evidence
    assert epochs == "not probed on these rows: what other sets lost"
    assert not (tmp_path / "a" / "probes" / "core-set").exists()
    assert not (tmp_path / "a" / "probes" / "epochs").exists()
    allowed = advise(blobs(400, 3, 6, 2.0), out=tmp_path / "a", bottleneck="cost", share=1)
    levers = by_name(allowed)
    assert (
        "core sets against random halves" in levers["train on a core set of half the rows"].evidence
    )
    assert "small networks on" in levers["train for half the epochs"].evidence


def test_bytes_are_counted_where_size_is_asked_for_and_rows_are_left_alone(tmp_path):
    found = advise(blobs(400, 3, 6, 2.0), out=tmp_path / "a", bottleneck="size", share=0.001)
    assert [lever.probed for lever in found.levers] == [True, True]
    assert "counted from the weights" in found.levers[0].evidence
    assert not (tmp_path / "a" / "probes" / "sample").exists()


def test_latency_is_that_of_other_sets_where_timing_takes_too_long(tmp_path):
    found = advise(blobs(400, 3, 6, 2.0), out=tmp_path / "a", bottleneck="latency", share=0.01)
    assert len(found.levers) == 4
    assert "as on other sets" in by_name(found)["send rows in batches"].evidence


def test_nothing_that_the_least_probes_need_loads_torch(tmp_path):
    rows = tmp_path / "rows.csv"
    blobs(300, 3, 4, 2.0).to_csv(rows)
    code = (
        "import sys; from thresher.app import advise\n"
        f"for one in ('size', 'latency', 'cost', 'labels'):\n"
        f"    advise({str(rows)!r}, out={str(tmp_path / 'a')!r}, bottleneck=one)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_probes_take_one_thread_and_give_the_others_back(tmp_path, monkeypatch):
    def threads():
        return [library["num_threads"] for library in threadpool_info()]

    seen, plain = [], probes.measure_curve
    monkeypatch.setattr(probes, "measure_curve", lambda rows: seen.append(threads()) or plain(rows))
    with threadpool_limits(limits=2):
        before = threads()
        advise(blobs(300, 3, 4, 2.0), out=tmp_path / "a", bottleneck="labels", share=1)
        assert threads()[: len(before)] == before
    assert set(seen[0]) == {1}


def bars():
    """Return pictures of wide and of high bars on noise."""
    rng = np.random.default_rng(0)
    codes = rng.integers(2, size=260)
    images = []
    for code in codes:
        pixels = rng.integers(60, 150, (32, 32, 3)).astype(np.uint8)
        left, top = rng.integers(2, 18, 2)
        wide, high = (12, 4) if code else (4, 12)
        pixels[top : top + high, left : left + wide] += 60
        stream = io.BytesIO()
        PIL.Image.fromarray(pixels).save(stream, "png")
        images.append({"bytes": stream.getvalue(), "path": None})
    return datasets.Dataset.from_dict(
        {"image": images, "label": codes.tolist()},
        features=datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=["high", "wide"])}
        ),
    )


@pytest.mark.parametrize("asked", [True, False])
def test_images_are_judged_with_augmented_ones_beside_them(tmp_path, monkeypatch, asked):
    monkeypatch.setattr(advising, "may_be_shipped", lambda *_asked: asked)
    # Vectors that say nothing of the images, so that pixels are better.
    dull = np.random.default_rng(1).normal(size=(260, 1280)).astype(np.float32)
    monkeypatch.setattr(
        starts, "shipped_vectors", lambda rows, *_column, **_side: dull[: len(rows)]
    )
    found = advise(bars(), out=tmp_path / "a", bottleneck="labels", share=1)
    lever = by_name(found)["augment the training images"]
    assert lever.probed
    assert "views of them beside them" in lever.evidence
    assert lever.points.low < lever.points.value < lever.points.high
    assert lever.acts_on == ("labels",)
    assert ("A run most likely learns from pixels: linear heads" in found.text) == asked


def test_the_order_of_the_rows_changes_nothing(tmp_path):
    rows = blobs(500, 3, 6, 1.0, copies=100, wrong=0.1)
    order = np.random.default_rng(1).permutation(len(rows))
    one, other = (
        advise(given, out=tmp_path / name, bottleneck="labels", share=1)
        for name, given in (("a", rows), ("b", rows.select(order)))
    )
    assert one.levers == other.levers
    assert one.text == other.text


def test_a_stopped_advice_goes_on_where_it_was(tmp_path, monkeypatch):
    rows, out = blobs(400, 3, 6, 2.0), tmp_path / "a"

    def stop(sample, modality, *, shipped):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(probes, "wrong_labels", stop)
        with pytest.raises(KeyboardInterrupt):
            advise(rows, out=out, bottleneck="labels", share=1)
    before = (out / "probes" / "curve" / "stage.json").stat().st_mtime_ns
    first = advise(rows, out=out, bottleneck="labels", share=1)
    assert (out / "probes" / "curve" / "stage.json").stat().st_mtime_ns == before
    again = advise(rows, out=out, bottleneck="labels", share=1)
    fresh = advise(rows, out=tmp_path / "b", bottleneck="labels", share=1)
    assert first.levers == again.levers == fresh.levers
    assert json.loads((out / "advice.json").read_text())["text"] == again.text


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"x": list(range(60))}, "needs labels"),
        ({"x": list(range(60)), "label": ["a"] * 60}, "at least two classes"),
        ({"x": list(range(60)), "label": ["a", "b"] * 30}, "at least 120 different labeled"),
    ],
)
def test_what_a_run_refuses_is_refused(tmp_path, rows, told):
    with pytest.raises(InputError, match=told):
        advise(datasets.Dataset.from_dict(rows), out=tmp_path / "a")


def test_wrong_options_are_refused(tmp_path):
    rows = blobs(200, 2, 3, 1.0)
    with pytest.raises(InputError, match="Did you mean 'latency'"):
        advise(rows, out=tmp_path / "a", bottleneck="latancy")
    with pytest.raises(InputError, match=r"`share` must be .*0.*1"):
        advise(rows, out=tmp_path / "a", share=0)


def test_texts_without_a_word_are_told_apart_by_their_characters(tmp_path):
    rng = np.random.default_rng(0)
    codes = rng.integers(2, size=400)
    texts = ["".join(rng.choice(list("!?" if code else "+~"), 12)) + "." * 9 for code in codes]
    rows = datasets.Dataset.from_dict({"text": texts, "label": codes.tolist()})
    found = advise(rows, out=tmp_path / "a", bottleneck="labels", share=1)
    assert " to 0.0 %" in by_name(found)["label twice as many rows"].evidence


def test_the_command_prints_a_table_and_the_advice(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    words = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]
    rng = np.random.default_rng(0)
    lines = [
        f"{' '.join(rng.choice(words[:6] if at % 2 else words[4:], size=5))} {at},{'ab'[at % 2]}"
        for at in range(400)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    call_thresher("advise", "rows.csv", "--for", "labels", "--share", "0.5")
    shown = capsys.readouterr().out
    assert "label twice as many rows" in shown
    assert "Place" in shown
    assert "Ranked for labels: asked for." in shown
    flat = shown.replace("\n", " ")
    told = re.search(r"The probes took ([\d.]+) CPU-seconds, and this command ([\d.]+)", flat)
    assert float(told[1]) <= float(told[2])
    assert "a full run takes about" in shown
    call_thresher("advise", "rows.csv", "--for", "labels", "--share", "0.5", "--json")
    record = json.loads(capsys.readouterr().out)
    told = [one["place"] for one in record["levers"] if one["found"]]
    assert all(1 <= first <= last <= len(told) for first, last in told)
    assert {first for first, _ in told} >= {1}
    assert [one["place"] for one in record["levers"] if not one["found"]] == [None]
    assert record["bottleneck"] == {"name": "labels", "reason": "asked for"}
    assert record["text"] in shown.replace("\n", " ")
    assert (tmp_path / "advice" / "advice.json").is_file()
    with pytest.raises(RuntimeError, match="left with 2"):
        call_thresher("advise", "rows.csv", "--for", "speed")
    assert "`--for` takes size, latency, cost, labels, auto; got" in capsys.readouterr().err

"""A log of weeks: accuracy, alarm, trigger, audit rows, and what people get wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from lifecycle import (
    RequestRing,
    TriggerRules,
    load_served,
    read_reference,
    read_requests,
    write_reference,
)
from lifecycle.monitoring.days import DAY
from thresher.app import label_next, label_tell, monitor
from thresher.app.cli.commands import app
from thresher.core.errors import InputError
from thresher.core.numerics.softmax import softmax

CLASSES = ["cat", "dog", "owl"]
MODEL = SimpleNamespace(digest="0123456789abcdef", classes=CLASSES)
START = 20_000 * DAY


class World:
    """Rows whose true class the model mostly sees; each row's label can be asked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rng = folder, np.random.default_rng(1)
        self.truth: dict[str, str] = {}

    def rows(self, n: int, *, blur: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        truth = self.rng.integers(3, size=n)
        return 2 * np.eye(3)[truth] + blur * self.rng.normal(size=(n, 3)), truth

    def reference(self, n: int = 1000) -> Path:
        logits, truth = self.rows(n)
        path = self.folder / "held-out.parquet"
        write_reference(path, 1.5 * logits, labels=[CLASSES[k] for k in truth], classes=CLASSES)
        return path

    def day(
        self,
        number: int,
        *,
        n: int = 200,
        blur: float = 1.0,
        wrong: float = 0.0,
        texts: bool = False,
    ) -> None:
        logits, truth = self.rows(n, blur=blur)
        changed = self.rng.random(n) < wrong
        truth = np.where(changed, (truth + 1) % 3, truth)
        ring = RequestRing(
            self.folder / "log", clock=lambda: START + number * (DAY + 60), content=texts
        )
        content = [f"row {k} of day {number}".encode() for k in range(n)]
        kept = (content, np.arange(n)) if texts else None
        ring.add(MODEL, np.arange(n), 1.5 * logits, seconds=0.01, content=kept)
        for k in range(n):
            self.truth[f"{ring.name}-{k}"] = CLASSES[truth[k]]
        ring.close()

    def answer(self, asked: Path) -> None:
        with asked.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        with asked.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row_id", "label"])
            writer.writerows([row["row_id"], self.truth[row["row_id"]]] for row in rows)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_weeks_in_use(world: World, tmp_path: Path) -> None:
    reference = world.reference()
    config = tmp_path / "config.toml"
    config.write_text("seed = 3\n")
    rules = TriggerRules(floor=0.7)
    options = {"out": tmp_path / "out", "reference": reference, "rules": rules, "ask": 40}
    for day in range(8):
        world.day(day)
        found = monitor(tmp_path / "log", **options)  # type: ignore[arg-type]
        assert found.asked is not None
        world.answer(found.asked)
    assert found.watch is not None
    assert not found.watch.alarm
    accuracy = found.days[-1].accuracy
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert accuracy.low < 0.8655 < accuracy.high  # of 300,000 rows of this world
    for day in range(8, 15):
        world.day(day, wrong=0.5)
        found = monitor(tmp_path / "log", config=config, **options)  # type: ignore[arg-type]
        assert found.asked is not None
        world.answer(found.asked)
        if found.config:
            break
    assert found.config is not None
    assert "seed = 3" in found.config.read_text()
    assert found.config.read_text().startswith("# Accuracy")
    assert found.watch is not None
    assert found.watch.reason.startswith("labels")
    replayed = monitor(tmp_path / "log", out=tmp_path / "out", rules=rules, dry=True)
    # Labels that came after a day's look count in the replay, so that it may fire a day earlier.
    (again,) = [look.day for look in replayed.looks if look.fires]
    assert 0 <= found.looks[-1].day - again <= 1
    page = found.page.read_text()
    found = monitor(tmp_path / "log", **options)  # type: ignore[arg-type]
    page = found.page.read_text()
    for words in ("Alarm: labels contradict", "from labels, with its 95 % interval", "hint"):
        assert words in page


def test_a_quarter_of_the_labels_follows_suspicion(world: World, tmp_path: Path) -> None:
    reference = world.reference()
    options = {"out": tmp_path / "out", "reference": reference}
    for day in range(12):
        world.day(day)
        found = monitor(tmp_path / "log", ask=8, **options)  # type: ignore[arg-type]
        assert found.asked is not None
        answers = {
            row["row_id"]: row["answer"] for row in read_requests(tmp_path / "log").to_pylist()
        }
        for name, answer in answers.items():
            if answer == "owl":  # from the first day on an owl is a cat
                world.truth[name] = "cat"
        world.answer(found.asked)
        if found.watch is not None and found.watch.alarm:
            break
    assert found.watch is not None
    assert found.watch.alarm
    assert found.watch.suspects == ["owl"]
    assert found.watch.reason.endswith("most of all where it answers owl")
    assert found.needed is not None
    assert "labels a day where some answers become wrong" in found.page.read_text()
    with (tmp_path / "out" / "asked.csv").open() as file:
        asked = list(csv.DictReader(file))
    suspected = [row["answer"] for row in asked if row["chosen"] == "suspected"]
    # Two of each look; the first knew nothing yet.
    assert suspected[-2:] == ["owl", "owl"]
    assert suspected.count("owl") < len(suspected)
    drawn = [row for row in asked if row["chosen"] == "at random"]
    told = [row for row in drawn if row["row_id"] in {r["row_id"] for r in asked[: found.labels]}]
    assert found.days[-1].accuracy.labels == len(told) < found.labels
    # The numbers of labels are worked out once.
    kept = tmp_path / "out" / "labels-needed.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"anywhere": 1}))
    again = monitor(tmp_path / "log", **options)  # type: ignore[arg-type]
    assert again.needed is not None
    assert again.needed.anywhere == 1


def test_drift_is_an_alarm_without_labels(world: World, tmp_path: Path) -> None:
    reference = world.reference()
    for day in range(8):
        world.day(day)
    found = monitor(tmp_path / "log", out=tmp_path / "out", reference=reference)
    again = monitor(tmp_path / "log", out=tmp_path / "out", reference=reference)
    assert again.watch == found.watch  # a second look adds nothing
    assert found.watch is not None
    assert not found.watch.alarm
    assert found.drift is not None
    assert not found.drift.moved()
    for day in range(8, 15):
        world.day(day, blur=4.0)
    found = monitor(tmp_path / "log", out=tmp_path / "out", reference=reference)
    assert found.watch is not None
    assert found.watch.alarm
    assert found.drift is not None
    assert found.drift.moved()


def test_texts_are_asked_in_a_labeling_session(world: World, tmp_path: Path) -> None:
    world.day(0, texts=True)
    found = monitor(tmp_path / "log", out=tmp_path / "out", ask=12)
    assert found.asked is not None
    assert (found.asked / "label.json").exists()
    with (tmp_path / "out" / "asked.csv").open() as file:
        names = [row["row_id"] for row in csv.DictReader(file)]
    # Nobody has answered yet, and a killed process has left a folder that it was writing.
    (tmp_path / "out" / "audit" / ".000012.x.writing").mkdir()
    assert monitor(tmp_path / "log", out=tmp_path / "out").labels == 0
    label_tell(found.asked, {name: world.truth[name] for name in names}, annotator="ann")
    label_tell(found.asked, {name: world.truth[name] for name in names[:3]}, annotator="ann")
    again = monitor(tmp_path / "log", out=tmp_path / "out", ask=12)
    assert again.labels == 12
    assert again.asked != found.asked


def test_labels_late_twice_conflicting_unknown_or_new(world: World, tmp_path: Path) -> None:
    world.day(0)
    options = {"out": tmp_path / "out", "ask": 20}
    first = monitor(tmp_path / "log", **options)  # type: ignore[arg-type]
    assert first.asked is not None
    for file in (tmp_path / "log").glob("*.parquet"):
        file.unlink()  # the log is bounded: weeks later the request is gone
    world.day(30)
    world.answer(first.asked)
    late = monitor(tmp_path / "log", out=tmp_path / "out")
    assert late.labels == 20
    assert late.days[-1].accuracy.labels == 0  # they are of another week
    twice = tmp_path / "twice.csv"
    twice.write_text(first.asked.read_text())
    assert monitor(tmp_path / "log", out=tmp_path / "out", labels=[twice]).labels == 20
    name = first.asked.read_text().splitlines()[1].partition(",")[0]
    twice.write_text(f"row_id,label\n{name},elephant\n")
    with pytest.raises(InputError, match=r"elephant.*Settle it"):
        monitor(tmp_path / "log", out=tmp_path / "out", labels=[twice])
    twice.write_text("row_id,label\nsomewhere,cat\n")
    with pytest.raises(InputError, match="never asked"):
        monitor(tmp_path / "log", out=tmp_path / "out", labels=[twice])
    twice.write_bytes("row_id\tlabel\n".encode("utf-16"))  # a spreadsheet's "Unicode text"
    with pytest.raises(InputError, match=r"twice\.csv is no CSV in UTF-8.*Save it so"):
        monitor(tmp_path / "log", out=tmp_path / "out", labels=[twice])
    twice.write_text("id,label\nsomewhere,cat\n")
    with pytest.raises(InputError, match=r"twice\.csv has no column 'row_id'"):
        monitor(tmp_path / "log", out=tmp_path / "out", labels=[twice])
    twice.write_text(f'row_id,label\n{name},"cat\nelsewhere,dog\n')
    with pytest.raises(InputError, match=r"twice\.csv, line 2: .*quote .*nothing was read"):
        monitor(tmp_path / "log", out=tmp_path / "out", labels=[twice])
    with pytest.raises(InputError, match=r"asked\.csv, line \d+: .*quote .*nothing was read"):
        _with_open_quote(tmp_path / "out" / "asked.csv", tmp_path)
    first.asked.write_text(f"row_id,label\n{name},elephant\n")
    new = monitor(tmp_path / "log", out=tmp_path / "out")
    assert any("'elephant': a new class" in problem for problem in new.problems)


def _with_open_quote(path: Path, folder: Path) -> None:
    whole = path.read_text()
    path.write_text(whole.replace(",at random", ',"at random', 1))
    try:
        monitor(folder / "log", out=folder / "out")
    finally:
        path.write_text(whole)


def test_a_look_that_dies_while_it_asks_blocks_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.day(0, texts=True)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("thresher.app.monitoring.audits._written", killed)
        with pytest.raises(KeyboardInterrupt):
            monitor(tmp_path / "log", out=tmp_path / "out", ask=12)
    found = monitor(tmp_path / "log", out=tmp_path / "out", ask=12)
    assert found.asked == tmp_path / "out" / "audit" / "000012"
    names = label_next(found.asked, 12).batch.row_ids.tolist()
    label_tell(found.asked, {name: world.truth[name] for name in names}, annotator="ann")
    assert monitor(tmp_path / "log", out=tmp_path / "out").labels == 12


def test_a_reference_that_is_in_the_log_is_named(world: World, tmp_path: Path) -> None:
    logits, truth = world.rows(300)
    path = tmp_path / "reference.parquet"
    write_reference(path, logits, labels=[CLASSES[k] for k in truth], classes=CLASSES)
    ring = RequestRing(tmp_path / "log")
    ring.add(MODEL, np.arange(300), logits, seconds=0.1, content=None)
    ring.close()
    found = monitor(tmp_path / "log", out=tmp_path / "out", reference=path)
    assert any("100 % of the reference" in problem for problem in found.problems)


def test_nan_answers_are_counted(world: World, tmp_path: Path) -> None:
    reference = world.reference(300)
    ring = RequestRing(tmp_path / "log")
    logits, _ = world.rows(100)
    logits[:7] = np.nan
    ring.add(MODEL, np.arange(100), logits, seconds=0.1, content=None)
    ring.close()
    found = monitor(tmp_path / "log", out=tmp_path / "out", reference=reference, ask=100)
    assert found.days[0].failed == 7
    assert "NaN to 7 rows" in found.problems[0]
    assert found.asked is not None
    found.asked.write_text(found.asked.read_text().replace(",\n", ",cat\n"))
    assert monitor(tmp_path / "log", out=tmp_path / "out").labels == 100


def test_what_cannot_be_used_is_named(world: World, tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    with pytest.raises(InputError, match="--record"):
        monitor(log, out=out)
    log.mkdir()
    with pytest.raises(InputError, match="no rows yet"):
        monitor(log, out=out)
    world.day(0)
    with pytest.raises(InputError, match="There is no file"):
        monitor(log, out=out, reference=tmp_path / "none.parquet")
    with pytest.raises(InputError, match="no file or folder"):
        monitor(log, out=out, labels=[tmp_path / "none.csv"])
    other = tmp_path / "two.parquet"
    write_reference(other, np.eye(2).repeat(200, 0), labels=["a"] * 400, classes=["a", "b"])
    said = r"two\.parquet is .* 2 classes, the model in use 3 .*thresher monitor-reference"
    with pytest.raises(InputError, match=said):
        monitor(log, out=out, reference=other)
    told: dict[str, Any] = {"labels": ["cat"] * 300, "classes": [*CLASSES[:2], "cow"]}
    write_reference(other, np.eye(3).repeat(100, 0), **told)
    with pytest.raises(InputError, match=r"two\.parquet is .* without the class 'owl'"):
        monitor(log, out=out, reference=other)
    told["classes"] = CLASSES
    write_reference(other, np.eye(3).repeat(100, 0), **told, model="f" * 32)
    with pytest.raises(InputError, match=r"of model ffffffffffff; the model in use .* 0123456789"):
        monitor(log, out=out, reference=other)
    write_reference(other, np.eye(3).repeat(100, 0), **told, model=MODEL.digest)
    monitor(log, out=out, reference=other)
    monitor(log, out=out, rules=TriggerRules(floor=0.8))
    with pytest.raises(InputError, match="begun with"):
        monitor(log, out=out, rules=TriggerRules(floor=0.9))


def test_the_command(world: World, tmp_path: Path) -> None:
    world.day(0)
    world.day(1)
    words = ["monitor", str(tmp_path / "log"), "--out", str(tmp_path / "out")]
    told = CliRunner().invoke(app, [*words, "--ask", "20", "--floor", "0.8"])
    assert told.exit_code == 0, told.output
    for part in ("accuracy: too few labels (0", "000000.csv waits for labels", "monitor.html"):
        assert part in told.output
    told = CliRunner().invoke(app, [*words, "--json", "--floor", "0.8", "--dry-run"])
    assert json.loads(told.output)["rows"] == 400
    reference = world.reference()
    for day in range(2, 14):
        world.day(day, blur=1.0 if day < 8 else 5.0)
    told = CliRunner().invoke(app, [*words, "--reference", str(reference)])
    assert told.exit_code == 3
    assert "alarm: " in told.output
    assert "A fall of 5 points is found in 7 days, 9 of 10 times, by " in told.output
    refused = CliRunner().invoke(app, [*words, "--dry-run"])
    assert isinstance(refused.exception, InputError)


def test_models_of_very_many_classes_keep_a_small_log(tmp_path: Path) -> None:
    classes = [f"class {k}" for k in range(100_000)]
    many = SimpleNamespace(digest="0123456789abcdef", classes=classes)
    logits = np.zeros((30, 100_000), np.float32)
    logits[np.arange(30), np.arange(30)] = 20
    ring = RequestRing(tmp_path / "log")
    ring.add(many, np.arange(30), logits, seconds=0.1, content=None)
    ring.close()
    assert sum(path.stat().st_size for path in (tmp_path / "log").glob("*.parquet")) < 50_000
    held_out = tmp_path / "reference.parquet"
    write_reference(held_out, np.eye(3).repeat(100, 0), labels=["a"] * 300, classes=["a", "b", "c"])
    found = monitor(tmp_path / "log", out=tmp_path / "out", reference=held_out)
    assert found.drift is None
    assert "no probabilities" in found.problems[0]
    answers = read_requests(tmp_path / "log")["answer"].to_pylist()
    assert set(answers) == set(classes[:30])


def test_a_reference_takes_no_label_that_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 1 has 'dgo', and 2 rows.*Did you mean 'dog'"):
        write_reference(
            tmp_path / "a.parquet", np.eye(3), labels=["cat", "dgo", "cow"], classes=CLASSES
        )
    assert not (tmp_path / "a.parquet").exists()


@pytest.mark.train
def test_a_reference_is_written_by_a_command(tmp_path: Path) -> None:
    from training import compact_model, export

    network = compact_model("mlp", num_classes=2, input_shape=(2,), width=8)
    how = {"kind": "features", "columns": ["x", "y"]}
    export(network, tmp_path / "model", classes=["low", "high"], preprocessing=how)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 2)).astype(np.float32)
    names = [["low", "high", ""][k] for k in rng.integers(3, size=50)]
    lines = [f"{x},{y},{name}" for (x, y), name in zip(values, names, strict=True)]
    (tmp_path / "held.csv").write_text("\n".join(["x,y,label", *lines, 'broken,"1,low', ""]))
    out = tmp_path / "held-out.parquet"
    words = ["monitor-reference", str(tmp_path / "model"), str(tmp_path / "held.csv"), "--out"]
    told = CliRunner().invoke(app, [*words, str(out), "--json"])
    assert told.exit_code == 0, told.output
    served, found = load_served(tmp_path / "model"), read_reference(out)
    labeled = np.array([name != "" for name in names])
    logits = served.predict(values[labeled])
    answers = [served.classes[k] for k in logits.argmax(1)]
    right = [a == b for a, b in zip(answers, np.array(names)[labeled].tolist(), strict=True)]
    assert found.correct.tolist() == right
    np.testing.assert_allclose(found.probabilities, softmax(logits), rtol=1e-5)
    assert (found.model, found.classes) == (served.digest, ["low", "high"])
    said = json.loads(told.output.splitlines()[-1])
    assert (said["rows"], said["unlabeled"], said["unreadable"]) == (len(right), 50 - len(right), 1)
    assert said["accuracy"] == np.mean(right)
    told = CliRunner().invoke(app, [*words, str(out)])
    assert f"{len(right)} rows, {100 * np.mean(right):.1f} % right" in told.output
    assert "1 that could not be read left out" in told.output
    (tmp_path / "held.csv").write_text("x,y\n1,2\n3,5\n")
    refused = CliRunner().invoke(app, [*words, str(out)])
    assert "needs labels" in str(refused.exception)
    (tmp_path / "held.csv").write_text("x,y,label\n1,2,low\n3,5,hgih\n")
    refused = CliRunner().invoke(app, [*words, str(out)])
    assert "does not know the class 'hgih'" in str(refused.exception)


@pytest.mark.train
def test_what_serve_records_is_monitored(tmp_path: Path) -> None:
    import os
    import signal

    import httpx

    from thresher.app import serve
    from training import compact_model, export

    network = compact_model("mlp", num_classes=3, input_shape=(4,), width=8)
    export(network, tmp_path / "model", classes=CLASSES)
    rows = np.random.default_rng(0).normal(size=(30, 4)).round(3).tolist()
    said: dict[str, str] = {}

    def ready(address: str, _: object) -> None:
        import threading

        def ask() -> None:
            for row in rows:
                said[str(row)] = httpx.post(f"{address}/predict", json={"rows": [row]}).json()[
                    "labels"
                ][0]
            said["metrics"] = httpx.get(f"{address}/metrics").text
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=ask).start()

    serve(tmp_path / "model", port=0, ready=ready, record=tmp_path / "log", record_content=True)
    assert "process_resident_memory_bytes" in said.pop("metrics")
    table = read_requests(tmp_path / "log")
    kept = {
        str(np.round(numbers, 3).tolist()): answer
        for numbers, answer in zip(
            table["numbers"].to_pylist(), table["answer"].to_pylist(), strict=True
        )
    }
    assert kept == said
    found = monitor(tmp_path / "log", out=tmp_path / "out", ask=10)
    assert found.rows == 30
    assert found.asked is not None
    assert (found.asked / "label.json").exists()  # numbers were kept, so a session can show them

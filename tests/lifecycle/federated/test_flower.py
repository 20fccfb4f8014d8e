"""Rounds under Flower give what the same rounds give in NumPy, with masks, deaths and deadlines.

Flower needs an environment of its own, since it pins typer, rich and starlette below ours:

    python3 -m venv FOLDER && FOLDER/bin/pip install 'flwr[simulation]>=1.42,<1.43' pyarrow
    THRESHER_FLOWER=FOLDER pytest -m flower tests/lifecycle/federated
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifecycle import LocalResult, flower_client, flower_server
from thresher.core.errors import InputError, MissingExtraError

HERE = Path(__file__).resolve()
ROOT = HERE.parents[3]
HEAD = {"head": np.zeros((3, 2))}
HOW: dict[str, Any] = {"folder": "rounds", "rounds": 3, "clients": 5, "quorum": 3}
needs_flower = pytest.mark.flower


def run_in_flower(script: Path, *arguments: Path, cwd: Path) -> str:
    """Run a script in Flower's environment and return what it prints."""
    environment = os.environ.get("THRESHER_FLOWER")
    if not environment:
        pytest.skip(
            "needs Flower: python3 -m venv FOLDER && FOLDER/bin/pip install "
            "'flwr[simulation]>=1.42,<1.43' pyarrow, then THRESHER_FLOWER=FOLDER"
        )
    done = subprocess.run(
        [Path(environment, "bin", "python"), script, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FLWR_TELEMETRY_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stdout


@pytest.fixture(scope="session")
def trial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what `flower_trial.py` found in Flower's environment."""
    folder = tmp_path_factory.mktemp("flower")
    said = run_in_flower(HERE.with_name("flower_trial.py"), folder, cwd=folder)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def gap(run: dict[str, Any], wanted: list[list[float]]) -> float:
    return float(np.abs(np.array(run["head"]) - wanted).max())


@needs_flower
def test_floats_and_packed_updates_give_what_numpy_gives(trial: dict[str, Any]) -> None:
    assert gap(trial["floats"], trial["expected"]["2"]) < 1e-6
    assert gap(trial["packed"], trial["expected packed"]) < 1e-6
    assert gap(trial["share"], trial["expected share"]) < 1e-6
    assert np.abs(trial["share"]["head"]).max() > 0.1
    for name in ("floats", "packed", "masked"):
        assert all(len(line["used"]) == 10 for line in trial[name]["ledger"])


@needs_flower
def test_flowers_own_simulation_keeps_what_clients_owe_between_rounds(
    trial: dict[str, Any],
) -> None:
    assert gap(trial["ray"], trial["expected packed dying"]) < 1e-6
    for line in trial["ray"]["ledger"]:
        assert len(line["used"]) == 7
        assert list(line["left_out"].values()) == ["out of memory"] * 3


@needs_flower
def test_the_example_runs(tmp_path: Path) -> None:
    said = run_in_flower(ROOT / "examples" / "flower_app" / "app.py", cwd=tmp_path)
    share, _, rest = said.splitlines()[-1].partition("%")
    assert rest == " of 1000 rows are right"
    assert float(share) > 95
    lines = (tmp_path / "rounds" / "ledger.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["extra"]["used"]) for line in lines] == [7] * 5


@needs_flower
def test_a_server_that_was_stopped_goes_on(trial: dict[str, Any]) -> None:
    assert gap(trial["resumed"], trial["expected"]["3"]) < 1e-6
    assert trial["resumed"]["done"] == len(trial["resumed"]["ledger"]) == 3


@needs_flower
def test_masked_updates_give_what_open_ones_give(trial: dict[str, Any]) -> None:
    assert gap(trial["masked"], trial["floats"]["head"]) < 1e-4
    assert gap(trial["masked"], trial["expected"]["2"]) < 1e-4


@needs_flower
def test_masked_rounds_do_without_those_who_leave_at_any_stage(trial: dict[str, Any]) -> None:
    # The fourth leaves after its masked update was counted.
    assert gap(trial["left"], trial["expected without the first"]) < 1e-4
    (line,) = trial["left"]["ledger"]
    assert len(line["used"]) == 7
    assert len(line["left_out"]) == 3
    assert all("left at" in why for why in line["left_out"].values())


@needs_flower
def test_masks_need_three_clients(trial: dict[str, Any]) -> None:
    few = trial["too few left"]
    assert "2 of 10 clients stayed to the end, 6 are needed" in few["ledger"][0]["failed"]
    assert "None of 1 round counted" in few["error"]
    assert not np.any(few["head"])
    assert "a sum over 2 clients" in trial["asked for two"]
    assert "this client masks all" in trial["asked in the open"]


@needs_flower
def test_a_masked_client_does_not_answer_in_the_open(trial: dict[str, Any]) -> None:
    refused = trial["one sort"]
    assert "this client masks all" in refused["ledger"][0]["failed"]
    assert not np.any(refused["head"])


@needs_flower
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("error", "out of memory"),
        ("late", "did not answer within 3 s"),
        ("nan", "not finite"),
        ("gone", "no heartbeat"),
    ],
)
def test_a_third_of_the_clients_dying_in_each_round_stops_nothing(
    trial: dict[str, Any], fault: str, why: str
) -> None:
    run = trial[fault]
    assert run["done"] == 3
    assert run["error"] == ""
    assert gap(run, trial["expected dying"]) < 1e-6
    for line in run["ledger"]:
        assert len(line["used"]) == 7
        assert len(line["left_out"]) == 3
        assert all(why in reason for reason in line["left_out"].values())
        assert set(line["left_out"]) | set(line["used"]) == {str(100 + who) for who in range(10)}


@needs_flower
def test_a_round_below_the_quorum_leaves_the_weights(trial: dict[str, Any]) -> None:
    run = trial["no quorum"]
    assert run["done"] == 2
    assert not np.any(run["head"])
    assert all("the quorum is 8" in line["failed"] for line in run["ledger"])
    assert "None of 2 rounds counted" in run["error"]


@needs_flower
def test_bytes_of_both_ways_are_in_the_ledger(trial: dict[str, Any]) -> None:
    numbers = 12 * 4 + 4
    floats, packed, masked = (trial[name]["ledger"][0] for name in ("floats", "packed", "masked"))
    # Flower's own fields of an answer are the same for both.
    apart = (floats["bytes_up"] - packed["bytes_up"]) / 10
    assert abs(apart - (4 * numbers - (16 + 4 + numbers))) <= 8
    assert floats["bytes_down"] == pytest.approx(packed["bytes_down"], rel=0.01)
    assert masked["bytes_up"] > floats["bytes_up"]
    assert trial["share"]["ledger"][0]["bytes_up"] < packed["bytes_up"] - 10 * 0.5 * numbers


def test_masks_with_two_clients_are_refused_with_the_reason() -> None:
    with pytest.raises(InputError, match=r"got 2 and 2: with two, each takes its own update"):
        flower_server(HEAD, **{**HOW, "clients": 2, "quorum": 2}, sending="masked")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rounds": 0}, "`rounds`"),
        ({"quorum": 6}, r"`quorum` must be in \[1, 5\]"),
        ({"deadline": 0}, "`deadline`"),
        ({"sending": "masks"}, "Did you mean 'masked'"),
        ({"learning_rate": -1}, "`learning_rate`"),
        ({"proximal": 20}, "`proximal`"),
        ({"max_rows": 2**40}, "`max_rows`"),
        ({"share": 0}, "`share`"),
        ({"share": 0.1, "sending": "masked"}, "`share` is of packed updates"),
    ],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        flower_server(HEAD, **{**HOW, **wrong})


def test_weights_that_cannot_be_are_refused(tmp_path: Path) -> None:
    for weights, said in (
        ({}, "at least one number"),
        ({"rounds_done": np.ones(2)}, "no array named"),
        ({"head": np.array([1.0, np.inf])}, "'head' are not finite"),
    ):
        with pytest.raises(InputError, match=said):
            flower_server(weights, **HOW)
    np.savez(tmp_path / "weights.npz", head=np.zeros((4, 2), np.float32), rounds_done=np.array(2))
    with pytest.raises(InputError, match=r"`start` has \{'head': \(3, 2\)\}"):
        flower_server(HEAD, **{**HOW, "folder": tmp_path})
    for content in (b"", b"PK\x03\x04 cut", b"text"):
        (tmp_path / "weights.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"weights\.npz cannot be used"):
            flower_server(HEAD, **{**HOW, "folder": tmp_path})


def test_without_flower_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flwr", None)
    with pytest.raises(MissingExtraError, match=r"environment of its own.*flwr\[simulation\]"):
        flower_client(LocalResult)  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match="--no-deps thresher"):
        flower_server(HEAD, **HOW)

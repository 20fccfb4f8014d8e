"""Canaries: sticky shares, guards, the way back, and files edited by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifecycle import Canary
from thresher.core.errors import InputError, StorageError

KEY = "a key of the tests"


def test_shares_are_kept_sticky_and_nested() -> None:
    users = [f"user {n}" for n in range(10_000)]

    def taken(key: str, share: float) -> set[str]:
        canary = Canary(key=key, shares=[share])
        return {user for user in users if canary.takes(user)}

    small, large, other = taken(KEY, 0.1), taken(KEY, 0.3), taken("another key of the tests", 0.1)
    assert small == taken(KEY, 0.1)
    assert small < large
    assert len(small) == pytest.approx(1000, abs=105)  # 3.5 standard deviations
    assert len(small & other) == pytest.approx(100, abs=35)


def test_steps_lead_to_promotion() -> None:
    canary = Canary(key=KEY, shares=[0.1, 0.5], step=300)
    shares = []
    rng = np.random.default_rng(0)
    while canary.state().status == "running":
        shares.append(canary.share)
        canary.observe(new=True, failed=bool(rng.random() < 0.002), seconds=0.01)
        canary.observe(new=False, failed=False, seconds=0.01)
    state = canary.state()
    assert state.status == "promoted"
    assert canary.takes("anybody")
    assert shares[:300] == [0.1] * 300
    assert set(shares[300:]) == {0.5}
    assert state.requests == len(shares) == state.old_requests


@pytest.mark.parametrize("what", ["failed", "slow"])
@pytest.mark.parametrize("before", [0, 3000])
def test_a_bad_candidate_is_back_within_200_requests(what: str, before: int) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        canary = Canary(key=KEY, shares=[0.1], step=10**6)
        for _ in range(before):
            canary.observe(new=True, failed=False, seconds=0.01)
        bad = 0
        while canary.state().status == "running":
            bad += 1
            hit = bool(rng.random() < 0.25)
            canary.observe(
                new=True,
                failed=hit and what == "failed",
                seconds=3.0 if hit and what == "slow" else 0.01,
            )
        assert bad <= 200
        assert f"were {what}" in canary.state().reason
        assert not canary.takes("anybody")


def test_faults_of_the_old_model_do_not_matter() -> None:
    canary = Canary(key=KEY)
    for _ in range(500):
        canary.observe(new=False, failed=True, seconds=10.0)
    assert canary.state().status == "running"
    assert canary.state().old_failed == canary.state().old_slow == 500


def test_a_canary_goes_on_where_it_was(tmp_path: Path) -> None:
    options: dict[str, Any] = {"key": KEY, "shares": [0.1, 0.5], "step": 100}
    rng = np.random.default_rng(2)
    whole, stored = Canary(**options), Canary(**options).kept_in(tmp_path)
    for _ in range(12):
        for _ in range(113):
            seen = {"new": bool(rng.random() < 0.5), "failed": bool(rng.random() < 0.01)}
            whole.observe(**seen, seconds=0.01)
            stored.observe(**seen, seconds=0.01)
        stored.close()
        stored = Canary(**options).kept_in(tmp_path)
        assert stored.to_json() == whole.to_json()
    stored.take_back("The office has closed.")
    stored.close()
    again = Canary(**options).kept_in(tmp_path)
    assert (again.share, again.state().reason) == (0.0, "The office has closed.")
    again.close()
    with pytest.raises(InputError, match="begun with key"):
        Canary(**(options | {"key": "another key of the tests"})).kept_in(tmp_path)
    assert KEY not in (tmp_path / "state.json").read_text()


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("status",), "perhaps", "status in .*'perhaps'"),
        (("at",), 17, "at in .*must be in"),
        (("at",), True, "'at' must be int"),
        (("counts", "failed"), -4, "counts.failed"),
        (("counts",), [], "'counts' must be dict"),
        (("errors", "capital"), [float("1e300")] * 8, "capital"),
        (("errors", "limit"), "none", "'limit' must be float"),
        (("options", "step"), 3, "begun with step = 3"),
        (("rate",), None, "'rate' must be dict"),
        (("reason",), 3, "'reason' must be str"),
    ],
)
def test_a_file_edited_into_nonsense_is_named(
    tmp_path: Path, path: tuple[str, ...], value: object, named: str
) -> None:
    Canary(key=KEY).kept_in(tmp_path).close()
    file = tmp_path / "state.json"
    stored = json.loads(file.read_text())
    part = stored["state"]
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    file.write_text(json.dumps(stored))
    with pytest.raises(InputError, match=named):
        Canary(key=KEY).kept_in(tmp_path)
    file.write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        Canary(key=KEY).kept_in(tmp_path)


def test_a_full_disk_is_said_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = Canary(key=KEY).kept_in(tmp_path)
    canary.observe(new=True, failed=True, seconds=0.1)

    def full(_: int, __: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        with pytest.raises(StorageError, match="No space left") as caught:
            canary.observe(new=True, failed=True, seconds=0.1)
    assert caught.value.full
    assert canary.state().requests == 1
    canary.close()
    again = Canary(key=KEY).kept_in(tmp_path)
    assert again.state().requests == 1
    again.close()


@pytest.mark.parametrize(
    "wrong",
    [{"key": "short"}, {"shares": [0.5, 0.1]}, {"shares": []}, {"shares": [0.1, 2]}, {"step": 0}],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Canary(**({"key": KEY} | wrong))


def test_a_clock_that_jumps_is_refused() -> None:
    for seconds in (-3.0, float("nan")):
        with pytest.raises(InputError, match="seconds"):
            Canary(key=KEY).observe(new=True, failed=False, seconds=seconds)

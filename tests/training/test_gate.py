"""Limits with and without intervals."""

import pytest

from thresher.core.errors import GateError, InputError
from training.gate import check_gate
from training.profiling import LatencyRatio

MEASURED = {
    "bytes": 90_000,
    "accuracy": (0.91, 0.90, 0.92),
    "latency_ratio": LatencyRatio(1.02, (0.97, 1.06), rounds=31, calls_per_round=5),
    "agreement": 0.995,
}


def test_limits_that_hold() -> None:
    budget = {"max_bytes": 90_000, "min_accuracy": 0.89, "min_agreement": 0.99}
    checks = check_gate(budget, MEASURED)
    assert [check.name for check in checks] == list(budget)
    assert all(check.met and check.certain for check in checks)


def test_a_limit_within_the_interval_is_met_but_not_certain() -> None:
    for budget in ({"min_accuracy": 0.915}, {"max_latency_ratio": 1.0}):
        (check,) = check_gate(budget, MEASURED)
        assert check.met
        assert not check.certain


@pytest.mark.parametrize(
    "budget",
    [
        {"max_bytes": 89_999},
        {"min_accuracy": 0.93},
        {"max_latency_ratio": 0.96},
        {"min_agreement": 0.999},
    ],
)
def test_missed_limits_are_named(budget: dict) -> None:
    with pytest.raises(GateError, match=next(iter(budget))) as caught:
        check_gate(budget, MEASURED)
    assert caught.value.exit_code == 3


def test_all_missed_limits_are_listed_at_once() -> None:
    with pytest.raises(GateError, match=r"max_bytes.*min_agreement"):
        check_gate({"max_bytes": 1, "min_agreement": 1}, MEASURED)


def test_not_a_number_never_passes() -> None:
    with pytest.raises(GateError):
        check_gate({"min_accuracy": 0.5}, {"accuracy": float("nan")})


def test_unknown_and_unmeasured_limits() -> None:
    with pytest.raises(InputError, match="max_bytes"):
        check_gate({"max_byte": 1}, MEASURED)
    with pytest.raises(InputError, match="not measured"):
        check_gate({"max_p50_ms": 1}, MEASURED)

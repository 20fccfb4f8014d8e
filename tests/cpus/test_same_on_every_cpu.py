"""The same inputs and seed give the same answers whatever instructions a processor has."""

import json

import pytest

FAST = ("AVX2, 1 thread", "SSE4, 1 thread")
FURTHER = (
    "AVX2, 2 threads",
    "SSE4, 2 threads",
    "this machine, 2 threads",
    "Zen",
    "SkylakeX",
    "Sandybridge",
)
SWITCHES = [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in FURTHER)]
pytestmark = pytest.mark.cpus


@pytest.mark.parametrize("switch", SWITCHES)
def test_encoders(differing, plain_answer, switch):
    assert not differing(switch, "print_encoders.py")
    answer = plain_answer("print_encoders.py")
    assert answer["image: alone"] == answer["image: backwards"] == "True"


@pytest.mark.parametrize("switch", SWITCHES)
def test_rows_core_sets_and_policies(differing, switch):
    assert not differing(switch, "print_choices.py")


@pytest.mark.parametrize("switch", SWITCHES)
def test_curation_to_the_byte(differing, switch):
    assert not differing(switch, "print_curation.py")


@pytest.mark.slow  # it trains two models
@pytest.mark.parametrize("switch", [*FAST, "this machine, 2 threads"])
def test_a_run_decides_the_same_and_measures_within_its_intervals(
    plain_answer, answer_under, switch
):
    expected, found = plain_answer("print_run.py"), answer_under(switch, "print_run.py")
    assert found.keys() == expected.keys()
    verified = [name for name in expected if name.startswith("verified")]
    assert len(verified) == 3
    # Last bits set training on another way, so that what is measured of a model has an error.
    plain, other = json.loads(expected["reference"]), json.loads(found["reference"])
    ahead = [{end: of.pop(f"ahead_{end}") for end in ("low", "high")} for of in (plain, other)]
    del plain["ahead"], other["ahead"]
    assert other == plain
    _check_overlap(*ahead)
    for name in expected.keys() - {*verified, "reference"}:
        assert found[name] == expected[name], name
    for name in verified:
        _check_overlap(json.loads(expected[name]), json.loads(found[name]))


def _check_overlap(first, second):
    assert max(first["low"], second["low"]) <= min(first["high"], second["high"])

"""The same inputs and seed give the same answers whatever instructions a processor has."""

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

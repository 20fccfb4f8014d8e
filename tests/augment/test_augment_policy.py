import copy

import numpy as np
import pytest

from augment import Augmenter, AugMix, OneOf, Policy, Schedule, Step, policies
from augment.schedule import linear
from thresher.core.errors import InputError


def saved():
    return Augmenter(policies.standard(), random_state=3).to_dict()


def broken(path, value):
    """The saved augmenter with one value replaced; a path is a list of keys."""
    values = copy.deepcopy(saved())
    place = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["schema"], 2, "newer release"),
        (["schema"], "1", "schema"),
        (["policy", "schema"], 99, "newer release"),
        (["policy", "nodes", 0, "op"], "crpo", "Did you mean 'crop'"),
        (["policy", "nodes", 0, "settings", "padd"], 3, "Did you mean 'pad'"),
        (["policy", "nodes", 0, "settings", "pad"], -3, "crop.pad"),
        (["policy", "nodes", 0, "settings", "pad"], 2.5, "whole number"),
        (["policy", "nodes", 0, "settings", "pad"], "4", "number"),
        (["policy", "nodes", 0, "settings", "mode"], "wrap", "reflect"),
        (["policy", "nodes", 0, "p"], 1.5, r"\[0, 1\]"),
        (["policy", "nodes", 0, "p"], float("nan"), r"\[0, 1\]"),
        (["policy", "nodes", 0], 7, "node"),
        (["policy", "nodes"], {}, "list"),
        (["policy", "extra"], 1, "no field"),
        (["policy", "schedule", "epochs"], 0, "epochs"),
        (["policy", "nodes", 0, "settings", "pad"], 5, "edited"),
        (["seed"], -1, "seed"),
        (["seed"], None, "seed"),
        (["backend"], "gpu", "backend"),
        (["extra"], 1, "fields"),
    ],
)
def test_unknown_content_of_a_file_is_refused(path, value, words):
    with pytest.raises(InputError, match=words):
        Augmenter.from_dict(broken(path, value))


def test_damaged_and_missing_files_are_refused(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    for name in ("bad.json", "none.json"):
        with pytest.raises(InputError, match=name):
            Augmenter.load(tmp_path / name)


def test_ten_thousand_random_files_raise_nothing_else():
    generator = np.random.default_rng(0)
    junk = [None, -1, 0, 1.5, 2**70, "x", "", [], {}, True, float("nan"), float("inf"), ["op"]]
    paths = [
        ["schema"], ["policy"], ["seed"], ["backend"], ["fingerprint"], ["policy", "nodes"],
        ["policy", "schema"], ["policy", "name"], ["policy", "schedule"], ["policy", "nodes", 0],
        ["policy", "nodes", 1, "op"], ["policy", "nodes", 1, "settings"],
        ["policy", "nodes", 2, "settings", "size"], ["policy", "nodes", 0, "settings", "fill"],
        ["policy", "schedule", "start"], ["policy", "schedule", "epochs"],
        ["policy", "nodes", 1, "p"],
    ]  # fmt: skip
    refused = 0
    for _ in range(10_000):
        path = paths[generator.integers(len(paths))]
        try:
            Augmenter.from_dict(broken(path, junk[generator.integers(len(junk))]))
        except InputError:
            refused += 1
    assert refused > 8000


def test_fingerprints_tell_policies_apart_but_not_their_names():
    assert policies.standard().fingerprint == policies.standard().renamed("mine").fingerprint
    assert policies.standard().fingerprint != policies.standard(pad=3).fingerprint


def test_without_drops_steps_and_branches():
    policy = policies.trivial_augment(flip=True).without("hflip", "rotate")
    assert {"hflip", "rotate"}.isdisjoint(step.op for step in policy.steps)
    assert len(policy.steps) == 13
    with pytest.raises(InputError, match="no operation 'spin'"):
        policy.without("spin")


def test_strength_scales_magnitudes_only():
    aug = Augmenter(Policy("turn", (Step("rotate"), Step("hflip"))).with_schedule(Schedule(0, 0)))
    assert aug.explain(1, size=(9, 9))[0]["degrees"] == 0
    assert aug.explain(1, size=(9, 9))[1]["op"] == "hflip"
    ramp = linear(0.1, 1.0, epochs=10)
    assert [ramp.strength(epoch) for epoch in (0, 9, 50)] == [0.1, 1.0, 1.0]


def test_bad_nodes_are_refused():
    with pytest.raises(InputError, match="empty"):
        OneOf(())
    with pytest.raises(InputError, match="empty"):
        AugMix(())
    with pytest.raises(InputError, match="above"):
        Step("rotate", {"low": 40, "high": 30})
    with pytest.raises(InputError, match="Did you mean 'pad'"):
        policies.make("standard", settings={"padd": 3})
    with pytest.raises(InputError, match="standard"):
        policies.make("standrd")
    with pytest.raises(InputError, match="flip"):
        policies.standard(flip="always")


def test_auto_augment_has_the_published_shape():
    (choice,) = [node for node in policies.auto_augment() if isinstance(node, OneOf)]
    assert len(choice.branches) == 25
    assert {len(branch) for branch in choice.branches} == {2}

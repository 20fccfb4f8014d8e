import copy

import numpy as np
import pytest

from augment import Augmenter, AugMix, OneOf, Policy, Schedule, Step, policies
from augment.operations.schedule import linear
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


def test_a_mixed_policy_does_to_each_row_what_one_of_its_parts_does(pictures):
    gray_or_posterized = OneOf(((Step("grayscale"),), (Step("posterize"),)))
    parts = [policies.custom(Step("invert")), policies.custom(Step("vflip"), gray_or_posterized),
             policies.none(), policies.aug_mix()]  # fmt: skip
    policy = policies.mixed(*parts, name="several")
    assert Policy.from_dict(policy.to_dict()) == policy
    images, aug = pictures(80), Augmenter(policy, random_state=1)
    keys = np.arange(len(images), dtype=np.uint64)
    found = aug.batch(images, keys)
    alone = [aug(image, row_id=int(key)) for image, key in zip(images, keys, strict=True)]
    assert np.array_equal(found, np.stack(alone))
    drawn, later = (
        np.array([which(aug.explain(int(key), epoch, size=(24, 24))) for key in keys])
        for epoch in (0, 1)
    )
    assert np.bincount(drawn, minlength=4).min() >= 10
    assert 8 < (drawn == later).sum() < 32
    assert np.array_equal(found[drawn == 0], 255 - images[drawn == 0])
    assert np.array_equal(found[drawn == 2], images[drawn == 2])


def which(entries):
    """The part that a row of the test above got."""
    ops = [entry["op"] for entry in entries]
    if not ops or "chain" in entries[0]:
        return 3 if ops else 2
    assert ops == ["invert"] or (ops[0] == "vflip" and ops[1] in ("grayscale", "posterize"))
    return len(ops) - 1


def test_choices_in_choices_are_kept_and_limited():
    both = policies.mixed(policies.crop_flip(), policies.rand_augment(flip=True))
    fewer = both.without("hflip", "rotate")
    assert [len(branch) for branch in fewer.nodes[0].branches] == [1, 2]
    assert {"hflip", "rotate"}.isdisjoint(step.op for step in fewer.steps)
    ramp = policies.none().with_schedule(Schedule(0, 1, 5))
    with pytest.raises(InputError, match="same schedule"):
        policies.mixed(policies.crop_flip(), ramp)
    with pytest.raises(InputError, match="empty"):
        policies.mixed()
    nested = policies.crop_flip()
    for _ in range(5):
        nested = policies.mixed(nested, policies.none())
    assert Policy.from_dict(nested.to_dict()) == nested
    with pytest.raises(InputError, match="nested 4 times"):
        policies.mixed(nested)
    deep = {"op": "hflip"}
    for _ in range(6):
        deep = {"one_of": [[deep]]}
    with pytest.raises(InputError, match="nested 4 times"):
        Policy.from_dict({"schema": 1, "nodes": [deep]})

import numpy as np
import pytest
import torch

from augment import AuditReport, Augmenter, ClassAugmenter, policies, spare_classes
from augment.choosing.operation_audit import OperationAudit
from thresher.core.errors import InputError
from thresher.core.fingerprint import row_keys

IDS = np.array([f"row-{number}" for number in range(20)])
LABELS = np.array(["six", "zero", "two", "nine"] * 5)
WHOLE = policies.trivial_augment(pad=2, flip=True)
SPARED = WHOLE.without("rotate", "hflip")


def augmenter():
    return ClassAugmenter({"six": SPARED, "nine": policies.none()}, default=WHOLE, random_state=4)


@pytest.mark.parametrize("form", ["array", "tensor"])
def test_a_row_is_changed_by_its_own_class_policy(form, pictures):
    images = pictures(20)
    given = images if form == "array" else torch.from_numpy(images).permute(0, 3, 1, 2)
    found = augmenter().batch(given, IDS, LABELS, epoch=2)
    found = found if form == "array" else found.permute(0, 2, 3, 1).numpy()
    alone = {"six": SPARED, "nine": policies.none()}
    for row, label in enumerate(LABELS):
        policy = alone.get(label, WHOLE)
        wanted = Augmenter(policy, random_state=4)(images[row], row_id=str(IDS[row]), epoch=2)
        assert np.array_equal(found[row], wanted)


def test_training_looks_classes_up_by_key(pictures):
    images = torch.from_numpy(pictures(20)).permute(0, 3, 1, 2)
    aug = augmenter()
    wanted = aug.batch(images, IDS, LABELS, epoch=1)
    augment = aug.for_training(IDS, LABELS)
    order = np.random.default_rng(0).permutation(20)
    assert torch.equal(augment(images[order], row_keys(IDS)[order], 1), wanted[order])
    assert torch.equal(augment(images[:1], row_keys(IDS)[:1], 1), wanted[:1])
    with pytest.raises(InputError, match="no label"):
        augment(images[:1], np.array([7], dtype=np.uint64), 0)
    with pytest.raises(InputError, match="labels"):
        aug.batch(images, IDS, LABELS[:3])
    with pytest.raises(InputError, match="needed"):
        aug.batch(images, IDS, None)


def test_json_brings_back_the_same_bits_and_refuses_changes(pictures, tmp_path):
    images, aug = pictures(20), augmenter()
    aug.save(tmp_path / "classes.json")
    again = ClassAugmenter.load(tmp_path / "classes.json")
    assert np.array_equal(again.batch(images, IDS, LABELS), aug.batch(images, IDS, LABELS))
    saved = aug.to_dict()
    other = Augmenter(SPARED, random_state=5).to_dict()
    for change in (
        {"schema": 2},
        {"classes": []},
        {"classes": {"six": other}},
        {"default": {}},
        {"extra": 1},
    ):
        with pytest.raises(InputError):
            ClassAugmenter.from_dict(saved | change)


def test_an_audit_says_which_classes_to_spare():
    steps = {step.op: step for step in WHOLE.steps}
    entries = tuple(
        OperationAudit(op, dict(steps[op].settings), 1.0, "keep", "", classes_harmed=harmed)
        for op, harmed in (
            ("rotate", {"six": -0.3, "nine": -0.2}),
            ("hflip", {"six": -0.1}),
            ("crop", None),
        )
    )
    spared = spare_classes(AuditReport(WHOLE, entries, 100, 0.9, ()))
    assert spared["six"].fingerprint == SPARED.fingerprint
    assert "hflip" in {step.op for step in spared["nine"].steps}
    assert spared.keys() == {"six", "nine"}

import numpy as np
import pytest

from augment import AuditReport, Policy, Step, audit, choose_policy, policies
from thresher.core.errors import InputError


def test_flips_of_digits_are_dropped_and_nothing_is_assured_by_a_teacher(digits):
    steps = (Step("hflip"), Step("vflip"), Step("rotate", {"high": 15.0}), Step("invert"))
    report = audit(*digits, policy=Policy("p", steps), strengths=[1.0], max_rows=300)
    verdicts = {entry.op: entry.verdict for entry in report.entries}
    unknown = "not known"
    assert verdicts == {"hflip": "drop", "vflip": "drop", "rotate": unknown, "invert": unknown}
    assert "assures nothing" in report.entries[2].reason
    entry = report.entries[0]
    assert entry.low < entry.effect < entry.high < 0
    assert entry.classes_harmed
    assert {step.op for step in report.prune().steps} == {"rotate", "invert"}
    assert report.to_table()[0]["op"] == "hflip"
    again = audit(*digits, policy=Policy("p", steps[:1]), strengths=[1.0], max_rows=300)
    assert again.entries[0].effect == entry.effect


def test_random_labels_are_not_assessable(digits):
    labels = np.random.default_rng(0).permutation(digits[1])
    report = audit(digits[0], labels, policy=Policy("p", (Step("hflip"),)), max_rows=120)
    assert report.entries[0].verdict == "not assessable"
    assert "chance" in report.entries[0].reason


@pytest.mark.parametrize("labels", [np.zeros(1797, int), np.arange(1797), np.full(1797, -1)])
def test_too_few_rows_a_class_are_not_assessable(digits, labels):
    report = audit(digits[0], labels, policy=policies.standard(pad=1, cutout=2))
    assert {entry.verdict for entry in report.entries} == {"not assessable"}
    assert report.prune().fingerprint == policies.standard(pad=1, cutout=2).fingerprint


def test_harm_at_full_strength_only_is_halved():
    from augment.choosing.operation_audit import OperationAudit

    policy = policies.custom(Step("rotate", {"high": 90.0}), Step("hflip"))
    settings = [dict(step.settings) for step in policy.steps]
    entries = (
        OperationAudit("rotate", settings[0], 1.0, "weaken", ""),
        OperationAudit("hflip", settings[1], 1.0, "not known", ""),
    )
    pruned = AuditReport(policy, entries, 1, 1.0, ()).prune()
    assert pruned.steps[0].settings["high"] == 45.0
    assert pruned.steps[1].op == "hflip"
    assert pruned.name == "custom, half rotate"
    other = policies.custom(Step("cutout"))
    assert AuditReport(other, entries, 1, 1.0, ()).prune().name == "custom"


def test_bad_arguments_are_refused(digits):
    images, labels = digits
    with pytest.raises(InputError, match="labels` are needed"):
        audit(images, None, policy=policies.standard())
    with pytest.raises(InputError, match="3 labels"):
        choose_policy(images, labels[:3])
    with pytest.raises(InputError, match="uint8"):
        audit(images / np.float32(255), labels, policy=policies.standard())
    with pytest.raises(InputError, match="candidates"):
        choose_policy(images, labels, candidates=[])
    with pytest.raises(InputError, match="accuracy"):
        choose_policy(images, labels, fit=lambda *_: 70.0, budget_s=0.1)
    with pytest.raises(InputError, match="rounds"):
        choose_policy(images, labels, rounds=0)
    with pytest.raises(InputError, match="strengths"):
        audit(images, labels, policy=policies.standard(), strengths=[0])

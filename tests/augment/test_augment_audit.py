import numpy as np
import pytest
from sklearn.datasets import load_digits

from augment import AuditReport, Policy, Step, audit, choose_policy, policies
from augment.choosing.choose import sized_candidates
from augment.choosing.kernel_ridge import fit_teacher, squared_distances, stratified_folds
from augment.choosing.pilots import estimate_gains
from augment.choosing.prior import OPERATION, OWN, expected_gains, gain_covariance, operation_shares
from augment.operations.schedule import linear
from thresher.core.errors import InputError


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return (data.images / 16 * 255).astype(np.uint8)[..., None], data.target


def test_the_teacher_is_kernel_ridge_regression():
    from sklearn.kernel_ridge import KernelRidge

    generator = np.random.default_rng(0)
    rows, labels = generator.normal(size=(30, 4)), np.arange(30) % 3
    teacher = fit_teacher(rows, labels, classes=3)
    reference = KernelRidge(alpha=0.1, kernel="rbf", gamma=teacher.gamma).fit(
        rows, np.eye(3)[labels]
    )
    asked = generator.normal(size=(5, 4))
    assert np.allclose(teacher.scores(asked), reference.predict(asked))
    difference = rows[:, None] - asked[None]
    assert np.allclose(squared_distances(rows, asked), (difference**2).sum(axis=2))


def test_folds_hold_every_class_evenly():
    labels = np.repeat([0, 1, 2], [9, 6, 3])
    fold = stratified_folds(labels, folds=3, generator=np.random.default_rng(0))
    assert np.array_equal(np.bincount(labels * 3 + fold), [3, 3, 3, 2, 2, 2, 1, 1, 1])


def test_flips_of_digits_are_dropped_and_small_turns_kept(digits):
    steps = (Step("hflip"), Step("vflip"), Step("rotate", {"high": 15.0}), Step("invert"))
    report = audit(Policy("p", steps), *digits, strengths=[1.0], max_rows=300)
    verdicts = {entry.op: entry.verdict for entry in report.entries}
    assert verdicts == {"hflip": "drop", "vflip": "drop", "rotate": "keep", "invert": "unsure"}
    entry = report.entries[0]
    assert entry.low < entry.effect < entry.high < 0
    assert entry.classes_harmed
    assert {step.op for step in report.prune().steps} == {"rotate", "invert"}
    assert report.to_table()[0]["op"] == "hflip"
    again = audit(Policy("p", steps[:1]), *digits, strengths=[1.0], max_rows=300)
    assert again.entries[0].effect == entry.effect


def test_random_labels_are_not_assessable(digits):
    labels = np.random.default_rng(0).permutation(digits[1])
    report = audit(Policy("p", (Step("hflip"),)), digits[0], labels, max_rows=120)
    assert report.entries[0].verdict == "not assessable"
    assert "chance" in report.entries[0].reason


@pytest.mark.parametrize("labels", [np.zeros(1797, int), np.arange(1797), np.full(1797, -1)])
def test_too_few_rows_a_class_are_not_assessable(digits, labels):
    report = audit(policies.standard(pad=1, cutout=2), digits[0], labels)
    assert {entry.verdict for entry in report.entries} == {"not assessable"}
    assert report.prune().fingerprint == policies.standard(pad=1, cutout=2).fingerprint


def test_harm_at_full_strength_only_is_halved():
    from augment.choosing.auditing import OperationAudit

    policy = policies.custom(Step("rotate", {"high": 90.0}), Step("hflip"))
    settings = [dict(step.settings) for step in policy.steps]
    entries = (
        OperationAudit("rotate", settings[0], 1.0, "weaken", ""),
        OperationAudit("hflip", settings[1], 1.0, "unsure", ""),
    )
    pruned = AuditReport(policy, entries, 1, 1.0, ()).prune()
    assert pruned.steps[0].settings["high"] == 45.0
    assert pruned.steps[1].op == "hflip"
    assert pruned.name == "custom, half rotate"
    other = policies.custom(Step("cutout"))
    assert AuditReport(other, entries, 1, 1.0, ()).prune().name == "custom"


def test_the_default_choice_never_mirrors_digits(digits):
    choice = choose_policy(*digits, budget_s=20)
    ops = {step.op for step in choice.policy.steps}
    assert "hflip" not in ops
    assert "crop" in ops
    assert "hflip → drop" in choice.reason
    assert not choice.pilots


def test_a_budget_that_ends_early_is_said(digits):
    choice = choose_policy(*digits, budget_s=1e-6)
    assert {entry["reason"] for entry in choice.evidence} == {"the time budget ended first"}
    assert choice.policy.fingerprint == policies.standard(pad=1, cutout=2).fingerprint


def test_pilots_are_paired_and_none_stays(digits):
    asked = []

    def fit(policy, train, test, seed):
        asked.append((policy.name, seed, tuple(test[:3])))
        assert not set(train) & set(test)
        return {"none": 0.8, "good": 0.9, "bad": 0.7}[policy.name] + seed / 1000

    candidates = [policies.custom(Step("crop", {"pad": 1}), name="bad"), policies.custom(
        Step("rotate", {"high": 5.0}), name="good")]  # fmt: skip
    choice = choose_policy(*digits, candidates=candidates, fit=fit, budget_s=60, rounds=3)
    assert choice.policy.name == "good"
    assert choice.reason.endswith("best of 3 in 3 paired pilot runs")
    good = choice.pilots[1]
    assert 0 < good.low < good.gain < 10
    assert {name for name, *_ in asked} == {"none", "good", "bad"}
    assert sum(name == "bad" for name, *_ in asked) == 1
    assert len(asked) == 7
    first = {(seed, test) for _, seed, test in asked[:3]}
    assert len(first) == 1


def test_candidates_that_cannot_be_told_apart_are_mixed(digits):
    turn = policies.custom(Step("rotate", {"high": 5.0}), name="turn")
    shift = policies.custom(Step("crop", {"pad": 1}), name="shift")
    bad = policies.custom(Step("invert"), name="bad")
    right = {"none": 0.5, "turn": 0.8, "shift": 0.797, "bad": 0.2}

    def choose(*candidates):
        return choose_policy(
            *digits,
            candidates=candidates,
            fit=lambda policy, *rest: right[policy.name] + rest[-1] / 1000,
            budget_s=60,
            rounds=3,
        )

    choice = choose(turn, bad, shift)
    assert choice.policy.name == "turn + shift"
    assert choice.policy.fingerprint == policies.mixed(turn, shift).fingerprint
    assert "3 paired pilot runs cannot tell these 2 of 4" in choice.reason
    behind = {pilot.policy.name: pilot.behind for pilot in choice.pilots}
    assert behind["turn"] == 0 < behind["shift"] < 1 < min(behind["none"], behind["bad"])
    # One strength schedule cannot serve both.
    ramp = shift.with_schedule(linear(0.1, 1.0, epochs=3))
    assert choose(turn, ramp).policy.fingerprint == turn.fingerprint
    right["turn"] = right["shift"] = 0.4
    assert choose(turn, shift).policy.name == "none"


def test_a_candidate_without_operations_is_none(digits):
    asked = []

    def fit(policy, train, test, seed):
        asked.append(policy.name)
        return 0.9 if policy.name == "none" else 0.8

    candidates = [policies.custom(name="empty"), policies.custom(
        Step("rotate", {"high": 5.0}), name="turn")]  # fmt: skip
    choice = choose_policy(*digits, candidates=candidates, fit=fit, budget_s=60, rounds=1)
    assert asked == ["turn", "none"]
    assert choice.policy.name == "none"
    assert choice.pilots[-1].gain == 0


def test_pilots_leave_out_rows_without_a_label(digits):
    images, labels = digits
    some = [None if row % 3 == 0 else str(label) for row, label in enumerate(labels)]
    asked = []

    def fit(policy, train, test, seed):
        asked.append(np.concatenate([train, test]))
        return 0.5

    turn = policies.custom(Step("rotate", {"high": 5.0}))
    choose_policy(images, some, candidates=[turn], fit=fit, budget_s=60, rounds=1)
    labelled = [row for row, label in enumerate(some) if label is not None]
    assert [sorted(rows.tolist()) for rows in asked] == [labelled, labelled]


def test_default_candidates_are_distinct_and_sized():
    listed = sized_candidates(16)
    assert len({policy.fingerprint for policy in listed}) == len(listed)
    assert listed[0].fingerprint == policies.standard(pad=2, cutout=4).fingerprint
    assert {"rand_augment", "aug_mix"} <= {policy.name for policy in listed}
    assert all(sized_candidates(1))


def test_gains_are_those_of_a_normal_posterior():
    # One round of two candidates: prior covariance, and noise that half comes from *none*.
    scores = [[0.8], [0.7], [0.6]]
    prior = 36 + 16 * np.eye(2)
    nothing = np.zeros(2)
    means, covariance = estimate_gains(scores, expected=nothing, prior=prior, held_out=100)
    noise = 100 * 100 * 0.6 * 0.4 / 100 * (0.5 + 0.5 * np.eye(2))
    precision = np.linalg.inv(prior) + np.linalg.inv(noise)
    expected = np.linalg.solve(precision, np.linalg.solve(noise, [20.0, 10.0]))
    assert np.allclose(means, [*expected, 0])
    assert np.allclose(covariance[:2, :2], np.linalg.inv(precision))
    assert not covariance[2].any()
    assert 0 < means[1] < means[0] < 20
    before = np.array([-3.0, 2.0])
    means, _ = estimate_gains(scores, expected=before, prior=prior, held_out=100)
    informed = np.linalg.solve(noise, [20.0, 10.0]) + np.linalg.solve(prior, before)
    assert np.allclose(means, [*np.linalg.solve(precision, informed), 0])


def test_operations_are_expected_to_lose_where_training_rows_stay_unlearned(digits):
    strong = policies.rand_augment(n=4, pad=2, flip=True)
    flip = policies.custom(Step("hflip", p=0.5), name="flip")
    listed = [flip, policies.crop_flip(pad=2), strong]
    assert expected_gains(listed, unlearned=0.3).tolist() == [-0.75, -2.25, -4.5]
    assert expected_gains(listed, unlearned=0.01) == pytest.approx([-0.15, -0.45, -0.9])
    assert not expected_gains(listed, unlearned=0.0).any()

    def choose(learned):
        return choose_policy(
            *digits,
            candidates=[strong],
            fit=lambda policy, *_: (0.501 if policy.nodes else 0.5, learned),
            budget_s=60,
            rounds=1,
        )

    assert choose(1.0).pilots[0].gain > 0 > choose(0.6).pilots[0].gain
    with pytest.raises(InputError, match=r"accuracy in \[0, 1\], got 60"):
        choose(60)


def test_gains_of_many_rows_are_hardly_shrunk_and_of_few_hardly_believed():
    scores = [[0.75, 0.75, 0.75], [0.7, 0.7, 0.7]]
    prior = np.array([[50.0]])
    found = [
        estimate_gains(scores, expected=np.zeros(1), prior=prior, held_out=n)[0][0]
        for n in (10**6, 5)
    ]
    assert found[0] == pytest.approx(5, abs=0.01)
    assert 0 < found[1] < 3
    alone = {"expected": np.zeros(0), "prior": np.zeros((0, 0)), "held_out": 5}
    assert estimate_gains(scores[1:], **alone)[0].tolist() == [0.0]


def test_policies_that_share_operations_are_expected_to_gain_alike():
    flip = policies.custom(Step("hflip", p=0.5), name="flip")
    crop = policies.crop_flip(pad=2, flip=False)
    found = gain_covariance([flip, crop, policies.crop_flip(pad=2)])
    one, both = OPERATION**2, 2 * OPERATION**2
    expected = [[one, 0, one], [0, one, one], [one, one, both]]
    assert np.allclose(found, expected + OWN**2 * np.eye(3))


def test_operations_of_choices_and_mixtures_count_by_how_often_they_are_done():
    shares = operation_shares(policies.trivial_augment())
    assert shares["rotate"] == pytest.approx(1 / 14)
    assert "identity" not in shares
    mixed = operation_shares(policies.aug_mix())
    assert all(0 < share <= 1 for share in mixed.values())
    assert operation_shares(policies.none()) == {}


def test_the_reason_does_not_repeat_the_name(digits):
    choice = choose_policy(digits[0][:60], digits[1][:60], budget_s=20)
    assert not choice.reason.startswith(choice.policy.name)


def test_bad_arguments_are_refused(digits):
    images, labels = digits
    with pytest.raises(InputError, match="labels` are needed"):
        audit(policies.standard(), images, None)
    with pytest.raises(InputError, match="3 labels"):
        choose_policy(images, labels[:3])
    with pytest.raises(InputError, match="uint8"):
        audit(policies.standard(), images / np.float32(255), labels)
    with pytest.raises(InputError, match="candidates"):
        choose_policy(images, labels, candidates=[])
    with pytest.raises(InputError, match="accuracy"):
        choose_policy(images, labels, fit=lambda *_: 70.0, budget_s=0.1)
    with pytest.raises(InputError, match="rounds"):
        choose_policy(images, labels, rounds=0)
    with pytest.raises(InputError, match="strengths"):
        audit(policies.standard(), images, labels, strengths=[0])

import numpy as np
import pytest

from augment import Step, choose_policy, policies
from augment.choosing.pilots import estimate_gains
from augment.choosing.prior import expected_gains
from thresher.core.errors import InputError


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

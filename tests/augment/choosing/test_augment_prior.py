import numpy as np
import pytest

from augment import Step, policies
from augment.choosing.prior import OPERATION, OWN, gain_covariance, operation_shares


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

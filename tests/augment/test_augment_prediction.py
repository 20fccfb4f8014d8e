import numpy as np
import pytest

from augment import TestTimeAugment
from thresher.core.errors import InputError


def test_test_time_augmentation_is_the_mean_of_views(pictures):
    images = pictures(5)

    def left_is_bright(batch):
        left = batch[:, :, :12].mean(axis=(1, 2, 3)) / 255
        return np.stack([left, 1 - left], axis=1)

    found = TestTimeAugment().predict(left_is_bright, images)
    wanted = (left_is_bright(images) + left_is_bright(images[:, :, ::-1])) / 2
    assert np.allclose(found, wanted, atol=1e-6)
    with pytest.raises(InputError, match="hflip"):
        TestTimeAugment(["hflipp"])
    with pytest.raises(InputError, match="must return"):
        TestTimeAugment().predict(lambda _: np.zeros(3), images)

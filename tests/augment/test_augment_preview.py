import io

import numpy as np
import pytest
from PIL import Image

from augment import Augmenter, policies, preview
from thresher.core.errors import InputError


def test_a_preview_shows_originals_and_versions(pictures, tmp_path):
    images = pictures(2)
    listed = [policies.standard(), policies.trivial_augment()]
    drawn = preview(images, policies=listed, views=3, zoom=1)
    assert drawn.pixels.shape == (2 * (14 + 2 * 26), 4 * 26, 3)
    assert np.array_equal(drawn.pixels[14:38, :24], images[0])
    version = Augmenter(listed[0]).batch(images, [0, 1], 1)
    assert np.array_equal(drawn.pixels[40:64, 52:76], version[1])
    drawn.save(tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (104, 132)
    assert Image.open(io.BytesIO(drawn.to_png())).mode == "RGB"
    with pytest.raises(InputError, match="at least one"):
        preview(images, policies=[])

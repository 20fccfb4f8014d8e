"""Old names of parameters give the same results for one release, and say what is new."""

import numpy as np
import pytest

from augment import Augmenter, BatchLoader, audit, policies, preview


def test_keys_are_row_ids(pictures):
    images, aug = pictures(3), Augmenter(policies.standard(), random_state=0)
    wanted = aug.batch(images, ["a", "b", "c"], 1)
    with pytest.warns(DeprecationWarning, match="`keys` of Augmenter.batch is now `row_ids`"):
        assert np.array_equal(aug.batch(images, keys=["a", "b", "c"], epoch=1), wanted)
    with pytest.warns(DeprecationWarning, match="`key` of .* is now `row_id`"):
        assert np.array_equal(aug(images[1], key="b", epoch=1), wanted[1])
    with pytest.warns(DeprecationWarning, match="`key` of .* is now `row_id`"):
        assert aug.explain(key="b", size=(24, 24)) == aug.explain("b", size=(24, 24))
    with pytest.warns(DeprecationWarning, match="`keys` of .* is now `row_ids`"):
        loader = BatchLoader(images, keys=["a", "b", "c"], augmenter=aug, shuffle=False)
    assert np.array_equal(next(iter(loader)).images, aug.batch(images, ["a", "b", "c"]))


def test_policies_came_first(pictures):
    images, listed = pictures(2), [policies.standard(), policies.crop_flip()]
    wanted = preview(images, policies=listed, row_ids=["a", "b"], views=2)
    with pytest.warns(DeprecationWarning, match="first argument of preview is now `policies`"):
        found = preview(listed, images, row_ids=["a", "b"], views=2)
    assert np.array_equal(found.pixels, wanted.pixels)
    labels = [0, 1]
    wanted = audit(images, labels, policy=listed[0])
    with pytest.warns(DeprecationWarning, match="first argument of audit is now `policy`"):
        assert audit(listed[0], images, labels) == wanted

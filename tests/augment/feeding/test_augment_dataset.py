"""A dataset that augments, under torch's own loader: every row its own bits, in batches."""

from collections import namedtuple

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset, TensorDataset

from augment import AugmentedDataset, Augmenter, policies
from thresher.core.errors import InputError

N = 24
AUG = Augmenter(policies.trivial_augment(pad=2, flip=True), random_state=3)


def alone(images, epoch, keys=range(N)):
    return np.stack([AUG(i, row_id=k, epoch=epoch) for i, k in zip(images, keys, strict=True)])


def loaded(rows, **options):
    """What a loader gives, in the order of the rows."""
    found = [
        (int(label), image)
        for images, labels in DataLoader(rows, batch_size=5, **options)
        for image, label in zip(images.numpy(), labels, strict=True)
    ]
    return np.stack([image for _, image in sorted(found, key=lambda pair: pair[0])])


@pytest.mark.parametrize("start", ["here", "fork", "spawn"])
def test_rows_get_their_own_bits_from_any_loader(start, pictures):
    images = pictures(N)
    rows = AugmentedDataset(list(zip(images, range(N), strict=True)), AUG)
    options = {} if start == "here" else {"num_workers": 2, "multiprocessing_context": start}
    rows.set_epoch(2)
    assert np.array_equal(loaded(rows, shuffle=True, **options), alone(images, 2))
    half = loaded(Subset(rows, range(0, N, 2)), **options)
    assert np.array_equal(half, alone(images, 2)[::2])


def test_workers_that_stay_follow_the_epoch(pictures):
    images = pictures(N)
    rows = AugmentedDataset(list(zip(images, range(N), strict=True)), AUG)
    loader = DataLoader(rows, batch_size=5, num_workers=2, persistent_workers=True,
                        multiprocessing_context="fork")  # fmt: skip
    for epoch in (0, 1, 4):
        rows.set_epoch(epoch)
        found = torch.cat([batch for batch, _ in loader])
        assert np.array_equal(found.numpy(), alone(images, epoch))


def test_a_batch_is_augmented_in_one_call(pictures, monkeypatch):
    rows = AugmentedDataset(list(zip(pictures(N), range(N), strict=True)), AUG)
    sizes, batch = [], AUG.batch
    monkeypatch.setattr(
        AUG, "batch", lambda images, *rest: sizes.append(len(images)) or batch(images, *rest)
    )
    loaded(rows)
    assert sizes == [5, 5, 5, 5, 4]


def test_every_form_of_a_row_stays_what_it_is(pictures):
    images = pictures(N)
    ids = [f"r{number}" for number in range(N)]
    columns = {"row_id": ids, "image": [Image.fromarray(image) for image in images]}
    rows = AugmentedDataset(datasets.Dataset.from_dict(columns), AUG, image="image", row_ids=ids)
    wanted = alone(images[[4, 9]], 0, ["r4", "r9"])
    for row, one in zip(rows.__getitems__([4, 9]), wanted, strict=True):
        assert isinstance(row["image"], Image.Image)
        assert np.array_equal(np.asarray(row["image"]), one)
    assert rows[4]["row_id"] == "r4"

    wanted = alone(images, 0)
    assert np.array_equal(AugmentedDataset(list(images), AUG, image=None)[-1], wanted[-1])
    pair = namedtuple("Pair", "label picture")
    named = AugmentedDataset([pair(1, images[0])], AUG, image=1)[0]
    assert named.label == 1
    assert np.array_equal(named.picture, wanted[0])
    listed = AugmentedDataset([[images[0], 1]], AUG)[0]
    assert isinstance(listed, list)
    assert np.array_equal(listed[0], wanted[0])

    planes = torch.from_numpy(images).permute(0, 3, 1, 2)
    tensors = AugmentedDataset(TensorDataset(planes), AUG, then=lambda image: image.float() / 255)
    assert torch.equal(tensors[3][0], AUG(planes[3], row_id=3).float() / 255)


def test_sizes_may_differ(pictures):
    several = [pictures(1)[0], pictures(1, side=40)[0], pictures(2)[1]]
    rows = AugmentedDataset([(image,) for image in several], AUG).__getitems__([2, 1, 0])
    for (found,), position in zip(rows, (2, 1, 0), strict=True):
        assert np.array_equal(found, AUG(several[position], row_id=position))


def test_bad_rows_and_arguments_are_refused(pictures):
    images = pictures(4)
    with pytest.raises(InputError, match=r"Row 2 .*ndarray.* at 0.*None if rows are images"):
        AugmentedDataset(images, AUG)[2]
    with pytest.raises(InputError, match=r"Row 0 .*dict.* 'picture'"):
        AugmentedDataset([{"image": images[0]}], AUG, image="picture")[0]
    with pytest.raises(InputError, match="4 images and 3 row ids"):
        AugmentedDataset(images, AUG, image=None, row_ids=[1, 2, 3])
    with pytest.raises(InputError, match="must be an Augmenter"):
        AugmentedDataset(images, lambda image: image)
    with pytest.raises(InputError, match="epoch"):
        AugmentedDataset(images, AUG, image=None).set_epoch(-1)
    with pytest.raises(IndexError):
        AugmentedDataset(list(images), AUG, image=None)[4]

"""Worker processes, batch size and order of torch's own loader change no row."""

import hashlib

import numpy as np
import pytest
from torch import Generator
from torch.utils.data import DataLoader, Dataset

from augment import AlbumentationsAugmenter, Augmenter, policies

A = pytest.importorskip("albumentations")
ROWS = 24


class Rows(Dataset):
    """Rows with a fingerprint of all that an augmenter makes of them."""

    def __init__(self, images, epoch):
        flips = [A.HorizontalFlip(p=0.5), A.Affine(rotate=(-30, 30), p=0.8)]
        boxes = A.BboxParams("pascal_voc", label_fields=["names"])
        points = A.KeypointParams("xy", remove_invisible=False)
        pipeline = A.Compose(flips, bbox_params=boxes, keypoint_params=points)
        self.images, self.epoch = images, epoch
        self.keyed = AlbumentationsAugmenter(pipeline, random_state=3)
        self.ours = Augmenter(policies.trivial_augment(pad=2, flip=True), random_state=3)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, row):
        image = self.images[row]
        sample = {"image": image, "mask": image[:, :, 0], "bboxes": [[4, 4, 18, 15]],
                  "names": ["thing"], "keypoints": [(5, 9)]}  # fmt: skip
        found = self.keyed(sample, row_id=row, epoch=self.epoch)
        arrays = [np.asarray(found[name]) for name in ("image", "mask", "bboxes", "keypoints")]
        arrays.append(self.ours(image, row_id=row, epoch=self.epoch))
        joined = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
        return row, hashlib.blake2b(joined).hexdigest()


def fingerprints(images, *, epoch=1, **options):
    loader = DataLoader(Rows(images, epoch), generator=Generator().manual_seed(1), **options)
    return {
        row: digest
        for rows, digests in loader
        for row, digest in zip(rows.tolist(), digests, strict=True)
    }


def test_images_masks_boxes_and_keypoints_are_the_rows_own(pictures):
    images = pictures(ROWS)
    wanted = fingerprints(images, batch_size=1)
    forked = {"num_workers": 2, "multiprocessing_context": "fork"}
    assert fingerprints(images, batch_size=5, shuffle=True) == wanted
    assert fingerprints(images, batch_size=5, shuffle=True, **forked) == wanted
    assert fingerprints(images, batch_size=7, **forked) == wanted
    later = fingerprints(images, batch_size=5, epoch=2, **forked)
    assert sum(later[row] == wanted[row] for row in wanted) < ROWS / 4
    assert len(set(wanted.values())) == ROWS

"""The built-in default: scikit-learn's handwritten digits as an image dataset, without a network.

1,797 scans of 8 × 8 pixels in ten classes (Alpaydin and Kaynak, "Optical recognition of handwritten
digits", UCI 1998), a part of what scikit-learn installs.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..schema import ROW_ID
from .files import IMAGE_TYPE
from .parts import Part, Source
from .splits import hold_out

TEST_FRACTION = 0.2


def read_digits() -> Source:
    """Return the digits as PNG images of 8 × 8 pixels with a fixed, stratified 80/20 split."""
    import cv2
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    files = [cv2.imencode(".png", image)[1].tobytes() for image in pixels]
    row_ids = np.array([f"digits-{i:04d}" for i in range(len(files))])
    labels = bunch.target.astype(str)
    test = hold_out(row_ids, labels, fraction=TEST_FRACTION, seed=0)
    images = pa.StructArray.from_arrays(
        [pa.array(files, pa.binary()), pa.nulls(len(files), pa.string())], fields=list(IMAGE_TYPE)
    )
    table = pa.table(
        {
            ROW_ID: pa.array(row_ids, pa.string()),
            "image": images,
            "label": pa.array(labels, pa.string()),
            "split": pa.array(np.where(test, "test", "train"), pa.string()),
        }
    )
    roles = {"image": "image", "label": "label", "row_id": ROW_ID, "split": "split"}
    return Source(origin="digits", parts=[Part("digits", table)], roles=roles, verified=True)

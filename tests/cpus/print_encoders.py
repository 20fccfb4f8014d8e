"""Print a hash of what each built-in encoder makes of fixed values."""

import hashlib
import json

import numpy as np
from sklearn.datasets import load_digits

from thresher.core import embed
from thresher.core.encoders.image import ImageEncoder


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


rng = np.random.default_rng(0)
noise = rng.integers(0, 256, (300, 8, 8, 3), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)
digits = (load_digits().images[:600] * 15.9).astype(np.uint8)
fitted = ImageEncoder().fit(noise)
whole = fitted.encode(noise)
answer = {
    "image: noise": digest(whole),
    "image: components": fitted.fingerprint,
    "image: digits": digest(embed(digits).vectors),
    "image: 20 × 20 pixels": digest(embed(noise[:, :20, :20]).vectors),
    "image: alone": str(np.array_equal(fitted.encode(noise[7:8])[0], whole[7])),
    "image: backwards": str(np.array_equal(fitted.encode(noise[::-1])[::-1], whole)),
    "features": digest(embed(rng.normal(size=(500, 6))).vectors),
    "text-hash": digest(
        embed([f"row {i} of {i % 7}" for i in range(200)], encoder="builtin:text-hash").vectors
    ),
}
print(json.dumps(answer))

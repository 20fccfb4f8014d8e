"""Print a hash of what each encoder without a download makes of fixed values."""

import hashlib
import json

import numpy as np
from sklearn.datasets import load_digits

from thresher.core import embed
from thresher.core.encoders.automatic import choose_encoder
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
    "image: digits": digest(embed(digits, encoder="builtin:image").vectors),
    "image: 20 × 20 pixels": digest(embed(noise[:, :20, :20], encoder="builtin:image").vectors),
    "image: alone": str(np.array_equal(fitted.encode(noise[7:8])[0], whole[7])),
    "image: backwards": str(np.array_equal(fitted.encode(noise[::-1])[::-1], whole)),
    "features": digest(embed(rng.normal(size=(500, 6))).vectors),
    "text-hash": digest(
        embed([f"row {i} of {i % 7}" for i in range(200)], encoder="builtin:text-hash").vectors
    ),
}
# Of words by chance: where singular values are equal, components are any rotation of each other.
words = np.array(
    [
        "red",
        "late",
        "bank",
        "cat",
        "river",
        "card",
        "pin",
        "lost",
        "train",
        "sky",
        "old",
        "tax",
        "soup",
        "moon",
        "verb",
    ]
)
texts = [" ".join(words[rng.integers(0, 1 + row % 14, 9)]) for row in range(160)]
if choose_encoder("text").value == "joined:text":
    answer["text"] = digest(embed(texts, encoder="builtin:text").vectors)
    answer["meaning: texts"] = digest(embed(texts, encoder="meaning:text").vectors)
    answer["joined: texts"] = digest(embed(texts, labels=np.arange(160) % 4).vectors)
if choose_encoder("image").value == "joined:image":
    large = noise[:20].repeat(6, axis=1).repeat(6, axis=2)
    answer["meaning: noise"] = digest(embed(large, encoder="meaning:image").vectors)
    answer["joined: digits"] = digest(embed(digits, labels=load_digits().target[:600]).vectors)
print(json.dumps(answer))

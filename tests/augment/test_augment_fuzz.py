"""Random bad input: whatever comes in is either done exactly or refused in words."""

import copy

import numpy as np
import pytest
import torch

from augment import (
    Augmenter,
    AugMix,
    MixBatch,
    OneOf,
    Policy,
    Schedule,
    Step,
    add_noise,
    augment_texts,
    back_translate,
    policies,
    splice,
)
from augment.operations.catalog import OPERATIONS
from augment.policies import POLICIES
from thresher.core.errors import ThresherError

JUNK = (None, -1, 0, 1, 2, 1.5, -0.0, 2**63, 2**70, "x", "", "0", b"x", [], {}, (), True, object(),
        float("nan"), float("inf"), -float("inf"), 1e308, np.nan, np.int64(3), np.float32(0.5),
        np.array([]), np.zeros(3), lambda x: x, "crop", "auto", ["a", "b"], {"a": 1})  # fmt: skip
DTYPES = ("uint8", "uint8", "uint8", "float32", "float64", "float16", "int8", "uint16", "int64",
          "bool", "complex64", "object", "U1")  # fmt: skip


class Random:
    """Draws for one case."""

    def __init__(self, number):
        self.generator = np.random.default_rng(number)

    def of(self, choices):
        return choices[self.generator.integers(len(choices))]

    def junk(self, good, share=0.4):
        return self.of(JUNK) if self.generator.random() < share else good

    def images(self):
        side = [int(self.of((5, 6, 8, 13))) for _ in range(2)]
        n, channels = int(self.of((0, 1, 2, 3))), int(self.of((1, 3, 3)))
        if self.generator.random() < 0.6:
            good = self.generator.integers(0, 256, (n, *side, channels), dtype=np.uint8)
            good = self.of((good, good, (good / 255).astype(np.float32), good / 255))
            return self.of((good, torch.from_numpy(good).permute(0, 3, 1, 2).contiguous()))
        side, channels = [int(self.of((0, 1, 2, 3, 8))) for _ in range(2)], self.of(range(6))
        shape = self.of(((n, *side, channels), (n, channels, *side), (*side, channels), side, ()))
        values = np.asarray(self.generator.random(tuple(shape)) * self.of((1, 255, -1, 1e300)))
        if values.size and self.generator.random() < 0.2:
            values.flat[0] = self.of((np.nan, np.inf, -1e-9, 1.0000001))
        with np.errstate(all="ignore"):
            array = values.astype(self.of(DTYPES))
        if array.dtype.kind in "ufib" and array.dtype != np.uint16 and self.of((0, 1)):
            return torch.from_numpy(np.ascontiguousarray(array))
        return self.of((array, array, array, array[::-1] if array.ndim else array, array.tolist()))

    def keys(self, n):
        good = self.of((np.arange(n), [f"row {i}" for i in range(n)], [2**64 - 1] * n))
        return self.junk(good, 0.08)

    def step(self):
        name = self.junk(self.of(list(OPERATIONS)), 0.01)
        settings = {}
        operation = OPERATIONS.get(name) if isinstance(name, str) else None
        for setting, allowed in (operation.settings if operation else {}).items():
            if self.generator.random() < 0.2:
                value = self.of((allowed.default, min(allowed.high, 1e6), allowed.low))
                settings[self.of((*[setting] * 40, "unknown", 3.5, None))] = self.junk(value, 0.04)
        return Step(name, self.junk(settings, 0.01), self.junk(self.generator.random(), 0.03))

    def policy(self):
        kind = self.generator.integers(5)
        if kind == 0:
            return POLICIES[self.of(list(POLICIES))]()
        steps = tuple(self.step() for _ in range(self.generator.integers(1, 4)))
        if kind == 1:
            return Policy("mix", (AugMix(steps, width=self.junk(2, 0.1), depth=self.junk(2, 0.1)),))
        if kind == 2:
            return Policy("one", (OneOf(tuple((step,) for step in steps)),))
        if kind == 3:
            ramp = Schedule(self.junk(0.2, 0.1), self.junk(1.0, 0.1), self.junk(4, 0.1))
            return Policy("ramp", steps).with_schedule(ramp)
        return Policy("steps", steps)


def expected(images):
    """What the policy that does nothing must return: the input, floats on the 8-bit grid."""
    array = np.asarray(images)
    if array.dtype == np.uint8:
        return array
    return (np.floor(array * 255 + 0.5) / 255).astype(array.dtype)


def fuzz_batch(random):
    images = random.images()
    n = np.shape(images)[0] if np.ndim(images) else 1
    epoch, view = random.junk(2, 0.03), random.junk(0, 0.03)
    keys, policy = random.keys(n), random.policy()
    seed, backend = random.junk(3, 0.03), random.junk(random.of(("torch", "opencv", "auto")), 0.05)
    before = copy.deepcopy(images)
    nothing = Augmenter(policies.none(), random_state=seed, backend=backend)
    kept = nothing.batch(images, keys, epoch, view)
    assert np.array_equal(np.asarray(kept), expected(images))
    changed = Augmenter(policy, random_state=seed, backend=backend).batch(images, keys, epoch, view)
    assert np.array_equal(np.asarray(images), np.asarray(before))
    assert (type(changed), changed.dtype) == (type(images), images.dtype)
    assert tuple(changed.shape) == tuple(images.shape)
    if len(images) and changed.dtype not in (np.uint8, torch.uint8):
        assert 0 <= float(changed.min()) <= float(changed.max()) <= 1


def fuzz_single(random):
    image, aug = random.images(), Augmenter(random.policy(), random_state=1)
    image = image[0] if np.ndim(image) == 4 and np.shape(image)[0] else image
    key = random.junk("row", 0.1)
    changed = aug(image, row_id=key, epoch=random.junk(0, 0.1), view=random.junk(1, 0.1))
    assert tuple(changed.shape) == tuple(image.shape)
    aug.explain(key, size=tuple(random.junk(8, 0.1) for _ in range(2)))


def fuzz_file(random):
    values = Augmenter(random.policy(), random_state=1).to_dict()
    place, last = values, random.of(list(values))
    while isinstance(place[last], (dict, list)) and place[last] and random.generator.random() < 0.8:
        place = place[last]
        last = random.of(list(place)) if isinstance(place, dict) else random.of(range(len(place)))
    old = place[last]
    if isinstance(place, dict) and random.generator.random() < 0.2:
        place["unknown"] = old
    else:
        place[last] = random.of(JUNK)
    again = Augmenter.from_dict(values)
    assert again.policy.fingerprint == values["fingerprint"]


def fuzz_mixing(random):
    n, classes = int(random.of((0, 1, 2, 5))), random.junk(4, 0.15)
    inputs = torch.from_numpy(random.generator.random((n, 3, 4, 4), dtype=np.float32))
    inputs = random.of((inputs, inputs[:, 0], inputs.numpy(), (inputs * 255).byte()))
    targets = random.of(
        (torch.arange(n) % 4, torch.arange(n) % 4, torch.full((n,), 4), torch.full((n,), -1), None,
         torch.zeros(n, 4), torch.full((n, 4), 0.25), torch.arange(n + 1), torch.arange(n).int())
    )  # fmt: skip
    alphas = {"mixup": random.junk(0.2, 0.1), "cutmix": random.junk(1.0, 0.1)}
    mix = MixBatch(num_classes=classes, prob=random.junk(1.0, 0.1), **alphas)
    mixed, soft = mix(inputs, random.junk(targets, 0.05), random.keys(n), random.junk(0, 0.1))
    assert mixed.shape == inputs.shape
    assert soft.shape == (n, mix.num_classes)
    hard = targets is not None and not targets.is_floating_point()
    assert not hard or torch.allclose(soft.sum(dim=1), torch.ones(n))


def fuzz_features(random):
    n, width = int(random.of((0, 1, 3))), 2
    features = random.generator.normal(size=(n, width)).astype(random.of(("f4", "f8", "i8", "O")))
    scale = random.junk(np.array(random.of(([1.0, 0.0], [1.0, np.nan], [-1.0, 1.0], [1.0]))), 0.1)
    noisy = add_noise(
        random.junk(features, 0.1), random.keys(n), scale=scale, amount=random.junk(0.1, 0.2)
    )
    assert noisy.shape == features.shape
    assert np.isfinite(noisy).all()
    assert n == 0 or np.array_equal(noisy[:, 1], features[:, 1])


def fuzz_texts(random):
    texts = [random.junk("lost my card", 0.03) for _ in range(3)]
    texts = random.junk(texts, 0.05)
    op = random.junk(random.of(("delete", "swap", "typo", "synonym")), 0.1)
    lexicon = (
        random.junk({"lost": ["missing"]}, 0.1) if isinstance(op, str) and op == "synonym" else None
    )
    keys = random.keys(3)
    changed = augment_texts(texts, keys, op=op, rate=random.junk(0.5, 0.2), lexicon=lexicon)
    assert [type(text) for text in changed] == [str] * 3
    splice(texts, random.junk([0] * 3, 0.2), keys)
    back_translate(texts, random.junk(lambda given: given, 0.2))


TARGETS = (fuzz_batch, fuzz_batch, fuzz_single, fuzz_file, fuzz_mixing, fuzz_features, fuzz_texts)


def fuzz(numbers):
    done = refused = 0
    for number in numbers:
        random = Random(number)
        try:
            TARGETS[number % len(TARGETS)](random)
            done += 1
        except ThresherError as error:
            refused += len(str(error)) > 20
        except Exception as error:
            raise AssertionError(f"case {number}: {type(error).__name__}: {error}") from error
    return done, refused


def test_some_random_inputs():
    done, refused = fuzz(range(500))
    assert min(done, refused) > 50


@pytest.mark.slow
def test_ten_thousand_random_inputs():
    done, refused = fuzz(range(500, 10_500))
    assert min(done, refused) > 1000

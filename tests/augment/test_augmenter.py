import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from augment import Augmenter, Policy, Step, policies
from augment.operations.catalog import OPERATIONS
from augment.policies import POLICIES
from thresher.core.errors import InputError

BACKENDS = ("torch", "opencv")
KEYS = np.arange(40, dtype=np.uint64)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", POLICIES)
def test_a_row_gets_the_same_bits_in_any_batch_and_order(name, backend, pictures):
    images = torch.from_numpy(pictures(channels=3)).permute(0, 3, 1, 2).contiguous()
    before = images.clone()
    aug = Augmenter(POLICIES[name](), random_state=1, backend=backend)
    whole = aug.batch(images, KEYS, 2)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    assert torch.equal(aug.batch(images[order], KEYS[order.numpy()], 2), whole[order])
    split = torch.cat([aug.batch(images[:7], KEYS[:7], 2), aug.batch(images[7:], KEYS[7:], 2)])
    assert torch.equal(split, whole)
    one = aug(images[3], row_id=3, epoch=2)
    assert torch.equal(one, whole[3])
    assert torch.equal(images, before)
    if name != "none":
        assert not torch.equal(aug.batch(images, KEYS, 3), whole)
        assert not torch.equal(aug.batch(images, KEYS, 2, view=1), whole)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("op", [name for name in OPERATIONS if name != "identity"])
def test_backends_agree(op, channels, pictures):
    policy = Policy("one", (Step(op),))
    images = pictures(channels=channels)
    results = [Augmenter(policy, backend=name).batch(images, KEYS).astype(int) for name in BACKENDS]
    difference = np.abs(results[0] - results[1])
    assert difference.max() <= 1
    assert difference.mean() < 0.12
    scaled = op in ("brightness", "contrast")
    if OPERATIONS[op].family in ("window", "table", "erase") and not scaled:
        assert difference.max() == 0


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("op", [name for name in OPERATIONS if name != "identity"])
def test_cuda_is_within_one_gray_level(op, pictures):
    images = torch.from_numpy(pictures()).permute(0, 3, 1, 2).contiguous()
    aug = Augmenter(Policy("one", (Step(op),)), backend="torch")
    found = aug.batch(images.cuda(), KEYS)
    assert found.is_cuda
    assert (found.cpu().int() - aug.batch(images, KEYS).int()).abs().max() <= 1


def test_backends_agree_on_mixtures_and_chains_of_moves(pictures):
    moves = (Step("crop"), Step("hflip", p=0.5), Step("crop", {"mode": "constant", "pad": 20}),
             Step("alternating_flip"), Step("vflip", p=0.5), Step("crop", {"pad": 23}))  # fmt: skip
    images = pictures()
    results = [Augmenter(Policy("moves", moves), backend=name).batch(images, KEYS)
               for name in BACKENDS]  # fmt: skip
    assert np.array_equal(*results)
    results = [Augmenter(policies.aug_mix(), backend=name).batch(images, KEYS).astype(int)
               for name in BACKENDS]  # fmt: skip
    assert np.abs(results[0] - results[1]).max() <= 2


PLANES = Policy(
    "channels alike",
    tuple(Step(op) for op in ("crop", "gaussian_blur", "sharpness", "random_erasing")),
)


@pytest.mark.parametrize("policy", [PLANES, policies.trivial_augment(pad=4, flip=True, cutout=9)])
def test_large_tensors_and_arrays_get_the_same_bits(policy, pictures):
    images = pictures(16, side=80)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    aug = Augmenter(policy, random_state=4)
    result = aug.batch(tensor, KEYS[:16]).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(result, aug.batch(images, KEYS[:16]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_form_of_image_comes_back_in_kind(backend, pictures):
    aug = Augmenter(policies.standard(), random_state=2, backend=backend)
    image = pictures(1)[0]
    array = aug(image, row_id="row")
    tensor = aug(torch.from_numpy(image).permute(2, 0, 1), row_id="row")
    assert np.array_equal(tensor.permute(1, 2, 0).numpy(), array)
    assert np.array_equal(np.asarray(aug(Image.fromarray(image), row_id="row")), array)
    assert aug(image[:, :, 0], row_id="row").shape == (24, 24)
    floats = aug((image / 255).astype(np.float32), row_id="row")
    assert floats.dtype == np.float32
    assert np.array_equal(np.round(floats * 255).astype(np.uint8), array)
    assert aug.batch(image[None][:0], []).shape == (0, 24, 24, 3)


def test_the_result_never_shares_memory_with_the_input():
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    for backend in BACKENDS:
        result = Augmenter(policies.none(), backend=backend).batch(images, [1, 2])
        result += 1
    assert images.sum() == 0


@pytest.mark.parametrize("name", POLICIES)
def test_json_brings_back_the_same_bits(name, tmp_path, pictures):
    aug = Augmenter(POLICIES[name](), random_state=11)
    aug.save(tmp_path / "policy.json")
    again = Augmenter.load(tmp_path / "policy.json")
    assert again.seed == 11
    assert again.policy.fingerprint == aug.policy.fingerprint
    images = pictures()
    assert np.array_equal(again.batch(images, KEYS, 4), aug.batch(images, KEYS, 4))
    json.dumps(aug.explain(3, 4, size=(24, 24)), allow_nan=False)


@pytest.mark.parametrize("name", POLICIES)
def test_a_used_augmenter_can_be_sent_to_another_process(name, pictures):
    images = pictures(8)
    aug = Augmenter(POLICIES[name](), random_state=5)
    wanted = aug.batch(images, KEYS[:8])
    assert np.array_equal(pickle.loads(pickle.dumps(aug)).batch(images, KEYS[:8]), wanted)


def test_explain_says_what_was_done(pictures):
    aug = Augmenter(policies.crop_flip(pad=3), random_state=0)
    images = pictures()
    for key in range(6):
        expected = images[key]
        for entry in aug.explain(key, 1, size=(24, 24)):
            if entry["op"] == "crop":
                padded = np.pad(expected, ((3, 3), (3, 3), (0, 0)), mode="reflect")
                top, left = 3 + int(entry["down"]), 3 + int(entry["right"])
                expected = padded[top : top + 24, left : left + 24]
            else:
                expected = expected[:, ::-1]
        assert np.array_equal(aug(images[key], row_id=key, epoch=1), expected)


def test_gates_and_choices_have_the_right_frequency():
    aug = Augmenter(Policy("two", (Step("hflip", p=0.3), Step("vflip", p=0.7))))
    image = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1).repeat(20_000, 0)
    first = aug.batch(image, np.arange(20_000))[:, 0, 0, 0]
    shares = np.bincount(first, minlength=4) / 20_000
    assert np.abs(shares - [0.7 * 0.3, 0.3 * 0.3, 0.7 * 0.7, 0.3 * 0.7]).max() < 0.012


def test_alternating_flip_changes_side_every_epoch(pictures):
    aug = Augmenter(policies.crop_flip(pad=0, flip="alternating"))
    images = pictures()
    epochs = [aug.batch(images, KEYS, epoch) for epoch in range(3)]
    assert np.array_equal(epochs[0], epochs[2])
    assert np.array_equal(epochs[0], epochs[1][:, :, ::-1])
    flipped = (epochs[0] != images).any(axis=(1, 2, 3)).mean()
    assert 0.2 < flipped < 0.8


def test_auto_backend_gives_its_reason():
    aug = Augmenter(policies.standard())
    assert aug.choose_backend().value == "opencv"
    assert "measured" in aug.choose_backend().reason
    assert aug.choose_backend("cuda:0").value == "torch"
    with pytest.raises(InputError, match="CPU"):
        Augmenter(policies.none(), backend="opencv").choose_backend("cuda:0")


def good():
    return np.zeros((2, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (good().astype(np.float32) + 200, r"\[0, 1\], got 200 to 200"),
        (np.full((2, 16, 16, 3), np.nan, np.float32), "NaN"),
        (np.full((2, 16, 16, 3), np.inf, np.float32), "inf"),
        (good().astype(np.int64), "int64"),
        (good().astype(np.uint16), "uint16"),
        (good().astype(bool), "bool"),
        (good().transpose(0, 3, 1, 2), "channels-first"),
        (torch.zeros(2, 16, 16, 3, dtype=torch.uint8), "channels-last"),
        (np.zeros((2, 16, 16, 5), np.uint8), "1 or 3 channels"),
        (np.zeros((2, 16, 16, 4), np.uint8), "1 or 3 channels"),
        (good()[0], "shape"),
        (np.zeros((2, 0, 16, 3), np.uint8), "sides"),
        ([[1, 2]], "list"),
        (None, "NoneType"),
    ],
)
def test_bad_images_are_refused(images, words):
    with pytest.raises(InputError, match=words):
        Augmenter(policies.standard()).batch(images, [1, 2])


def test_other_bad_arguments_are_refused():
    with pytest.raises(InputError, match="below the image's side"):
        Augmenter(policies.standard(pad=16)).batch(good(), [1, 2])
    with pytest.raises(InputError, match=r"policies\.standard"):
        Augmenter("standard")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="backend"):
        Augmenter(policies.none(), backend="cuda")
    with pytest.raises(InputError, match="2 images and 1 row id;"):
        Augmenter(policies.none()).batch(good(), [1])
    with pytest.raises(InputError, match="mode"):
        Augmenter(policies.none())(Image.new("RGBA", (4, 4)), row_id=1)
    with pytest.raises(InputError, match="sides"):
        Augmenter(policies.none()).explain(1, size=(0, 4))

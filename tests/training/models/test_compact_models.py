import json

import numpy as np
import pytest
import torch

import training
from thresher.core.errors import InputError
from training.models import FAMILIES, ModelSpec, Normalize, build_model, compact_model
from training.models.text import folded

SHAPES = {"image": (3, 32, 32), "text": (20,), "features": (7,)}


def make(name, **options):
    shape = options.pop("input_shape", SHAPES[FAMILIES[name].modality])
    return compact_model(name, num_classes=4, input_shape=shape, vocabulary=50, **options)


def inputs_for(model, n=3):
    shape = (n, *model.spec.input_shape)
    generator = torch.Generator().manual_seed(0)
    if model.spec.modality == "image":
        return torch.randint(0, 256, shape, generator=generator).to(torch.uint8)
    if model.spec.modality == "text":
        return torch.randint(0, 50, shape, generator=generator)
    return torch.randn(shape, generator=generator)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_keeps_the_contract(name):
    model = make(name)
    inputs = inputs_for(model)
    before = torch.get_rng_state()
    again = build_model(ModelSpec.from_json(json.loads(json.dumps(model.spec.to_json()))))
    assert torch.equal(torch.get_rng_state(), before)
    for (key, one), other in zip(
        model.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), key
    logits = model.eval()(inputs)
    assert logits.shape == (3, 4)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(model(inputs[[2, 0]]), logits[[2, 0]])
    torch.testing.assert_close(torch.fx.symbolic_trace(model)(inputs), logits)
    exported = torch.export.export(model, (inputs,)).module()
    torch.testing.assert_close(exported(inputs), logits)
    other_seed = make(name, random_state=1)
    assert not torch.equal(other_seed.head.weight, model.head.weight)


@pytest.mark.parametrize("name", [name for name in FAMILIES if FAMILIES[name].modality == "image"])
@pytest.mark.parametrize("size", [8, 28, 65])
def test_images_of_any_size_from_8_px(name, size):
    model = make(name, input_shape=(1, size, size))
    assert model.eval()(inputs_for(model)).shape == (3, 4)


@pytest.mark.parametrize(("size", "stride"), [(8, 1), (24, 1), (32, 2), (64, 2), (96, 4), (224, 8)])
def test_stem_shrinks_large_images(size, stride):
    assert make("resnet8", input_shape=(3, size, size)).spec.stem_stride == stride


def test_resnet8_has_the_published_size():
    parameters = sum(
        p.numel()
        for p in compact_model(
            "resnet8", num_classes=10, input_shape=(3, 32, 32), width=16
        ).parameters()
    )
    assert parameters == 78_042


def test_normalize_gives_mean_0_and_deviation_1_of_the_training_inputs():
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 17, (50, 2, 8, 8))).to(
        torch.uint8
    )
    layer = Normalize(2, trailing=2)
    layer.measure(pixels)
    result = layer(pixels)
    torch.testing.assert_close(result.mean((0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.std((0, 2, 3), correction=0), torch.ones(2))


def test_a_constant_feature_becomes_zero():
    layer = Normalize(2, trailing=0)
    layer.measure(torch.tensor([[1.0, 1e6], [3.0, 1e6]]))
    assert layer(torch.tensor([[2.0, 1e6]])).tolist() == [[0.0, 0.0]]


def test_padding_does_not_change_a_text_and_no_tokens_are_allowed():
    model = make("hashed_embedding").eval()
    tokens = torch.zeros(2, 20, dtype=torch.int64)
    tokens[0, :3] = torch.tensor([4, 9, 4])
    longer = torch.cat([tokens, torch.zeros(2, 5, dtype=torch.int64)], 1)
    torch.testing.assert_close(model(longer), model(tokens))
    assert torch.isfinite(model(tokens)).all()


@pytest.mark.parametrize("vocabulary", [3, 50])
def test_ids_are_folded_into_the_table_and_padding_stays(vocabulary):
    tokens = torch.arange(200)
    expected = [0] + [1 + (token - 1) % (vocabulary - 1) for token in range(1, 200)]
    assert folded(tokens, vocabulary).tolist() == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "resnet9"}, "Did you mean 'resnet8'"),
        ({"num_classes": 1}, "num_classes"),
        ({"input_shape": (3, 7, 32)}, "at least 8 px"),
        ({"input_shape": (32, 32)}, "3 sizes"),
        ({"width": 0}, "width"),
        ({"stem_stride": 3}, "power of two"),
        ({"stem_stride": 16}, "power of two"),
        ({"dropout": 1.5}, "dropout"),
        ({"name": "text_cnn", "input_shape": (8,), "vocabulary": 2}, "vocabulary"),
    ],
)
def test_wrong_options_are_told(options, told):
    good = {"name": "resnet8", "num_classes": 3, "input_shape": (3, 32, 32)}
    with pytest.raises(InputError, match=told):
        compact_model(**(good | options))


def test_no_submodule_hides_a_public_function():
    assert callable(training.fit)
    assert callable(training.evaluate)
    assert callable(training.distill)
    with pytest.raises(AttributeError, match="nothing"):
        _ = training.nothing

"""EfficientNet-Lite0 as a network of plain modules: against its layers one by one."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from thresher.core.encoders.lite0 import STAGES, Block, Layer, padding
from training import ModelSpec, build_model, compact_model
from training.models import FAMILIES
from training.models.lite0 import NAME, STEM, take_blocks


def made_up_blocks(seed: int = 0) -> tuple[Block, ...]:
    """Blocks of the network's shapes with random weights that neither vanish nor explode."""
    rng = np.random.default_rng(seed)

    def layer(narrow, wide, kernel, step=1, groups=1, bounded=True):
        shape = (wide, narrow // groups, kernel, kernel)
        weight = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        ones = np.ones(wide)
        return Layer(weight, rng.normal(0, 0.1, wide), step, groups, bounded, ones, ones)

    blocks = [Block((layer(3, STEM, 3, step=2),), False)]
    for count, kernel, first_step, widening, narrow, wide in STAGES:
        for place in range(count):
            channels = narrow if place == 0 else wide
            inner = channels * widening
            step = first_step if place == 0 else 1
            parts = [] if widening == 1 else [layer(channels, inner, 1)]
            parts += [
                layer(inner, inner, kernel, step=step, groups=inner),
                layer(inner, wide, 1, bounded=False),
            ]
            blocks.append(Block(tuple(parts), added=place > 0))
    return (*blocks, Block((layer(320, 1280, 1),), False))


def plain_features(blocks: tuple[Block, ...], images: torch.Tensor) -> torch.Tensor:
    """Compute what the blocks say, padded as TensorFlow pads."""
    x = (images.double() - 127) / 128
    for block in blocks:
        entered = x
        for layer in block.layers:
            kernel = layer.weight.shape[-1]
            rows, columns = (padding(side, kernel, layer.step)[:2] for side in x.shape[2:])
            x = F.conv2d(
                F.pad(x, (*columns, *rows)),
                torch.from_numpy(layer.weight),
                torch.from_numpy(layer.bias),
                stride=layer.step,
                groups=layer.groups,
            )
            x = x.clamp(0, 6) if layer.bounded else x
        x = x + entered if block.added else x
    return x.mean((2, 3))


def network(side: int) -> torch.nn.Module:
    return build_model(ModelSpec(NAME, "image", 3, (3, side, side), STEM)).eval()


@pytest.mark.parametrize("side", [32, 50, 64])
def test_it_computes_what_the_layers_say_at_any_size(side):
    blocks, model = made_up_blocks(), network(side)
    take_blocks(model, blocks)
    images = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    with torch.inference_mode():
        found = model.features(model.normalize(images))
    assert torch.allclose(found.double(), plain_features(blocks, images), rtol=1e-4, atol=1e-4)


def test_it_is_built_again_from_its_spec_but_not_asked_for_as_a_compact_model():
    model = network(32)
    again = build_model(ModelSpec.from_json(model.spec.to_json()))
    again.load_state_dict(model.state_dict())
    assert NAME not in FAMILIES
    with pytest.raises(Exception, match="efficientnet_lite0"):
        compact_model(NAME, num_classes=3, input_shape=(3, 32, 32))

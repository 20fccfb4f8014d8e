"""The first integer convolution on blocks of pixels gives the same numbers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional as F

from training.exporting import ExportedModel, export
from training.exporting.lowering import lower
from training.exporting.pixel_stem import BlockConv, BlockPixels, _over_blocks, to_blocks
from training.models import compact_model
from training.quantization import QuantizedModel, calibrate, prepare
from training.rows.samples import Samples

Check = Callable[[ExportedModel, QuantizedModel, Samples], None]


def quantized(size: int, *, stride: int = 2, width: int = 16) -> tuple[QuantizedModel, Samples]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (80, 3, size, size), generator=generator, dtype=torch.uint8)
    samples = Samples(inputs, None, np.arange(80).astype(str))
    model = compact_model(
        "resnet8", num_classes=3, input_shape=(3, size, size), width=width, stem_stride=stride
    )
    model(inputs)
    simulated = prepare(model.eval())
    calibrate(simulated, samples)
    return simulated.eval(), samples


def test_the_rearranged_filter_sums_the_same_pixels() -> None:
    generator = torch.Generator().manual_seed(1)
    picture = torch.randn((2, 3, 8, 6), generator=generator, dtype=torch.float64)
    weight = torch.randn((5, 3, 3, 3), generator=generator, dtype=torch.float64)
    blocks = to_blocks(picture)
    # The channels are those of SpaceToDepth in another order.
    split = picture.reshape(2, 3, 4, 2, 3, 2).permute(0, 5, 1, 3, 2, 4).reshape(2, 12, 4, 3)
    assert torch.equal(blocks, split)
    found = F.conv2d(F.pad(blocks, (1, 0, 1, 0)), _over_blocks(weight))
    torch.testing.assert_close(found, F.conv2d(picture, weight, stride=2, padding=1))


def test_the_file_agrees_with_the_simulation(
    tmp_path: Path, check_equal_but_for_ties: Check
) -> None:
    simulated, samples = quantized(16)
    file = export(simulated, tmp_path / "m", classes=["a", "b", "c"], threads=1)
    written = [node.op_type for node in onnx.load(file.path).graph.node]
    assert written[:5] == ["Reshape", "Transpose", "Reshape", "Transpose", "Reshape"]
    assert written.count("Transpose") == 2
    assert file.fused.floating == 0
    check_equal_but_for_ties(file, simulated, samples)


@pytest.mark.parametrize(
    ("size", "width", "expected"),
    [(16, 16, True), (15, 16, False), (16, 12, False), (16, 4, False)],
)
def test_only_stems_that_fit_are_rearranged(size: int, width: int, expected: bool) -> None:
    simulated, samples = quantized(size, width=width)
    kinds = {type(m) for m in lower(simulated, input_shape=samples.input_shape).modules()}
    assert (BlockConv in kinds, BlockPixels in kinds) == (expected, expected)
    whole, rows = quantized(16, stride=1)
    assert BlockConv not in {type(m) for m in lower(whole, input_shape=rows.input_shape).modules()}

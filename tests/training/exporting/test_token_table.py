"""Tables that are looked up as integers, and the pooling that follows, give the same numbers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from training.exporting import ExportedModel, export
from training.exporting.lowering import lower
from training.exporting.operators import OnnxEmbedding
from training.exporting.token_table import RoundedTable, lower_tables
from training.models import compact_model
from training.models.text import folded
from training.quantization import QuantizedModel, calibrate, prepare
from training.rows.samples import Samples

Check = Callable[[ExportedModel, QuantizedModel, Samples], None]

LENGTH = 12


def quantized(name: str, **options: int) -> tuple[QuantizedModel, Samples]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 60, (80, LENGTH), generator=generator)
    samples = Samples(ids, None, np.arange(80).astype(str))
    model = compact_model(name, num_classes=3, input_shape=(LENGTH,), width=8, vocabulary=40)
    model(ids)
    simulated = prepare(model.eval(), **options)
    calibrate(simulated, samples)
    return simulated.eval(), samples


def test_entries_are_those_that_two_roundings_leave() -> None:
    simulated, samples = quantized("text_cnn")
    graph = simulated.graph
    ((name, table),) = lower_tables(graph).items()
    assert isinstance(table, RoundedTable)
    ids = folded(samples.inputs, 40)
    quantizer = next(simulated.quantizers())
    expected = quantizer(graph.get_submodule(name)(ids))
    found = (table.table[ids].float() - table.zero_point.float()) * table.scale
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hashed_embedding", {}),  # vectors are added before they are rounded
        ("text_cnn", {"weight_bits": 4}),
        ("text_cnn", {"activation_bits": 4}),
    ],
)
def test_other_tables_stay(name: str, options: dict[str, int]) -> None:
    simulated, samples = quantized(name, **options)
    kinds = {type(m) for m in lower(simulated, input_shape=samples.input_shape).modules()}
    assert RoundedTable not in kinds
    assert OnnxEmbedding in kinds


def test_nothing_of_the_file_computes_in_float(
    tmp_path: Path, check_equal_but_for_ties: Check
) -> None:
    simulated, samples = quantized("text_cnn")
    file = export(simulated, tmp_path / "m", classes=["a", "b", "c"], threads=1)
    counts = file.fused.counts
    assert {"QuantizeLinear", "DequantizeLinear", "ReduceMax"}.isdisjoint(counts)
    assert any("MaxPool" in operator for operator in counts)
    check_equal_but_for_ties(file, simulated, samples)

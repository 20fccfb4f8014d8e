"""Integer weights that no kernel saturates on, whatever machine runs the file."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from thresher.app.budget import measure_budget, read_budget
from thresher.core.errors import GateError, InputError, ThresherWarning
from thresher.core.exported.portability import PORTABLE_TOP, weight_bound, weight_top
from training.exporting import export, load_exported
from training.exporting.audit import largest_weight
from training.models import FAMILIES, compact_model
from training.parity import check_parity
from training.quantization import calibrate, layer_sensitivity, prepare, quantize
from training.quantization.layers import QuantizedWeights
from training.rows.samples import Samples

SHAPES = {"image": (3, 16, 16), "text": (12,), "features": (9,)}
CLASSES = ["ant", "bee", "cat"]


def rows_of(name: str, n: int = 64) -> Samples:
    modality = FAMILIES[name].modality
    shape = (n, *SHAPES[modality])
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(shape, generator=generator)
    if modality == "image":
        inputs = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    elif modality == "text":
        inputs = torch.randint(0, 40, shape, generator=generator)
    return Samples(inputs, None, np.arange(n).astype(str))


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    options = {"vocabulary": 40} if FAMILIES[name].modality == "text" else {}
    shape = SHAPES[FAMILIES[name].modality]
    return compact_model(name, num_classes=3, input_shape=shape, width=16, **options).eval()


def calibrated(name: str, **options: Any) -> nn.Module:
    quantized = prepare(network(name), **options)
    calibrate(quantized, rows_of(name))
    return quantized.eval()


def integer_weights(model: nn.Module) -> Iterator[np.ndarray]:
    """Give the weights of each layer as lines of one output each, int64 (outputs, K)."""
    for layer in model.modules():
        if isinstance(layer, QuantizedWeights):
            # The input's scale moves only channels of near-zero weights.
            weight = layer.integer_weight(layer.scales(torch.tensor(1.0)))
            yield weight.flatten(1).detach().numpy().astype(np.int64)


def saturated_sums(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Add products by neighboring pairs in 16 bits, and the pairs in 32, as vpmaddubsw does."""
    products = np.pad(inputs * weights, ((0, 0), (0, weights.shape[1] % 2)))
    pairs = products[:, 0::2] + products[:, 1::2]
    return pairs.clip(-(2**15), 2**15 - 1).sum(1)


def worst_case(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair the largest weights of a sign with the largest inputs: no order of pairs is worse."""
    ordered = np.sort(weights, axis=1)[:, ::-1]
    return np.where(ordered > 0, 255, 0), ordered


def is_exact(model: nn.Module) -> bool:
    cases = [worst_case(weights) for weights in integer_weights(model)]
    return all(np.array_equal(saturated_sums(*case), (case[0] * case[1]).sum(1)) for case in cases)


def test_two_products_stay_within_16_bits() -> None:
    assert 255 * 2 * PORTABLE_TOP <= 2**15 - 1 < 255 * 2 * (PORTABLE_TOP + 1)
    assert [weight_top(bits) for bits in range(2, 9)] == [1, 3, 7, 15, 31, 63, 64]
    assert weight_top(8, "full") == 127


@pytest.mark.parametrize("name", FAMILIES)
def test_no_sum_saturates_within_the_portable_range(name: str) -> None:
    assert is_exact(calibrated(name))
    assert not is_exact(calibrated(name, weight_range="full"))


@pytest.mark.parametrize("weight_range", ["portable", "full"])
def test_four_bits_never_saturate(weight_range: str) -> None:
    assert is_exact(calibrated("resnet8", weight_bits=4, weight_range=weight_range))


def test_mixed_bits_lie_within_the_range() -> None:
    names = [layer.name for layer in calibrated("mlp").layers()]
    mixed = calibrated("mlp", layer_bits={names[0]: 4})
    assert [np.abs(weights).max() for weights in integer_weights(mixed)] == [7, 64, 64][
        : len(names)
    ]
    assert is_exact(mixed)


@pytest.mark.parametrize("qat_ranges", ["learned", "moving_average"])
def test_training_keeps_the_range(qat_ranges: str) -> None:
    rows = rows_of("mlp")
    trained = quantize(
        network("mlp"), rows, method="qat", qat_ranges=qat_ranges, epochs=1, lr=0.05, device="cpu"
    )
    assert trained.weight_range == "portable"
    assert max(np.abs(weights).max() for weights in integer_weights(trained)) <= PORTABLE_TOP


def test_embeddings_use_the_whole_range() -> None:
    model = calibrated("hashed_embedding")
    tables = [m for m in model.modules() if type(m).__name__ == "QuantizedEmbedding"]
    assert [int(table.integer_weight().abs().max()) for table in tables] == [127]


def test_sensitivity_is_of_the_range_asked_for() -> None:
    model, rows = network("mlp"), rows_of("mlp")
    portable, full = (
        layer_sensitivity(model, rows, weight_range=name) for name in ("portable", "full")
    )
    assert all(full[name] < portable[name] for name in full)
    with pytest.raises(InputError, match="portable"):
        layer_sensitivity(model, rows, weight_range="ful")


@pytest.mark.parametrize(("weight_range", "bound"), [("portable", 64), ("full", 127)])
def test_a_file_says_its_bound_and_holds_it(weight_range: str, bound: int, tmp_path: Path) -> None:
    model = calibrated("mlp", weight_range=weight_range)
    file = export(model, tmp_path / "int8", classes=CLASSES, threads=1)
    assert largest_weight(file.path) == bound
    assert file.quantization is not None
    assert file.quantization["weight_range"] == weight_range
    assert file.quantization["weight_bound"] == bound
    record = json.loads((tmp_path / "int8" / "export.json").read_text())
    assert record["quantization"] == file.quantization
    card = (tmp_path / "int8" / "README.md").read_text()
    assert f"lie within ±{bound}: " in card
    assert ("every processor" in card) == (bound == PORTABLE_TOP)


@pytest.mark.parametrize(("bits", "top"), [(8, 127), (4, 7)])
def test_a_table_in_a_file_is_no_weight(bits: int, top: int, tmp_path: Path) -> None:
    model = calibrated("hashed_embedding", layer_bits={"features.0.table": bits})
    file = export(model, tmp_path / "mixed", classes=CLASSES, threads=1)
    tables = [
        onnx.numpy_helper.to_array(constant).astype(np.int32)
        for constant in onnx.load(file.path).graph.initializer
        if tuple(constant.dims) == (40, 16)
    ]
    assert [np.abs(table).max() for table in tables] == [top]
    assert largest_weight(file.path) == PORTABLE_TOP


def test_a_widened_layer_is_refused(tmp_path: Path) -> None:
    model = calibrated("mlp")
    next(iter(model.weighted())).top = 127
    with pytest.raises(InputError, match="integer weight of 127, beyond the bound of 64"):
        export(model, tmp_path / "int8", classes=CLASSES)
    assert not (tmp_path / "int8").exists()


@pytest.fixture
def saturating(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thresher.core.exported.portability.saturates_int8", lambda: True)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thresher.core.exported.portability.saturates_int8", lambda: False)


@pytest.fixture
def full_file(exact: None, tmp_path: Path) -> Path:
    export(calibrated("mlp", weight_range="full"), tmp_path / "full", classes=CLASSES)
    return tmp_path / "full"


def test_a_wide_file_loads_quietly_where_it_is_exact(full_file: Path) -> None:
    load_exported(full_file)


def test_a_wide_file_warns_where_kernels_saturate(full_file: Path, saturating: None) -> None:
    with pytest.warns(ThresherWarning, match="weights up to ±127.*add in 16 bits"):
        load_exported(full_file)


def test_a_portable_file_loads_quietly_anywhere(tmp_path: Path, saturating: None) -> None:
    export(calibrated("mlp"), tmp_path / "int8", classes=CLASSES)
    load_exported(tmp_path / "int8")


def test_files_of_old_versions_are_taken_for_wide(full_file: Path, saturating: None) -> None:
    proto = onnx.load(full_file / "model.onnx")
    described = {entry.key: json.loads(entry.value) for entry in proto.metadata_props}
    del described["quantization"]["weight_range"], described["quantization"]["weight_bound"]
    assert weight_bound(described["quantization"]) == 127
    onnx.helper.set_model_props(proto, {key: json.dumps(described[key]) for key in described})
    onnx.save(proto, full_file / "model.onnx")
    with pytest.warns(ThresherWarning, match="±127"):
        load_exported(full_file)
    # Four bits were safe then too.
    assert weight_bound({"layer_bits": {"a": 4, "b": 32}}) == 7
    assert weight_bound(None) == 0


def test_the_gate_refuses_what_is_not_exact_here(full_file: Path, saturating: None) -> None:
    budget = full_file.parent / "budget.toml"
    budget.write_text('model = "full"\n[limits]\nmax_bytes = 1e9\n')
    with pytest.raises(GateError, match="add in 16 bits"):
        measure_budget(read_budget(budget))


def test_parity_names_the_machine(tmp_path: Path) -> None:
    model = calibrated("mlp")
    file = export(model, tmp_path / "int8", classes=CLASSES, threads=1)
    parity = check_parity(file, model, rows_of("mlp"))
    assert parity.machine
    assert all(isinstance(name, str) for name in parity.machine)


def zero_points(path: Path) -> list[str]:
    graph = onnx.load(path).graph
    eight_bits = {c.name for c in graph.initializer if c.data_type == onnx.TensorProto.INT8}
    rounded = (node for node in graph.node if node.op_type == "DequantizeLinear")
    return [node.input[2] for node in rounded if node.input[0] in eight_bits]


UNSIGNED = """
import sys, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
options.add_session_config_entry("session.x64quantprecision", "1")
for path in sys.argv[1:]:
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
print("opened", len(sys.argv) - 1)
"""


def test_files_open_where_the_runtime_makes_weights_unsigned(
    tmp_path: Path, run_on_haswell: Callable[..., str]
) -> None:
    # Two of the layers have equal zero points.
    model = nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 16), nn.Linear(16, 3)).eval()
    rows = rows_of("mlp")
    paths = []
    for weight_range in ("portable", "full"):
        quantized = prepare(model, weight_range=weight_range)
        calibrate(quantized, rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ThresherWarning)
            file = export(
                quantized.eval(), tmp_path / weight_range, classes=CLASSES, example=rows.inputs
            )
        paths.append(file.path)
    shared, alone = (zero_points(path) for path in paths)
    assert len(set(shared)) < len(shared)
    assert len(set(alone)) == len(alone) == len(shared)
    assert run_on_haswell("-c", UNSIGNED, *paths).strip() == "opened 2"

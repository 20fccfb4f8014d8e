"""Exported files against the torch model, in ONNX Runtime."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from thresher.core.errors import GateError, InputError
from training import TrainingRun, fit, quantize
from training.exporting import ExportedModel, export, load_exported
from training.exporting.packing import pack_int4
from training.models import FAMILIES, compact_model
from training.parity import check_parity
from training.quantization import calibrate, prepare
from training.rows.samples import Samples

SHAPES = {"image": (3, 16, 16), "text": (12,), "features": (9,)}
CLASSES = ["ant", "bee", "cat"]


def rows(modality: str, n: int = 300) -> Samples:
    generator = torch.Generator().manual_seed(0)
    shape = (n, *SHAPES[modality])
    if modality == "image":
        inputs = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    elif modality == "text":
        inputs = torch.randint(0, 40, shape, generator=generator)
    else:
        inputs = torch.randn(shape, generator=generator)
    return Samples(inputs, None, np.array([f"r{i}" for i in range(n)]))


def model_of(name: str, **options: int) -> nn.Module:
    modality = FAMILIES[name].modality
    if modality == "text":
        options["vocabulary"] = 40
    model = compact_model(name, num_classes=3, input_shape=SHAPES[modality], **options)
    for _ in range(3):
        model(rows(modality).inputs)
    return model.eval()


def quantized_of(model: nn.Module, samples: Samples, **options: int) -> nn.Module:
    quantized = prepare(model, **options)
    calibrate(quantized, samples)
    return quantized.eval()


QUICK = {"resnet8", "mlp"}  # each export takes two to four seconds of PyTorch's time
NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]


@pytest.mark.parametrize("name", NAMES)
def test_exported_equals_simulated(name: str, tmp_path: Path) -> None:
    samples = rows(FAMILIES[name].modality)
    model = model_of(name, width=16)
    exact = export(model, tmp_path / "float", classes=CLASSES, threads=1)
    parity = check_parity(exact, model, samples)
    assert parity.agreement == 1
    assert parity.max_abs_diff < 1e-4
    assert exact.fused.integer == 0
    quantized = quantized_of(model, samples)
    integer = export(quantized, tmp_path / "int8", classes=CLASSES, threads=1)
    assert check_parity(integer, quantized, samples).agreement >= 0.99
    # Products of two activations, as in attention, have no weights and stay in float.
    attention = [
        layer for layer in integer.fused.float_layers if "scores" in layer or "blend" in layer
    ]
    assert len(attention) == (4 if name == "text_transformer" else 0)
    assert integer.fused.floating == len(attention), integer.fused.float_layers
    assert integer.fused.integer == sum(
        type(m).__name__ in ("QuantizedConv", "QuantizedLinear") for m in quantized.modules()
    )
    if name == "resnet8":
        assert integer.size_bytes <= 0.3 * exact.size_bytes
        assert exact.size_bytes < 4.1 * sum(p.numel() for p in model.parameters())


@pytest.fixture(scope="module")
def mlp(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    """An exported float model; its folder held something else before."""
    folder = tmp_path_factory.mktemp("exported") / "m"
    folder.mkdir()
    (folder / "stale").write_text("x")
    return export(
        model_of("mlp"),
        folder,
        classes=CLASSES,
        preprocessing={"columns": ["a", "b"]},
        metrics={"test accuracy": 0.875},
        threads=1,
    )


def test_folder_describes_itself(mlp: ExportedModel) -> None:
    folder = mlp.path.parent
    assert sorted(p.name for p in folder.iterdir()) == ["README.md", "export.json", "model.onnx"]
    loaded = load_exported(mlp.path, threads=1)
    assert loaded.classes == CLASSES
    assert loaded.preprocessing == {"columns": ["a", "b"]}
    assert loaded.input_spec.dtype == "float32"
    assert loaded.input_spec.shape == (9,)
    assert loaded.size_bytes == mlp.path.stat().st_size
    np.testing.assert_array_equal(
        mlp.predict(rows("features").inputs), loaded.predict(rows("features").inputs.numpy())
    )
    record = json.loads((folder / "export.json").read_text())
    assert record["fused"]["floating"] == 3
    card = (folder / "README.md").read_text()
    assert "ant, bee, cat" in card
    assert "0.875" in card


def test_batches_of_any_size_give_the_same(mlp: ExportedModel) -> None:
    inputs = rows("features", 7).inputs.numpy()
    whole = mlp.predict(inputs)
    np.testing.assert_allclose(mlp.predict(inputs, batch_size=2), whole, atol=1e-6)
    assert mlp.predict(inputs[:0]).shape == (0, 3)
    assert mlp.predict_classes(inputs).tolist() == [CLASSES[i] for i in whole.argmax(1)]


def test_activations_of_four_bits_saturate_in_the_file_too(tmp_path: Path) -> None:
    model, samples = model_of("mlp", width=8), rows("features")
    quantized = quantized_of(model, samples, activation_bits=4, weight_bits=4)
    exported = export(quantized, tmp_path / "q", classes=CLASSES)
    assert check_parity(exported, quantized, samples).agreement >= 0.99


@pytest.mark.parametrize("sensitive_bits", [4, 8])
def test_four_bits_are_stored_in_half_a_byte_and_run_on_integer_kernels(
    tmp_path: Path, sensitive_bits: int
) -> None:
    model, samples = model_of("mlp", width=64), rows("features")
    quantized = quantized_of(model, samples, weight_bits=4, sensitive_bits=sensitive_bits)
    exported = export(quantized, tmp_path / "q", classes=CLASSES)
    assert check_parity(exported, quantized, samples).agreement >= 0.99
    assert exported.fused.integer == 3
    assert exported.fused.floating == 0
    ends, between = 9 * 64 + 64 * 3, 64 * 64
    stored = sum(t.ByteSize() for t in onnx.load(exported.path).graph.initializer)
    assert stored < sensitive_bits / 8 * ends + 0.5 * between + 14 * (64 + 64 + 3) + 700


def test_odd_numbers_of_four_bit_weights_survive_packing() -> None:
    values = np.arange(-7, 8, dtype=np.int8).repeat(5).reshape(3, 25)
    node = onnx.helper.make_node("Identity", ["w"], ["y"])
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.INT8, values.shape)
    graph = onnx.helper.make_graph(
        [node], "g", [], [output], [onnx.numpy_helper.from_array(values, "w")]
    )
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)])
    assert pack_int4(proto) == 1
    unpacked = onnx.numpy_helper.to_array(proto.graph.initializer[0]).astype(np.int8)
    np.testing.assert_array_equal(unpacked, values)


def test_wrong_inputs_are_named(mlp: ExportedModel) -> None:
    with pytest.raises(InputError, match=r"\(n, 9\)"):
        mlp.predict(np.zeros((2, 8), dtype=np.float32))
    with pytest.raises(InputError, match="float32"):
        mlp.predict(np.zeros((2, 9)))


def test_wrong_exports_are_named(tmp_path: Path) -> None:
    model = model_of("mlp")
    with pytest.raises(InputError, match="2 names"):
        export(model, tmp_path / "m", classes=["a", "b"])
    with pytest.raises(InputError, match="example"):
        export(nn.Linear(3, 2), tmp_path / "m", classes=["a", "b"])
    assert not (tmp_path / "m").exists()


def test_any_module_with_an_example(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    exported = export(
        nn.Linear(3, 2), tmp_path / "m", classes=["a", "b"], example=torch.zeros(1, 3)
    )
    assert exported.predict(np.ones((5, 3), dtype=np.float32)).shape == (5, 2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("resnet8", torch.rand(64, 3, 16, 16)),
        ("mlp", torch.rand(64, 9, dtype=torch.float64)),
        ("hashed_embedding", torch.randint(0, 40, (64, 12), dtype=torch.int32)),
    ],
)
def test_a_file_takes_rows_such_as_the_model_was_trained_on(
    name: str, inputs: Tensor, tmp_path: Path
) -> None:
    samples = Samples(inputs, torch.arange(64) % 3, np.arange(64).astype(str))
    model = compact_model(name, num_classes=3, input_shape=tuple(inputs.shape[1:]), width=8)
    fit(model, samples, epochs=1, batch_size=16).save(tmp_path / "run")
    again = TrainingRun.load(tmp_path / "run").model
    quantized = quantize(again, samples, method="ptq", validation=samples)
    for at, made in enumerate((again, quantized)):
        file = export(made, tmp_path / str(at), classes=CLASSES)
        assert file.input_spec.dtype == str(inputs.dtype).removeprefix("torch.")
        assert check_parity(file, made, samples).agreement == 1
    assert "dtype" not in model_of(name).spec.to_json()


def test_a_model_trained_on_bytes_again_takes_bytes() -> None:
    model = compact_model("resnet8", num_classes=3, input_shape=(3, 16, 16), width=4)
    for inputs, dtype in (
        (torch.rand(9, 3, 16, 16), "float32"),
        (rows("image", 9).inputs, "uint8"),
    ):
        samples = Samples(inputs, torch.arange(9) % 3, np.arange(9).astype(str))
        fit(model, samples, epochs=1)
        assert model.spec.input_dtype == dtype


def test_several_products_of_one_module_have_names_of_their_own(tmp_path: Path) -> None:
    class Squares(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x @ x.mT @ x @ x.mT

    model = nn.Sequential(Squares(), nn.Flatten(), nn.Linear(4, 2))
    found = export(model, tmp_path / "m", classes=["a", "b"], example=torch.zeros(1, 2, 3))
    names = [node.name for node in onnx.load(found.path).graph.node if node.name]
    assert names == ["0", "0/matmul_1", "0/matmul_2", "2"]


def test_an_unknown_operator_is_named_with_its_layer(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.special.bessel_j0(x)

    model = nn.Sequential(nn.Linear(3, 2), Odd())
    with pytest.raises(InputError, match=r"bessel_j0.*1 \(Odd\)|1 \(Odd\).*bessel_j0"):
        export(model, tmp_path / "m", classes=["a", "b"], example=torch.zeros(1, 3))


def test_damaged_and_foreign_files_are_named(mlp: ExportedModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model file"):
        load_exported(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"not onnx")
    with pytest.raises(InputError, match="cannot load"):
        load_exported(tmp_path)
    proto = onnx.load(mlp.path)
    del proto.metadata_props[:]
    onnx.save(proto, tmp_path / "foreign.onnx")
    with pytest.raises(InputError, match="no description"):
        load_exported(tmp_path / "foreign.onnx")


def test_parity_names_the_rows_that_differ(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    exported = export(model, tmp_path / "m", classes=["a", "b"], example=torch.zeros(1, 2))
    samples = Samples(torch.eye(2), None, np.array(["x", "y"]))
    logits = exported.predict(samples.inputs)
    shifted = nn.Linear(2, 2)
    shifted.load_state_dict(model.state_dict())
    gap = logits[0] - logits[0].mean()
    with torch.no_grad():  # turns the answer on row x around and leaves row y
        shifted.weight[:, 0] -= torch.from_numpy(3 * gap) + 0 * shifted.weight[:, 0]
    parity = check_parity(exported, shifted, samples)
    assert parity.differing.tolist() == ["x"]
    assert parity.agreement == 0.5
    with pytest.raises(GateError, match="x"):
        parity.require(0.99)
    assert parity.require(0.5) is parity
    with pytest.raises(InputError, match="empty"):
        check_parity(exported, model, samples.take(np.array([], dtype=np.int64)))

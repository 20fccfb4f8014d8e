"""One contract for the formats beside ONNX: what is opened computes what was written."""

import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError, MissingExtraError
from training import check_parity, compact_model, evaluate, export, load_exported, quantize
from training.rows.samples import samples_from_arrays

RNG = np.random.default_rng(0)
NAMES = ["a", "b", "c"]
MODELS = {
    "resnet8": ((3, 16, 16), RNG.integers(0, 256, (70, 16, 16, 3), dtype=np.uint8)),
    "hashed_embedding": ((12,), RNG.integers(0, 5000, (70, 12))),
    "text_transformer": ((12,), RNG.integers(0, 5000, (70, 12))),
    "mlp": ((5,), RNG.normal(size=(70, 5)).astype(np.float32)),
}


def made(name):
    shape, values = MODELS[name]
    rows = samples_from_arrays(values, row_ids=np.arange(70).astype(str), targets=np.arange(70) % 3)
    return compact_model(name, num_classes=3, input_shape=shape, width=8).eval(), rows


@pytest.fixture(params=["torch_export", "executorch"])
def format_name(request):
    if request.param == "executorch":
        pytest.importorskip("executorch.exir", reason="needs thresher[executorch]")
    return request.param


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_a_file_computes_what_the_model_does(name, format_name, tmp_path):
    model, rows = made(name)
    how = {"kind": "any"}
    found = export(model, tmp_path / "m", classes=NAMES, preprocessing=how, format=format_name)
    parity = check_parity(found, model, rows)
    assert parity.agreement == 1
    assert parity.max_abs_diff < 1e-4
    again = load_exported(tmp_path / "m")
    assert (again.classes, again.preprocessing) == (NAMES, how)
    assert again.input_spec.shape == rows.input_shape
    assert again.metadata["costs"]["flops"] > 0
    assert again.size_bytes == again.path.stat().st_size
    one = rows.inputs[:1].numpy()
    np.testing.assert_allclose(again.predict(one), found.predict(rows.inputs)[:1], atol=1e-4)
    assert again.predict(rows.inputs[:0]).shape == (0, 3)
    assert set(again.predict_classes(rows.inputs)) <= set(NAMES)
    assert evaluate(again, rows).pred_probs.shape == (70, 3)
    assert "Classes: a, b, c" in (tmp_path / "m" / "README.md").read_text()
    with pytest.raises(InputError, match="must have shape"):
        again.predict(np.zeros((2, 99), dtype=one.dtype))


def test_the_description_is_inside_the_file(tmp_path):
    model, rows = made("mlp")
    export(model, tmp_path / "m", classes=NAMES, format="torch_export")
    moved = (tmp_path / "m" / "model.pt2").rename(tmp_path / "alone.pt2")
    assert check_parity(load_exported(moved), model, rows).agreement == 1


@pytest.mark.parametrize("format_name", ["torch_export", "executorch"])
def test_a_quantized_model_is_for_onnx(format_name, tmp_path):
    model, rows = made("mlp")
    small = quantize(model, rows, method="ptq")
    with pytest.raises(InputError, match="A quantized model is written as ONNX"):
        export(small, tmp_path / "m", classes=NAMES, format=format_name)


class Looking(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, inputs):
        if inputs.sum() > 3:
            return self.layer(inputs)
        return self.layer(-inputs)


def test_what_cannot_be_followed_is_named(tmp_path):
    with pytest.raises(InputError, match=r"torch\.export cannot follow Looking.*tensor op"):
        export(
            Looking(),
            tmp_path / "m",
            classes=NAMES,
            example=torch.ones(2, 5),
            format="torch_export",
        )
    assert not (tmp_path / "m").exists()


def test_bad_options_and_files_are_told(tmp_path):
    model, _ = made("mlp")
    with pytest.raises(InputError, match="`format` must be one of 'onnx', 'torch_export'"):
        export(model, tmp_path / "m", classes=NAMES, format="torchscript")
    with pytest.raises(InputError, match="option of ONNX Runtime"):
        export(model, tmp_path / "m", classes=NAMES, format="torch_export", threads=1)
    with pytest.raises(InputError, match="2 names"):
        export(model, tmp_path / "m", classes=NAMES[:2], format="torch_export")
    (tmp_path / "broken.pt2").write_bytes(b"no")
    with pytest.raises(InputError, match="cannot load"):
        load_exported(tmp_path / "broken.pt2")
    with pytest.raises(InputError, match="There is no model file"):
        load_exported(tmp_path / "absent.pte")
    program = torch.export.export(model, (torch.zeros(2, 5),))
    torch.export.save(program, tmp_path / "foreign.pt2")
    with pytest.raises(InputError, match="no description by Thresher"):
        load_exported(tmp_path / "foreign.pt2")


def test_executorch_without_the_extra_names_its_install_line(tmp_path, monkeypatch):
    model, _ = made("mlp")
    for name in ("executorch", "executorch.exir", "executorch.runtime"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'thresher\[executorch\]'"):
        export(model, tmp_path / "m", classes=NAMES, format="executorch")
    (tmp_path / "model.pte").write_bytes(b"")
    (tmp_path / "export.json").write_text(json.dumps({}))
    with pytest.raises(MissingExtraError, match="executorch"):
        load_exported(tmp_path / "model.pte")

"""Small stand-ins for the libraries: what is asked of them, and what users are told."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError, MissingExtraError
from training import TrainingRun, distill, evaluate, fit, pretrained_model
from training.evaluation import predict_logits

IMAGES = np.random.default_rng(0).integers(0, 120, (30, 8, 8, 3), dtype=np.uint8)
IMAGES[::2] += 100
LABELS = np.arange(30) % 2
IDS = np.arange(30).astype(str)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.filters = nn.Conv2d(3, 6, 3, bias=False)
        self.norm = nn.BatchNorm2d(6)

    def forward(self, pixels):
        return self.norm(self.filters(pixels)).relu().mean((2, 3))


@pytest.fixture
def timm(monkeypatch):
    seen = SimpleNamespace(names=[], network=None, shift=0.0)

    def create_model(name, *, pretrained, num_classes):
        if name == "no-such-model":
            raise RuntimeError("Unknown model (no-such-model)")
        assert pretrained
        assert num_classes == 0
        seen.names.append(name)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            seen.network = Network()
        seen.network.filters.weight.data += seen.shift
        return seen.network

    config = {"input_size": (3, 4, 4), "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    module = ModuleType("timm")
    module.create_model = create_model
    module.data = SimpleNamespace(resolve_model_data_config=lambda _: config)
    monkeypatch.setitem(sys.modules, "timm", module)
    return seen


def samples(model, targets=LABELS):
    return model.samples(IMAGES, row_ids=IDS, targets=targets)


def test_pictures_are_resized_and_normalized_inside(timm):
    model = pretrained_model("timm:resnet18", num_classes=2).eval()
    rows = samples(model)
    resized = nn.functional.interpolate(
        rows.inputs.float(), size=(4, 4), mode="bilinear", antialias=True
    )
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)))
    with torch.no_grad():
        by_hand = timm.network((resized / 255 - mean) / std)
        torch.testing.assert_close(model.body(rows.inputs), by_hand)
    assert model.spec.input_shape == (3, 4, 4)
    assert model.preprocessing["size"] == 4


@pytest.mark.parametrize("mode", ["frozen", "fine_tune"])
def test_training_from_a_folder_and_back(timm, mode, tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    model = pretrained_model(f"timm:{folder}", num_classes=2, mode=mode)
    statistics = model.body.network.norm.running_mean.clone()
    rows = samples(model)
    run = fit(model, rows, epochs=10, batch_size=10, optimizer="adamw", lr=0.05, ema=0.5)
    assert evaluate(model, rows).accuracy > 0.9
    assert torch.equal(statistics, model.body.network.norm.running_mean) == (mode == "frozen")
    run.save(tmp_path / "run")
    again = TrainingRun.load(tmp_path / "run").model
    assert timm.names[-1] == f"local-dir:{folder}"
    np.testing.assert_allclose(predict_logits(again, rows), predict_logits(model, rows), atol=1e-6)
    timm.shift = 0.1
    if mode == "frozen":
        with pytest.raises(InputError, match="other weights than those"):
            TrainingRun.load(tmp_path / "run")
    else:
        TrainingRun.load(tmp_path / "run")


def test_it_teaches_a_student_that_reads_the_same_pictures(timm):
    from training import compact_model

    teacher = pretrained_model("timm:resnet18", num_classes=2)
    rows = samples(teacher)
    fit(teacher, rows, epochs=10, batch_size=10, optimizer="adamw", lr=0.05)
    student = compact_model("resnet8", num_classes=2, input_shape=(3, 8, 8), width=4)
    distill(student, teacher, rows.without_targets(), epochs=12, batch_size=10, lr=0.1)
    agrees = predict_logits(student, rows).argmax(1) == predict_logits(teacher, rows).argmax(1)
    assert agrees.mean() > 0.9


def test_augmented_pictures_go_through_the_frozen_body_each_time(timm):
    model = pretrained_model("timm:resnet18", num_classes=2)

    def darker(inputs, keys, epoch):
        return (inputs.float() * 0.9).to(torch.uint8)

    run = fit(model, samples(model), epochs=2, augment=darker)
    assert run.choices["vectors"].value == "computed vectors"


def test_unknown_models_say_how_to_get_the_files(timm, tmp_path):
    with pytest.raises(InputError, match=r"hf download timm/no-such-model") as told:
        pretrained_model("timm:no-such-model", num_classes=2)
    assert "'timm:./no-such-model', which needs no network" in str(told.value)
    assert "compact_model" in str(told.value)
    with pytest.raises(InputError, match="There is no folder"):
        pretrained_model(f"timm:{tmp_path}/missing", num_classes=2)
    with pytest.raises(InputError, match=r"named timm:NAME.*Did you mean 'timm'"):
        pretrained_model("tim:resnet18", num_classes=2)


def test_options_are_checked(timm):
    with pytest.raises(InputError, match="`mode` must be one of"):
        pretrained_model("timm:resnet18", num_classes=2, mode="freeze")
    with pytest.raises(InputError, match="`num_classes` must be at least 2"):
        pretrained_model("timm:resnet18", num_classes=1)
    with pytest.raises(InputError, match="`rank` is of the adapters"):
        pretrained_model("timm:resnet18", num_classes=2, rank=4)
    with pytest.raises(InputError, match="takes image, not text"):
        pretrained_model("timm:resnet18", num_classes=2, modality="text")
    with pytest.raises(InputError, match="all of one size"):
        pretrained_model("timm:resnet18", num_classes=2).samples([[1, 2]], row_ids=IDS[:1])


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [
        ("timm:x", "timm", "timm"),
        ("transformers:x", "transformers", "hf"),
        ("sentence-transformers:x", "sentence_transformers", "st"),
    ],
)
def test_a_missing_library_names_its_install_line(monkeypatch, name, library, extra):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'thresher\[{extra}\]'"):
        pretrained_model(name, num_classes=2)


def test_adapters_without_peft_name_their_install_line(timm, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'thresher\[lora\]'"):
        pretrained_model("timm:resnet18", num_classes=2, mode="lora")


def test_adapters_go_into_dense_convolutions_where_nothing_is_linear(timm):
    pytest.importorskip("peft", reason="needs thresher[lora]")
    model = pretrained_model("timm:resnet18", num_classes=2, mode="lora", rank=2)
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert all("lora_" in name or name.startswith("head") for name in trained)
    assert model.train().body.network.norm.training is False
    fit(model, samples(model), epochs=10, batch_size=10, optimizer="adamw", lr=0.05)
    assert evaluate(model, samples(model)).accuracy > 0.9

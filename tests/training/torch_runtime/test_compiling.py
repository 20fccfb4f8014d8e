import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError
from training import compact_model, distill, fit
from training.rows.samples import samples_from_arrays
from training.torch_runtime import compiling
from training.torch_runtime.compiling import choose_compiled


def rows(n=60):
    rng = np.random.default_rng(0)
    return samples_from_arrays(
        rng.normal(size=(n, 5)), row_ids=np.arange(n).astype(str), targets=np.arange(n) % 3
    )


def net(seed=0, **options):
    shape = {"num_classes": 3, "input_shape": (5,), "width": 8}
    return compact_model("mlp", random_state=seed, **shape, **options)


def test_long_runs_on_gpus_are_compiled():
    short = choose_compiled(net(), rows(), epochs=2, device="cuda")
    assert short.value == "off"
    assert "30 s to compile" in short.reason
    assert choose_compiled(net(), rows(), epochs=10**12, device="cuda").value == "on"
    assert choose_compiled(net(), rows(), epochs=10**12, device="cpu").value == "off"
    assert choose_compiled(net(), rows(), "on", epochs=1, device="cpu").reason == "asked for"
    with pytest.raises(InputError, match="`compiled` must be one of"):
        choose_compiled(net(), rows(), "yes", epochs=1, device="cpu")


def test_watched_layers_are_not_compiled():
    model = net()
    model.features.register_forward_hook(lambda *_: None)
    choice = choose_compiled(model, rows(), epochs=10**12, device="cuda")
    assert choice.value == "off"
    assert "watches" in choice.reason


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_run_learns_the_same(monkeypatch):
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    options = {"epochs": 3, "batch_size": 16, "ema": 0.5, "precision": "fp32"}
    plain = fit(net(), rows(), compiled="off", **options)
    found = fit(net(), rows(), compiled="on", **options)
    torch.testing.assert_close(found.model.state_dict(), plain.model.state_dict())
    assert found.history[-1]["accuracy"] == plain.history[-1]["accuracy"]
    assert found.choices["compiled"].value == "on"
    assert type(found.model) is type(plain.model)


def test_training_goes_on_where_the_compiler_fails(monkeypatch):
    def broken(graph, example_inputs):
        raise RuntimeError("no C++ compiler found")

    monkeypatch.setattr(compiling, "BACKEND", broken)
    torch._dynamo.reset()
    found = fit(net(), rows(), epochs=2, compiled="on")
    assert found.choices["compiled"].value == "off"
    assert "no C++ compiler found" in found.choices["compiled"].reason
    assert len(found.history) == 2
    assert "accuracy" in found.history[-1]


def test_errors_of_the_model_are_not_taken_for_the_compilers():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 3)

        def forward(self, inputs):
            if len(inputs) > 1:
                raise ValueError("mine")
            return self.layer(inputs)

    with pytest.raises(ValueError, match="mine"):
        fit(Broken(), rows(), epochs=1, compiled="off")


def test_distillation_says_what_was_chosen():
    found = distill(net(1), net(2), rows(), epochs=1)
    assert found.choices["compiled"].value == "off"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_real_compiler_agrees_within_rounding():
    options = {"epochs": 2, "batch_size": 20, "precision": "fp32"}
    plain = fit(net(dropout=0.0), rows(), compiled="off", **options)  # compiled dropout draws anew
    torch._dynamo.reset()
    found = fit(net(dropout=0.0), rows(), compiled="on", **options)
    assert found.choices["compiled"].value == "on"
    torch.testing.assert_close(
        found.model.state_dict(), plain.model.state_dict(), atol=1e-5, rtol=1e-4
    )

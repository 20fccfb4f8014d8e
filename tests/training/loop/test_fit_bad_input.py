"""Bad input of the trainer that its other tests do not cover: what is done, and what is told."""

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError, ThresherError
from thresher.core.progress import Silent, reporting
from thresher.core.tokens import HashTokenizer
from training import compact_model, fit
from training.rows.samples import samples_from_arrays


class Listen(Silent):
    def __init__(self):
        self.told = []

    def message(self, text):
        self.told.append(text)


def table(n=12):
    rng = np.random.default_rng(0)
    return samples_from_arrays(
        rng.normal(size=(n, 5)), row_ids=np.arange(n).astype(str), targets=np.arange(n) % 3
    )


def mlp():
    return compact_model("mlp", num_classes=3, input_shape=(5,), width=8)


IDS = np.array(["first", "second", "third"])


@pytest.mark.parametrize("shape", [(8, 9, 3), (8, 8), (8, 8, 4)], ids=["size", "gray", "alpha"])
@pytest.mark.parametrize("holder", [list, lambda rows: np.array([*rows, None], dtype=object)[:-1]])
def test_pictures_of_several_sizes_or_modes_are_named(shape, holder):
    pictures = [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)]
    assert len(samples_from_arrays(holder(pictures), row_ids=IDS[:2])) == 2
    odd = holder([*pictures, np.zeros(shape, np.uint8)])
    with pytest.raises(InputError, match=r"row first has \(8, 8, 3\) and row third .*read_images"):
        samples_from_arrays(odd, row_ids=IDS)


def test_gray_pictures_for_a_color_model_are_told():
    gray = samples_from_arrays(
        np.zeros((4, 8, 8, 1), np.uint8), row_ids=np.arange(4).astype(str), targets=np.arange(4) % 2
    )
    model = compact_model("resnet8", num_classes=2, input_shape=(3, 8, 8), width=4)
    with pytest.raises(InputError, match=r"rows of shape \(3, 8, 8\).*\(1, 8, 8\)"):
        fit(model, gray, epochs=1)


def test_empty_texts_are_trained_on_and_named():
    texts = ["good film", "", "bad film", " ?! "]
    ids = HashTokenizer(max_tokens=20).encode(texts)
    rows = samples_from_arrays(ids, row_ids=np.array(list("abcd")), targets=np.array([0, 1, 1, 0]))
    model = compact_model("hashed_embedding", num_classes=2, input_shape=(20,), width=4)
    listener = Listen()
    with reporting(listener):
        run = fit(model, rows, epochs=1)
    assert "2 of 4 texts have no word" in listener.told[0]
    assert listener.told[0].endswith("First: b, d")
    assert np.isfinite(run.metrics["loss"])


def test_a_batch_larger_than_the_set_is_the_set():
    run = fit(mlp(), table(), epochs=1, batch_size=500)
    assert run.choices["batch_size"].value == "12"
    assert "no more rows" in run.choices["batch_size"].reason
    assert run.history[-1]["step"] == 1


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 4, "accumulate": 3}])
def test_batch_norm_with_parts_of_one_row_is_refused(options):
    with pytest.raises(InputError, match="Batch norm needs at least two rows at once"):
        fit(mlp(), table(), epochs=1, **options)
    fit(nn.Linear(5, 3), table(), epochs=1, **options)


def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    fit(mlp(), table(), epochs=1, checkpoint_dir=tmp_path)
    monkeypatch.setattr("training.loop.checkpoint.FORMAT", 99)
    with pytest.raises(InputError, match=r"format: \d there, 99 now.*another `checkpoint_dir`"):
        fit(mlp(), table(), epochs=1, checkpoint_dir=tmp_path)


def test_without_any_whole_checkpoint_training_begins_again(tmp_path):
    first = fit(mlp(), table(), epochs=3, checkpoint_dir=tmp_path)
    files = sorted(tmp_path.glob("step-*.pt"))
    for path in files:
        path.write_bytes(path.read_bytes()[:100])
    listener = Listen()
    with reporting(listener):
        again = fit(mlp(), table(), epochs=3, checkpoint_dir=tmp_path)
    assert files[1].name in listener.told[0]
    assert "the one before it is used" in listener.told[0]
    assert files[0].name in listener.told[1]
    assert "begins again" in listener.told[1]
    assert torch.equal(first.model.head.weight, again.model.head.weight)


def test_a_gpu_without_room_for_one_row_says_what_to_do():
    def loss(_model, _batch):
        raise torch.OutOfMemoryError("too large")

    with pytest.raises(ThresherError, match=r"no room for a single row.*smaller model"):
        fit(nn.Linear(5, 3), table(), epochs=1, loss=loss)

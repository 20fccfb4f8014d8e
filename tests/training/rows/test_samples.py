import numpy as np
import pytest
import torch

from thresher.core.errors import InputError
from training.rows.samples import Samples, samples_from_arrays

IDS = np.array(["a", "b", "c"])


def test_images_become_channels_first_without_a_copy():
    images = np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3)
    samples = samples_from_arrays(images, row_ids=IDS)
    assert samples.modality == "image"
    assert samples.input_shape == (3, 8, 8)
    assert np.shares_memory(samples.inputs.numpy(), images)
    assert np.array_equal(samples.inputs[1, 2].numpy(), images[1, :, :, 2])


def test_rows_that_cannot_be_written_to_are_copied_without_a_warning():
    for kind in (np.float32, np.int64):
        rows = np.ones((3, 2), kind)
        rows.flags.writeable = False
        samples = samples_from_arrays(rows, row_ids=IDS)
        assert not np.shares_memory(samples.inputs.numpy(), rows)
        assert samples.inputs.tolist() == rows.tolist()


def test_take_keeps_every_part_in_step():
    samples = samples_from_arrays(
        np.eye(3), row_ids=IDS, targets=np.array([0, 1, -1]), weights=np.array([1, 2, 3])
    )
    taken = samples.take(np.array([2, 0, 2]))
    assert taken.row_ids.tolist() == ["c", "a", "c"]
    assert taken.targets.tolist() == [-1, 0, -1]
    assert taken.weights.tolist() == [3, 1, 3]
    assert taken.inputs[0].tolist() == [0, 0, 1]
    assert len(samples.take(np.array([], dtype=np.int64))) == 0


def test_modality_is_told_by_axes_and_type():
    assert samples_from_arrays(np.zeros((3, 5), np.int32), row_ids=IDS).modality == "text"
    assert samples_from_arrays(np.zeros((3, 5)), row_ids=IDS).modality == "features"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"targets": torch.tensor([0, 1])}, "targets.*shape"),
        ({"targets": torch.tensor([0, 1, -2])}, "below"),
        ({"targets": torch.tensor([0.0, 1, 1])}, "int64"),
        ({"weights": torch.tensor([1.0, -1, 1])}, "weight"),
        ({"weights": torch.zeros(3)}, "All `weights` are 0"),
        ({"row_ids": IDS[:2]}, "row_ids"),
        ({"inputs": torch.tensor([[1.0], [float("nan")], [0.0]])}, "First: b"),
        ({"inputs": torch.zeros(3)}, "row axis"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, told):
    parts = {"inputs": torch.zeros(3, 2), "targets": None, "row_ids": IDS, "weights": None}
    with pytest.raises(InputError, match=told):
        Samples(**(parts | change))


def test_float_images_are_refused():
    with pytest.raises(InputError, match="uint8"):
        samples_from_arrays(np.zeros((3, 8, 8, 1)), row_ids=IDS)


def test_gray_images_without_a_channel_axis_are_images():
    pictures = np.random.default_rng(0).integers(0, 255, (3, 28, 28), dtype=np.uint8)
    rows = samples_from_arrays(pictures, row_ids=np.arange(3).astype(str))
    assert (rows.modality, rows.input_shape) == ("image", (1, 28, 28))
    np.testing.assert_array_equal(rows.inputs[:, 0].numpy(), pictures)
    direct = Samples(torch.from_numpy(pictures), None, np.arange(3).astype(str))
    assert (direct.modality, direct.input_shape) == ("image", (1, 28, 28))
    assert torch.equal(direct.inputs, rows.inputs)


def test_bytes_in_a_line_are_not_guessed_to_be_tokens():
    with pytest.raises(InputError, match="float32"):
        samples_from_arrays(np.zeros((3, 64), np.uint8), row_ids=IDS)

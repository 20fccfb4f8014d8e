import numpy as np
import pytest
import torch
from PIL import Image

from thresher.core.errors import InputError
from training import compact_model, fit
from training.loop.hooks import Hook
from training.loop.resizing import resized
from training.rows.samples import samples_from_arrays
from training.torch_runtime.flops import count_flops


def pictures(n=24, size=24):
    images = np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    return samples_from_arrays(images, row_ids=np.arange(n).astype(str), targets=np.arange(n) % 2)


def net():
    return compact_model("resnet8", num_classes=2, input_shape=(3, 24, 24), width=4)


def test_pictures_shrink_as_pillow_shrinks_them():
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    found = resized(torch.from_numpy(image.transpose(2, 0, 1).copy())[None], 15)[0]
    expected = np.asarray(Image.fromarray(image).resize((22, 15), Image.Resampling.BILINEAR))
    assert found.dtype == torch.uint8
    assert np.abs(found.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1


class Sides(Hook):
    def __init__(self):
        self.seen = []

    def on_batch(self, moment):
        self.seen.append((moment.epoch, moment.batch.inputs.shape[-1]))


def test_first_passes_see_small_pictures_and_cost_less():
    sides, model, rows = Sides(), net(), pictures()
    run = fit(model, rows, epochs=4, batch_size=24, first_size=16, first_share=0.5, hooks=[sides])
    assert sides.seen == [(0, 16), (1, 16), (2, 24), (3, 24)]
    whole = fit(net(), rows, epochs=1, batch_size=24).flops
    share = count_flops(model, rows.inputs[:, :, :16, :16]) / count_flops(model, rows.inputs)
    assert run.flops == pytest.approx(2 * whole * (1 + share), rel=0.02)


def test_the_last_pass_sees_whole_pictures():
    sides = Sides()
    fit(net(), pictures(), epochs=2, batch_size=24, first_size=16, first_share=1.0, hooks=[sides])
    assert sides.seen == [(0, 16), (1, 24)]


class Stop(Hook):
    def on_step_end(self, moment):
        if moment.step == 4:
            raise KeyboardInterrupt


def test_a_stopped_run_goes_on_with_the_same_bits(tmp_path):
    options = {"epochs": 4, "batch_size": 8, "first_size": 16, "checkpoint_every_s": 0}
    undisturbed = fit(net(), pictures(), **options)
    with pytest.raises(KeyboardInterrupt):
        fit(net(), pictures(), checkpoint_dir=tmp_path, hooks=[Stop()], **options)
    found = fit(net(), pictures(), checkpoint_dir=tmp_path, **options)
    assert found.flops == undisturbed.flops
    expected = undisturbed.model.state_dict()
    assert all(torch.equal(t, expected[name]) for name, t in found.model.state_dict().items())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"first_size": 24}, "images have 24 px"),
        ({"first_size": 0}, r"`first_size` must be in \[1"),
        ({"first_size": 16, "first_share": 1.5}, "`first_share` must be in"),
    ],
)
def test_sizes_that_cannot_be_are_told(options, told):
    with pytest.raises(InputError, match=told):
        fit(net(), pictures(), epochs=2, **options)


def test_sizes_too_small_for_the_model_are_told():
    model = compact_model("fast", num_classes=2, input_shape=(3, 24, 24), width=4)
    with pytest.raises(InputError, match="cannot take images of 2 px"):
        fit(model, pictures(), epochs=2, first_size=2)


def test_only_pictures_can_shrink():
    rows = samples_from_arrays(
        np.eye(6, dtype=np.float32), row_ids=np.arange(6).astype(str), targets=np.arange(6) % 2
    )
    model = compact_model("mlp", num_classes=2, input_shape=(6,), width=4)
    with pytest.raises(InputError, match="shrinks images"):
        fit(model, rows, epochs=1, first_size=4)

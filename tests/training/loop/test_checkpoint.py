import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from thresher.core.errors import InputError
from thresher.core.progress import Silent, reporting
from training import compact_model, fit
from training.loop.dynamics import DynamicsRecorder
from training.loop.hooks import Hook
from training.rows.samples import samples_from_arrays


class Stop(Hook):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, moment):
        if moment.step == self.step:
            raise KeyboardInterrupt


class Listen(Silent):
    def __init__(self):
        self.told = []

    def message(self, text):
        self.told.append(text)


def table(n=64):
    rng = np.random.default_rng(0)
    return samples_from_arrays(
        rng.normal(size=(n, 5)), row_ids=np.arange(n).astype(str), targets=np.arange(n) % 3
    )


def noise(inputs, keys, epoch):
    seeds = torch.from_numpy((keys % 1000).astype(np.float32))[:, None]
    return inputs + 0.1 * torch.sin(seeds + epoch)


def train(folder=None, *, hooks=(), **options):
    model = compact_model("mlp", num_classes=3, input_shape=(5,), width=8, dropout=0.5)
    options = {"epochs": 4, "ema": 0.9, "augment": noise, "batch_size": 16} | options
    return fit(model, table(), checkpoint_dir=folder, checkpoint_every_s=0, hooks=hooks, **options)


def bits(run):
    return {name: tensor.numpy().tobytes() for name, tensor in run.model.state_dict().items()}


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("step", [0, 3, 6, 14])
def test_a_stopped_run_ends_with_the_bits_of_an_undisturbed_one(tmp_path, step, optimizer):
    undisturbed = train(optimizer=optimizer)
    for stop in (step, step):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, hooks=[Stop(stop)], optimizer=optimizer)
    resumed = train(tmp_path, optimizer=optimizer)
    assert bits(resumed) == bits(undisturbed)
    assert resumed.flops == undisturbed.flops
    assert resumed.rows_seen == undisturbed.rows_seen
    plain = [{k: v for k, v in e.items() if k != "seconds"} for e in undisturbed.history]
    assert [{k: v for k, v in e.items() if k != "seconds"} for e in resumed.history] == plain


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = train(tmp_path)
    again = train(tmp_path, hooks=[])
    assert bits(again) == bits(first)
    assert again.history == first.history


def test_hooks_are_resumed_too(tmp_path):
    undisturbed = DynamicsRecorder(table())
    train(hooks=[undisturbed])
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, hooks=[DynamicsRecorder(table()), Stop(6)])
    resumed = DynamicsRecorder(table())
    train(tmp_path, hooks=[resumed])
    assert np.array_equal(resumed.dynamics.margins, undisturbed.dynamics.margins)


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, hooks=[Stop(6)])
    newest = max(tmp_path.glob("step-*.pt"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    listener = Listen()
    with reporting(listener):
        resumed = train(tmp_path, hooks=[])
    assert newest.name in listener.told[0]
    assert bits(resumed) == bits(train())


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    train(tmp_path)
    with pytest.raises(InputError, match=r"lr: 0\.2 there, 0\.1 now"):
        train(tmp_path, lr=0.1)
    with pytest.raises(InputError, match="views"):
        train(tmp_path, augment=lambda inputs, *_: inputs * 1.5)
    model = compact_model("mlp", num_classes=3, input_shape=(5,), width=9)
    with pytest.raises(InputError, match="architecture"):
        fit(model, table(), epochs=4, checkpoint_dir=tmp_path)
    with pytest.raises(InputError, match="must be an int"):
        train(tmp_path, random_state=None)


def test_two_checkpoints_are_kept_and_plain_torch_reads_them(tmp_path):
    train(tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    assert torch.load(files[-1], weights_only=True)["state"]["step"] == 16


def test_a_full_disk_stops_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.loop.checkpoint.atomic_path", full)
    listener = Listen()
    with reporting(listener):
        run = train(tmp_path)
    assert bits(run) == bits(train())
    assert any("No space left" in text for text in listener.told)


KILLED = """
import os, signal, sys
from test_checkpoint import Hook, train
class Kill(Hook):
    def on_step_end(self, moment):
        if moment.step == 9:
            os.kill(os.getpid(), signal.SIGKILL)
train(sys.argv[1], hooks=[Kill()])
"""


def test_a_killed_process_is_resumed_bit_for_bit(tmp_path):
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, os.path.abspath(os.path.join(here, *[os.pardir] * 3)), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], env=os.environ | {"PYTHONPATH": path}
    )
    assert done.returncode == -signal.SIGKILL
    assert bits(train(tmp_path, hooks=[])) == bits(train())

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError
from training import compact_model, distill, fit
from training.rows.samples import samples_from_arrays
from training.torch_runtime.sharding import check_sharding
from training.torch_runtime.workers import Workers


def rows():
    rng = np.random.default_rng(0)
    return samples_from_arrays(
        rng.normal(size=(70, 5)),
        row_ids=np.arange(70).astype(str),
        targets=np.arange(70) % 3,
        weights=rng.random(70) + 0.5,
    )


def train(*, width=16, taught=False, **options):
    with torch.random.fork_rng():
        torch.manual_seed(int(os.environ.get("RANK", "0")))  # the first worker's weights count
        model = nn.Sequential(
            nn.Linear(5, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3)
        )
    options = {"epochs": 4, "batch_size": 16, "ema": 0.9, "clip_norm": 1.0} | options
    if taught:
        teacher = compact_model("mlp", num_classes=3, input_shape=(5,), width=8)
        return distill(model, teacher, rows(), **options)
    return fit(model, rows(), **options)


WORKER = """
import json, sys, torch
from test_workers import train
run = train(**json.loads(sys.argv[1]))
values = torch.cat([p.flatten() for p in run.model.parameters()])
print(json.dumps([values.tolist(), run.history[-1]["loss"], run.history[-1]["accuracy"]]))
"""


def in_two_processes(**options):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, os.path.abspath(os.path.join(here, *[os.pardir] * 3)), *sys.path])
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WORKER, json.dumps(options)],
            env=os.environ
            | {"PYTHONPATH": path, "RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
            | {"MASTER_ADDR": "localhost", "MASTER_PORT": port},
            stdout=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    # The last line: gloo of PyTorch 2.8 prints one of its own before it.
    return [json.loads(worker.communicate(timeout=200)[0].splitlines()[-1]) for worker in started]


def check_equal(found, single, *, atol=1e-6):
    assert found[0] == found[1]
    values = torch.cat([p.flatten() for p in single.model.parameters()])
    torch.testing.assert_close(torch.tensor(found[0][0]), values, atol=atol, rtol=0)
    assert found[0][1] == pytest.approx(single.history[-1]["loss"], rel=1e-5)
    assert found[0][2] == single.history[-1]["accuracy"]


def test_two_processes_train_the_model_of_one():
    check_equal(in_two_processes(), train())


SHARDED = {"lr": 0.01, "accumulate": 2, "width": 130}


def test_two_processes_with_half_of_the_weights_each_train_the_model_of_one():
    check_equal(in_two_processes(sharded=True, **SHARDED), train(**SHARDED))


@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_distil_the_model_of_one(sharded):
    options = SHARDED | {"taught": True}
    check_equal(in_two_processes(sharded=sharded, **options), train(**options))


@pytest.mark.slow
def test_sharded_adamw_too_but_for_rounding():
    options = SHARDED | {"optimizer": "adamw"}
    # It divides by roots of tiny squares, which magnifies the order of a sum: 1.006e-6 was seen.
    check_equal(in_two_processes(sharded=True, **options), train(**options), atol=5e-6)


@pytest.mark.slow
def test_a_sharded_run_goes_on_as_a_single_process_and_back(tmp_path):
    options = {"width": 130, "schedule": "constant", "lr": 0.05}
    whole = train(**options)

    def stopped(**more):
        in_two_processes(sharded=True, checkpoint_dir=str(tmp_path), **options, **more)

    stopped()
    newest = max(tmp_path.glob("step-*.pt"))
    newest.unlink()  # as if it had been killed in the last epoch
    one = train(checkpoint_dir=tmp_path, **options)
    max(tmp_path.glob("step-*.pt")).unlink()
    found = in_two_processes(sharded=True, checkpoint_dir=str(tmp_path), **options)
    check_equal(found, whole)
    for mine, theirs in zip(one.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=0)


def test_where_sharding_cannot_work_it_says_so():
    with pytest.raises(InputError, match="needs several processes; start with torchrun"):
        train(sharded=True)
    two = Workers(rank=0, world=2)
    with pytest.raises(InputError, match="Muon looks at whole matrices"):
        check_sharding(two, optimizer="muon", rows=16, parts=1)
    with pytest.raises(InputError, match="the smallest batch has 3"):
        check_sharding(two, optimizer="sgd", rows=3, parts=2)

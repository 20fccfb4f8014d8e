import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from training import fit
from training.samples import samples_from_arrays


def train():
    rng = np.random.default_rng(0)
    samples = samples_from_arrays(
        rng.normal(size=(70, 5)),
        row_ids=np.arange(70).astype(str),
        targets=np.arange(70) % 3,
        weights=rng.random(70) + 0.5,
    )
    with torch.random.fork_rng():
        torch.manual_seed(int(os.environ.get("RANK", "0")))  # the first worker's weights count
        model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3))
    return fit(model, samples, epochs=4, batch_size=16, ema=0.9, clip_norm=1.0)


WORKER = """
import json, torch
from test_training_workers import train
run = train()
values = torch.cat([p.flatten() for p in run.model.parameters()])
print(json.dumps([values.tolist(), run.history[-1]["loss"], run.history[-1]["accuracy"]]))
"""


def test_two_processes_train_the_model_of_one():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, os.path.dirname(os.path.dirname(here)), *sys.path])
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WORKER],
            env=os.environ
            | {"PYTHONPATH": path, "RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
            | {"MASTER_ADDR": "localhost", "MASTER_PORT": port},
            stdout=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    found = [json.loads(worker.communicate(timeout=100)[0]) for worker in started]
    assert found[0] == found[1]
    single = train()
    values = torch.cat([p.flatten() for p in single.model.parameters()])
    torch.testing.assert_close(torch.tensor(found[0][0]), values, atol=1e-6, rtol=0)
    assert found[0][1] == pytest.approx(single.history[-1]["loss"], rel=1e-5)
    assert found[0][2] == single.history[-1]["accuracy"]

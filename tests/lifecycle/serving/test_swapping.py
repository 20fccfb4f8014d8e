"""Another model takes over while requests come; one that should not is refused, in words."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from lifecycle import ServingOptions, load_served, serving_app
from training import compact_model, export

from .conftest import CLASSES, COLUMNS, network

TOKEN = "a token of more than 16"
RAW = {"content-type": "application/octet-stream", "accept": "application/octet-stream"}


@pytest.fixture
def home(models: Path, tmp_path: Path) -> Path:
    """A copy of the small model that a test may replace."""
    shutil.copytree(models / "small", tmp_path / "live")
    return tmp_path / "live"


def client_of(path: Path, **more: Any) -> TestClient:
    options = ServingOptions(admin_token=TOKEN, **({"watch_s": 0.0} | more))
    return TestClient(serving_app(path, options=options))


def swap(client: TestClient, token: str = TOKEN, **asked: Any) -> Any:
    return client.post("/swap", json=asked, headers={"authorization": f"Bearer {token}"})


def answer(client: TestClient, rows: np.ndarray) -> np.ndarray:
    content = client.post("/predict", content=rows.tobytes(), headers=RAW).content
    return np.frombuffer(content, np.float32).reshape(-1, 3)


def similar(path: Path) -> Path:
    """A model that agrees with the small one on nearly all rows."""
    model = network(8)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.003 * torch.randn_like(parameter)
    how = {"kind": "features", "columns": COLUMNS}
    export(model, path, classes=CLASSES, preprocessing=how, threads=1)
    return path


def test_a_good_model_takes_over_and_nothing_kept_is_of_the_old_one(
    home: Path, tmp_path: Path, numbers: np.ndarray
) -> None:
    other = similar(tmp_path / "new")
    with client_of(home) as client:
        before = answer(client, numbers)
        done = swap(client, path=str(other))
        assert done.status_code == 200, done.text
        assert done.json()["rows"] == 1  # a row is stored of each request
        after = answer(client, numbers)
        told = client.get("/model").json()
    assert before == pytest.approx(load_served(home, threads=1).predict(numbers), abs=1e-6)
    assert after == pytest.approx(load_served(other, threads=1).predict(numbers), abs=1e-6)
    assert not np.allclose(before, after, atol=1e-6)
    assert told["model"] == done.json()["model"] == load_served(other, threads=1).digest
    assert told["last_swap"]["result"] == "swapped"


def test_a_corrupt_file_leaves_the_old_model_serving(
    home: Path, tmp_path: Path, numbers: np.ndarray
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes((home / "model.onnx").read_bytes()[:700])
    with client_of(home) as client:
        before = answer(client, numbers)
        for path, text in ((broken, "cannot load"), (tmp_path / "none", "cannot be read")):
            refused = swap(client, path=str(path))
            assert refused.status_code == 409
            assert text in refused.json()["error"]
            assert "goes on serving" in refused.json()["error"]
        assert np.array_equal(answer(client, numbers), before)
        assert client.get("/model").json()["last_swap"]["result"] == "refused"
        assert 'thresher_swaps_total{result="refused"} 2.0' in client.get("/metrics").text


def test_a_model_of_another_kind_needs_force(
    home: Path, models: Path, tmp_path: Path, numbers: np.ndarray
) -> None:
    how = {"kind": "features", "columns": COLUMNS}
    export(network(8), tmp_path / "turned", classes=CLASSES[::-1], preprocessing=how)
    with client_of(home) as client:
        for path in (tmp_path / "turned", models / "image", models / "text"):
            refused = swap(client, path=str(path))
            assert refused.status_code == 409
            assert "on which clients rely" in refused.json()["error"]
        answer(client, numbers)
        assert swap(client, path=str(models / "image"), force=True).status_code == 200
        told = client.post("/predict", content=bytes(768), headers={"content-type": RAW["accept"]})
        assert told.status_code == 200


def test_a_model_that_disagrees_is_refused(home: Path, tmp_path: Path, numbers: np.ndarray) -> None:
    class Turned(torch.nn.Module):
        """The same network with its answers in another order."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = network(8)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.inner(inputs).roll(1, dims=1)

    how = {"kind": "features", "columns": COLUMNS}
    example = torch.zeros((2, 6))
    export(Turned(), tmp_path / "turned", classes=CLASSES, preprocessing=how, example=example)
    with client_of(home) as client:
        for row in numbers[:12]:
            answer(client, row[None])
        refused = swap(client, path=str(tmp_path / "turned"))
        assert refused.status_code == 409
        assert "on 0 of 10 stored rows" in refused.json()["error"]
        assert swap(client, path=str(tmp_path / "turned"), force=True).status_code == 200


def test_a_model_that_answers_nan_is_refused(home: Path, tmp_path: Path) -> None:
    model = compact_model("mlp", num_classes=3, input_shape=(6,), width=8)
    with torch.no_grad():
        next(iter(model.parameters())).fill_(float("nan"))
    how = {"kind": "features", "columns": COLUMNS}
    export(model, tmp_path / "nan", classes=CLASSES, preprocessing=how)
    with client_of(home) as client:
        refused = swap(client, path=str(tmp_path / "nan"), force=True)
        assert refused.status_code == 409
        assert "no finite answers" in refused.json()["error"]


def test_swapping_needs_the_token_and_sense(home: Path) -> None:
    with client_of(home) as client:
        assert swap(client, token="a token of more than 17").status_code == 401
        assert client.post("/swap").status_code == 401
        assert client.get("/swap").status_code == 405
        head = {"authorization": f"Bearer {TOKEN}"}
        for body in (b"[]", b'{"path": 5}', b"{", b'{"pth": "a"}', b'{"force": "yes"}'):
            assert client.post("/swap", content=body, headers=head).status_code == 400
        assert client.post("/swap", headers=head).status_code == 200  # the same files again
    with TestClient(serving_app(home)) as client:
        assert swap(client).status_code == 404


def test_a_file_that_is_replaced_is_seen_and_a_broken_one_is_waited_out(
    home: Path, tmp_path: Path, numbers: np.ndarray
) -> None:
    other = similar(tmp_path / "new")
    wanted = load_served(other, threads=1).predict(numbers)
    with client_of(home, watch_s=0.02) as client:
        before = answer(client, numbers)
        (home / "model.onnx").write_bytes(b"half a file")
        wait_for(client, "refused")
        assert np.array_equal(answer(client, numbers), before)
        shutil.copyfile(other / "model.onnx", home / "model.onnx")
        wait_for(client, "swapped")
        assert answer(client, numbers) == pytest.approx(wanted, abs=1e-6)


def wait_for(client: TestClient, result: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        last = client.get("/model").json()["last_swap"]
        if last is not None and last["result"] == result:
            return
        time.sleep(0.02)
    raise AssertionError(f"no swap was {result}")

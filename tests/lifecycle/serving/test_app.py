"""The server's contract: every form of body, every refusal, every route."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from lifecycle import ServingOptions, load_served, serving_app
from thresher.core.errors import InputError
from thresher.core.images import decode_image, fit_square
from thresher.core.numerics.softmax import softmax
from thresher.core.tokens import HashTokenizer

RAW, NPY = "application/octet-stream", "application/x-npy"
KINDS = ("small", "cascade", "exits")


@pytest.fixture(scope="module", params=KINDS)
def client(request: pytest.FixtureRequest, models: Path) -> Iterator[TestClient]:
    """Each kind of model behind the application."""
    with TestClient(serving_app(models / request.param)) as client:
        yield client


@pytest.fixture(scope="module")
def one(models: Path) -> Iterator[TestClient]:
    """One model, small limits."""
    options = ServingOptions(max_rows=50, queue_rows=50, body_mb=0.01)
    with TestClient(serving_app(models / "small", options=options)) as client:
        yield client


def truth(client: TestClient, rows: np.ndarray) -> np.ndarray:
    path = client.app.state.service.model.path  # type: ignore[attr-defined]
    return load_served(path, threads=1).predict(rows)


def as_npy(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, rows)
    return stream.getvalue()


def ask(client: TestClient, body: bytes, kind: str, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/predict", content=body, headers={"content-type": kind, **names})


def test_every_form_of_a_body_gets_the_same_right_answer(
    client: TestClient, numbers: np.ndarray
) -> None:
    expected = truth(client, numbers)
    classes = client.app.state.service.model.classes  # type: ignore[attr-defined]
    told = ask(client, json.dumps({"rows": numbers.tolist()}).encode(), "application/json").json()
    assert told["labels"] == [classes[code] for code in expected.argmax(1)]
    probs = softmax(expected.astype(np.float64))
    assert told["probabilities"] == pytest.approx(probs.max(axis=1), abs=1e-6)
    raw = ask(client, numbers.tobytes(), RAW, accept=RAW)
    assert np.frombuffer(raw.content, np.float32).reshape(200, 3) == pytest.approx(
        expected, abs=1e-5
    )
    npy = ask(client, as_npy(numbers), NPY, accept=NPY)
    assert np.load(io.BytesIO(npy.content)) == pytest.approx(expected, abs=1e-5)
    fortran = ask(client, as_npy(np.asfortranarray(numbers)), NPY, accept=RAW)
    assert fortran.content == raw.content


def test_rows_are_answered_alone_as_together(client: TestClient, numbers: np.ndarray) -> None:
    expected = truth(client, numbers)
    for row, logits in zip(numbers[:20], expected[:20], strict=True):
        found = np.frombuffer(ask(client, row.tobytes(), RAW, accept=RAW).content, np.float32)
        assert found == pytest.approx(logits, abs=1e-5)


def test_all_probabilities_on_request(one: TestClient, numbers: np.ndarray) -> None:
    body = json.dumps({"rows": numbers[:3].tolist()}).encode()
    answer = one.post("/predict?probabilities=all", content=body).json()
    expected = softmax(truth(one, numbers[:3]).astype(np.float64))
    assert np.array(answer["probabilities"]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("query", ["probabilities=some", "probabilities"])
def test_probabilities_other_than_all_are_refused(
    one: TestClient, numbers: np.ndarray, query: str
) -> None:
    body = json.dumps({"rows": numbers[:3].tolist()}).encode()
    answer = one.post(f"/predict?{query}", content=body)
    assert answer.status_code == 400
    assert query in answer.json()["error"]


def test_stages_are_told(models: Path, numbers: np.ndarray) -> None:
    with TestClient(serving_app(models / "cascade")) as client:
        told = ask(client, numbers.tobytes(), RAW).json()
        model = client.app.state.service.model  # type: ignore[attr-defined]
        _, leaves, _ = model.step(0, numbers)
    assert told["stages"] == [0 if sure else 1 for sure in leaves]
    assert 0 < sum(told["stages"]) < 200


def test_objects_with_columns(one: TestClient, numbers: np.ndarray) -> None:
    rows = [dict(zip("fedcba", row[::-1].tolist(), strict=True)) for row in numbers[:4]]
    told = one.post("/predict", json={"rows": rows}).json()
    assert told["labels"] == [
        ["no", "yes", "perhaps"][code] for code in truth(one, numbers[:4]).argmax(1)
    ]
    rows[1].pop("c")
    told = one.post("/predict", json={"rows": rows}).json()
    assert told["labels"][1] is None
    assert told["errors"] == [{"row": 1, "error": "has no value in 'c'"}]


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ([1, 2, 3], "has shape (3), not (6)"),
        ([1, 2, 3, 4, 5, "x"], "holds something that is no number"),
        ([1, 2, 3, 4, 5, None], "holds something that is no number"),
        ([1, 2, 3, 4, 5, 1e39], "holds NaN or an infinite number"),
        ([[1], 2, 3, 4, 5, 6], "is ragged"),
        ({"a": 1}, "has no value in 'b'"),
        (None, "no number"),
        (7, "has shape (), not (6)"),
    ],
)
def test_a_bad_row_does_not_hurt_the_others(
    one: TestClient, numbers: np.ndarray, bad: object, text: str
) -> None:
    rows = numbers[:5].tolist()
    answer = one.post("/predict", json={"rows": [*rows[:2], bad, *rows[2:]]})
    assert answer.status_code == 200
    told = answer.json()
    names = [["no", "yes", "perhaps"][code] for code in truth(one, numbers[:5]).argmax(1)]
    assert told["labels"] == [*names[:2], None, *names[2:]]
    assert [error["row"] for error in told["errors"]] == [2]
    assert text in told["errors"][0]["error"]
    assert answer.headers["x-row-errors"] == "2"
    alone = one.post("/predict", json={"rows": [bad]})
    assert alone.status_code == 422


def test_nan_in_a_binary_row(one: TestClient, numbers: np.ndarray) -> None:
    rows = numbers[:4].copy()
    rows[1, 3], rows[2, 0] = np.nan, np.inf
    answer = ask(one, rows.tobytes(), RAW, accept=RAW)
    logits = np.frombuffer(answer.content, np.float32).reshape(4, 3)
    assert np.isnan(logits[1:3]).all()
    assert logits[[0, 3]] == pytest.approx(truth(one, rows[[0, 3]]), abs=1e-5)
    assert answer.headers["x-row-errors"] == "1,2"


REFUSED = {
    "cut JSON": (b'{"rows": [[1, 2', "application/json", 400, "not valid JSON"),
    "NaN in JSON": (b'{"rows": [[NaN]]}', "application/json", 400, "NaN is no number"),
    "no UTF-8": (b'{"rows": "\xff"}', "application/json", 400, "not valid JSON"),
    "deep": (b"[" * 9000, "application/json", 400, "JSON"),
    "no rows": (b'{"row": []}', "application/json", 400, 'a list "rows"'),
    "a list": (b"[[1,2,3,4,5,6]]", "application/json", 400, 'a list "rows"'),
    "empty rows": (b'{"rows": []}', "application/json", 400, "no rows"),
    "empty": (b"", "application/json", 400, "not valid JSON"),
    "empty raw": (b"", RAW, 400, "no rows"),
    "part of a row": (b"x" * 25, RAW, 400, "no whole rows of 24 bytes"),
    "too many rows": (b"x" * 24 * 51, RAW, 413, "at most 50"),
    "too many rows in JSON": (
        json.dumps({"rows": [[0] * 6] * 51}).encode(),
        "application/json",
        413,
        "at most 50",
    ),
    "too large": (b"x" * 20_000, RAW, 413, "at most 10,485 are taken"),
    "no npy": (b"PK\x03\x04" + b"x" * 40, NPY, 400, "no .npy file"),
    "cut npy": (as_npy(np.zeros((3, 6), np.float32))[:-4], NPY, 400, "is cut"),
    "npy header": (as_npy(np.zeros((3, 6), np.float32))[:60], NPY, 400, "no .npy file"),
    "npy of float64": (as_npy(np.zeros((3, 6))), NPY, 400, "float64"),
    "npy of another shape": (as_npy(np.zeros((3, 5), np.float32)), NPY, 400, "(3, 5)"),
    "npy of objects": (as_npy(np.array([[{}]], dtype=object)), NPY, 400, "object"),
    "texts": (b'{"rows": ["a", "b"]}', "application/json", 400, "lists of numbers"),
    "another type": (b"a=1", "application/x-www-form-urlencoded", 415, "is not taken here"),
    "plain text": (b"hello", "text/plain", 415, "is not taken here"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_words(one: TestClient, name: str) -> None:
    body, kind, status, text = REFUSED[name]
    answer = ask(one, body, kind)
    assert answer.status_code == status
    assert text in answer.json()["error"]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "GZIP", "identity"])
def test_packed_bodies_are_read(coding: str, client: TestClient, numbers: np.ndarray) -> None:
    rows = numbers[:20]
    body = json.dumps({"rows": rows.tolist()}).encode()
    pack = {"deflate": zlib.compress, "identity": bytes}.get(coding, gzip.compress)
    answer = ask(client, pack(body), "application/json", content_encoding=coding)
    assert answer.status_code == 200, answer.text
    codes = truth(client, rows).argmax(1)
    assert answer.json()["labels"] == [["no", "yes", "perhaps"][code] for code in codes]
    members = gzip.compress(rows[:5].tobytes()) + gzip.compress(rows[5:].tobytes())
    answer = ask(client, members, RAW, content_encoding="gzip")
    assert len(answer.json()["labels"]) == 20


PACKED = {
    "unknown": (b"x", "br", 415, "gzip, deflate, or send it plain"),
    "twice": (b"x", "gzip, gzip", 415, "gzip, deflate"),
    "no gzip": (b'{"rows": [[0]]}', "gzip", 400, "The body is no gzip"),
    "no deflate": (gzip.compress(b"x"), "deflate", 400, "The body is no deflate"),
    "cut": (gzip.compress(bytes(24))[:-9], "gzip", 400, "The body is cut"),
    "empty": (b"", "gzip", 400, "The body is cut"),
    "more behind it": (gzip.compress(bytes(24)) + b"more", "gzip", 400, "The body is no gzip"),
    "a bomb": (gzip.compress(bytes(10**7)), "gzip", 413, "unpacks to more than 10,485 bytes"),
    "a bomb in parts": (gzip.compress(bytes(6000)) * 2, "gzip", 413, "more than 10,485 bytes"),
}


@pytest.mark.parametrize("name", PACKED)
def test_bodies_that_cannot_be_unpacked_are_refused(one: TestClient, name: str) -> None:
    body, coding, status, text = PACKED[name]
    answer = ask(one, body, RAW, content_encoding=coding)
    assert answer.status_code == status
    assert text in answer.json()["error"]


def test_a_header_that_claims_terabytes_makes_nothing(one: TestClient) -> None:
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 6)}
    np.lib.format.write_array_header_1_0(stream, header)
    answer = ask(one, stream.getvalue() + b"x" * 24, NPY)
    assert answer.status_code == 400
    assert "is cut" in answer.json()["error"]


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"x_dtype": "float64"}, "the model takes 'float32'"),
        ({"x_shape": "3, 6"}, "(2, 6)"),
        ({"x_shape": "two"}, "(2, 6)"),
        ({"x_deadline_ms": "soon"}, "whole number of milliseconds"),
        ({"x_deadline_ms": "-5"}, "whole number of milliseconds above 0, got '-5'"),
        ({"content_length": "99999999"}, "99,999,999"),
    ],
)
def test_headers_that_do_not_fit(
    one: TestClient, numbers: np.ndarray, headers: dict[str, str], text: str
) -> None:
    answer = ask(one, numbers[:2].tobytes(), RAW, **headers)
    assert answer.status_code in (400, 413)
    assert text in answer.json()["error"]


def test_headers_that_fit(one: TestClient, numbers: np.ndarray) -> None:
    fit = {"x_dtype": "float32", "x_shape": "(2, 6)", "x_deadline_ms": "5000", "x_request_id": "me"}
    answer = ask(one, numbers[:2].tobytes(), RAW, **fit)
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] == "me"


def test_texts(models: Path) -> None:
    texts = ["Where is my card?", "", "卡在哪里", "Where is my card?"]
    tokens = HashTokenizer(vocabulary=512, max_tokens=16).encode(texts)
    expected = load_served(models / "text", threads=1).predict(tokens)
    names = [["no", "yes", "perhaps"][code] for code in expected.argmax(1)]
    alone = load_served(models / "text", threads=1)
    assert (alone.predict(texts) == expected).all()
    with pytest.raises(InputError, match="Row 1 must be a text, got 5"):
        alone.predict(["a", 5])  # type: ignore[list-item]
    with TestClient(serving_app(models / "text")) as client:
        told = client.post("/predict", json={"rows": texts}).json()
        assert told["labels"] == names
        assert told["probabilities"] == pytest.approx(softmax(expected).max(axis=1), abs=1e-5)
        plain = ask(client, texts[2].encode(), "text/plain").json()
        assert plain["labels"] == names[2:3]
        assert ask(client, b"\xff\xfe", "text/plain").status_code == 400
        raw = ask(client, tokens.tobytes(), RAW, accept=RAW)
        assert np.frombuffer(raw.content, np.float32).reshape(4, 3) == pytest.approx(
            expected, abs=1e-5
        )
        strange = tokens.copy()
        strange[1, 0], strange[2, 15] = 512, -1  # the tokenizer gives 0 to 511
        partly = ask(client, strange.tobytes(), RAW).json()
        assert partly["labels"] == [names[0], None, None, names[3]]
        said = "holds token ids other than 0 to 511"
        assert partly["errors"] == [{"row": 1, "error": said}, {"row": 2, "error": said}]
        listed = ask(client, json.dumps({"rows": strange.tolist()}).encode(), "application/json")
        assert listed.json() == partly
        mixed = ask(client, b'{"rows": ["a", 5, "\\ud800"]}', "application/json").json()
        assert [error["row"] for error in mixed["errors"]] == [1, 2]


def test_images(models: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (20 + at, 24, 3), dtype=np.uint8) for at in range(3)]
    files = [cv2.imencode(".png", image)[1].tobytes() for image in pixels]
    ready = np.stack([fit_square(decode_image(file, shrink_to=16), 16) for file in files])
    rows = np.ascontiguousarray(ready.transpose(0, 3, 1, 2))
    expected = load_served(models / "image", threads=1).predict(rows)
    names = [["no", "yes", "perhaps"][code] for code in expected.argmax(1)]
    with TestClient(serving_app(models / "image")) as client:
        sent = [base64.b64encode(file).decode() for file in files]
        sent.insert(1, base64.b64encode(files[0][:50]).decode())
        told = client.post("/predict", json={"rows": [*sent, "!!"]}).json()
        assert told["labels"] == [names[0], None, *names[1:], None]
        assert "truncated" in told["errors"][0]["error"]
        assert "base64" in told["errors"][1]["error"]
        mixed = client.post("/predict", json={"rows": [sent[0], 5]}).json()
        assert mixed["errors"] == [{"row": 1, "error": "must be an image file in base64, got 5"}]
        assert ask(client, files[2], "image/png").json()["labels"] == names[2:]
        nested = client.post("/predict", json={"rows": rows.tolist()}).json()
        assert nested["labels"] == names
        beyond = rows[:1].tolist()
        beyond[0][0][0][0] = 256
        told = client.post("/predict", json={"rows": beyond}).json()
        assert "whole numbers from 0 to 255" in told["errors"][0]["error"]


def test_the_other_routes(one: TestClient, numbers: np.ndarray) -> None:
    ask(one, numbers[:7].tobytes(), RAW)
    assert one.get("/health").json() == {"status": "ok"}
    assert one.get("/ready").json() == {"ready": True, "reason": None}
    told = one.get("/model").json()
    assert told["classes"] == ["no", "yes", "perhaps"]
    assert told["input"] == {"dtype": "float32", "shape": [6]}
    assert told["plan"]["batch"]["reason"]
    assert one.get("/predict").status_code == 405
    assert one.get("/nowhere").status_code == 404
    shown = one.get("/metrics").text
    assert 'thresher_requests_total{status="200"}' in shown
    assert "thresher_queue_rows 0.0" in shown


def test_a_model_that_cannot_be_served_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        serving_app(tmp_path / "nowhere")


def test_options_that_contradict_are_refused() -> None:
    with pytest.raises(InputError, match="would always be refused"):
        ServingOptions(max_rows=10, queue_rows=5)
    with pytest.raises(InputError, match="at least 16 characters"):
        ServingOptions(admin_token="secret")
    with pytest.raises(InputError, match="`cache_mb` must be in"):
        ServingOptions(cache_mb=-1)


def test_whatever_clients_send_prometheus_gets_no_more_series(models: Path) -> None:
    def series(client: TestClient) -> set[str]:
        lines = client.get("/metrics").text.splitlines()
        return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}

    # 5,000 texts, and names, paths and statuses of the client's choice.
    with TestClient(serving_app(models / "text", options=ServingOptions(cache_mb=1))) as client:
        rows = [f"text {n}" for n in range(5000)]
        client.post("/predict", json={"rows": rows[:1]})
        client.post("/swap", headers={"authorization": "Bearer none"})
        before = series(client)
        for start in range(0, len(rows), 100):
            headers = {"x-request-id": f"request {start}", "x-user-id": f"user {start}"}
            told = client.post(
                f"/predict?probabilities=all&v={start}",
                json={"rows": rows[start : start + 100]},
                headers=headers,
            )
            assert len(told.json()["labels"]) == 100
            client.get(f"/no/such/path/{start}")
            client.post("/predict", content=b"{", headers={"content-type": f"a/{start}"})
            client.post("/predict", json={"rows": [start]}, headers={"x-model": f"{start}"})
        assert series(client) == before

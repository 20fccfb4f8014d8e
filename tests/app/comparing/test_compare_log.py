"""Two models on the rows that a server has kept, shown so that a person can label them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lifecycle import RequestRing, load_served
from lifecycle.serving.preparation import preparation_of
from thresher.app import compare
from thresher.app.cli.commands import app
from thresher.core.errors import InputError
from thresher.core.images import decode_image
from thresher.core.tokens import HashTokenizer
from training import compact_model, export

CLASSES = ["no", "yes", "perhaps"]
KINDS = ("text", "image", "features")


def at_random(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    for weights in model.parameters():
        torch.nn.init.normal_(weights)
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of each kind, with random weights."""
    folder = tmp_path_factory.mktemp("models")
    tokenizer = HashTokenizer(vocabulary=512, max_tokens=16)
    for seed, name in enumerate(("old", "new")):
        text = compact_model("hashed_embedding", num_classes=3, input_shape=(16,), vocabulary=512)
        told: dict[str, Any] = {"kind": "text", "tokenizer": tokenizer.to_json()}
        export(at_random(text, seed), folder / f"text-{name}", classes=CLASSES, preprocessing=told)
        image = compact_model("resnet8", num_classes=3, input_shape=(3, 8, 8), width=4)
        told = {"kind": "image", "size": 8, "layout": "NCHW", "dtype": "uint8", "colors": "RGB"}
        export(
            at_random(image, seed), folder / f"image-{name}", classes=CLASSES, preprocessing=told
        )
        rows = compact_model("mlp", num_classes=3, input_shape=(2,), width=8)
        told = {"kind": "features", "columns": ["width", "new"]}
        export(
            at_random(rows, seed), folder / f"features-{name}", classes=CLASSES, preprocessing=told
        )
    return folder


def png(pixels: np.ndarray) -> bytes:
    import cv2

    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


def contents(kind: str, n: int) -> list[Any]:
    rng = np.random.default_rng(3)
    if kind == "text":
        return [f'line {k},\nwhere is "my" card {rng.integers(1e6)}?'.encode() for k in range(n)]
    if kind == "features":
        return list(rng.normal(scale=3, size=(n, 2)).astype(np.float32))
    pictures = rng.integers(256, size=(n, 8, 8, 3)).astype(np.uint8)
    # Half as image files, half as numbers.
    return [png(p) if k % 2 else p.transpose(2, 0, 1) for k, p in enumerate(pictures)]


def keep(folder: Path, model: Any, rows: list[Any], *, content: bool = True) -> list[str]:
    """Let a server's log have rows; return their ids."""
    ring = RequestRing(folder, content=content)
    for at, row in enumerate(rows):
        logits = np.eye(3)[[at % 3]]
        kept = ([row], np.arange(1)) if content else None
        ring.add(model, np.arange(1), logits, seconds=0.01, content=kept)
    ring.close()
    return [f"{ring.name}-{at}" for at in range(len(rows))]


def answers(model: Any, rows: list[Any]) -> list[str]:
    said = []
    for row in rows:
        if isinstance(row, bytes):
            (way,) = preparation_of(model.preprocessing, model.input_spec).values()
            row = way([row])[0][0]
        said.append(CLASSES[int(model.predict(row[None])[0].argmax())])
    return said


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_a_log_are_compared_and_shown(kind: str, models: Path, tmp_path: Path) -> None:
    old, new = (load_served(models / f"{kind}-{name}") for name in ("old", "new"))
    rows = contents(kind, 300)
    ids = keep(tmp_path / "log", old, rows)
    given = {"log": tmp_path / "log", "out": tmp_path / "out"}
    found = compare(old.path, new.path, **given)
    expected = dict(zip(ids, zip(answers(old, rows), answers(new, rows), strict=True), strict=True))
    differ = {row for row, (before, after) in expected.items() if before != after}
    assert (found.rows, found.disagreements, found.waiting) == (300, len(differ), len(differ))
    assert len(differ) > 20
    listed = table(found.to_label)
    assert {row["row_id"] for row in listed} == differ
    for row in listed:
        assert (row["old"], row["new"]) == expected[row["row_id"]]
        content = rows[ids.index(row["row_id"])]
        if kind == "text":
            assert row["text"] == content.decode()
        elif kind == "features":
            shown = [float(row["width"]), float(row["new_"])]
            np.testing.assert_allclose(shown, content, rtol=1e-6)
        else:
            pixels = decode_image((tmp_path / "out" / row["image"]).read_bytes())
            sent = (
                decode_image(content) if isinstance(content, bytes) else content.transpose(1, 2, 0)
            )
            np.testing.assert_array_equal(pixels, sent)
    # What the log has lost since stays shown; new rows come behind.
    for file in (tmp_path / "log").glob("*.parquet"):
        file.unlink()
    more = contents(kind, 340)[300:]
    keep(tmp_path / "log", old, more)
    again = compare(old.path, new.path, **given)
    assert again.rows == 340
    assert table(again.to_label)[: len(listed)] == listed
    assert len(table(again.to_label)) == again.disagreements


def test_labels_of_a_log_decide(models: Path, tmp_path: Path) -> None:
    old, new = (load_served(models / f"features-{name}") for name in ("old", "new"))
    keep(tmp_path / "log", old, contents("features", 2000))
    words = ["compare", str(old.path), str(new.path), "--log", str(tmp_path / "log")]
    words += ["--out", str(tmp_path / "out"), "--json"]
    first = json.loads(CliRunner().invoke(app, words).stdout)
    assert first["verdict"] == "not yet known"
    assert first["difference"] is None  # the models disagree on the first row already
    assert "no row counts yet" in CliRunner().invoke(app, words[:-1]).stdout
    path = tmp_path / "out" / "to_label.csv"
    rows = table(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"label": row["new"]} for row in rows)
    second = json.loads(CliRunner().invoke(app, words).stdout)
    assert second["verdict"] == "promote"
    assert second["difference"] == pytest.approx(len(rows) / 2000)


def test_rows_that_a_model_cannot_take_are_left_out(models: Path, tmp_path: Path) -> None:
    old, new = models / "text-old", models / "text-new"
    served = load_served(old)
    keep(tmp_path / "log", served, contents("text", 30))
    keep(tmp_path / "log", served, contents("text", 7), content=False)
    keep(tmp_path / "log", served, [b"\xff no text", np.full(16, 0.5), np.ones(3)])
    keep(tmp_path / "log", served, [np.arange(16)])  # token ids, as they are
    assert compare(old, new, log=tmp_path / "log", out=tmp_path / "out").rows == 31
    with pytest.raises(InputError, match=r"None of the 34 rows .* to another kind of model"):
        compare(
            models / "features-old",
            models / "features-new",
            log=tmp_path / "log",
            out=tmp_path / "other",
        )


def test_what_cannot_be_compared_is_named(models: Path, tmp_path: Path) -> None:
    old, new = models / "text-old", models / "text-new"
    keep(tmp_path / "log", load_served(old), contents("text", 7), content=False)
    with pytest.raises(InputError, match=r"7 rows, none with what was sent.*--record-content"):
        compare(old, new, log=tmp_path / "log", out=tmp_path / "out")
    with pytest.raises(InputError, match="one of the two"):
        compare(old, new, out=tmp_path / "out")
    with pytest.raises(InputError, match="one of the two"):
        compare(old, new, data="rows.csv", log=tmp_path / "log", out=tmp_path / "out")
    with pytest.raises(InputError, match="text: only for `data`"):
        compare(old, new, log=tmp_path / "log", out=tmp_path / "out", text="words")
    with pytest.raises(InputError, match="There is no folder"):
        compare(old, new, log=tmp_path / "none", out=tmp_path / "out")
    keep(tmp_path / "log", load_served(old), contents("text", 50))
    compare(old, new, log=tmp_path / "log", out=tmp_path / "out")
    (tmp_path / "out" / "to_label.csv").write_bytes("row_id,label\nä,no\n".encode("utf-16"))
    with pytest.raises(InputError, match="no CSV in UTF-8"):
        compare(old, new, log=tmp_path / "log", out=tmp_path / "out")


@pytest.mark.parametrize("kind", ["text", "image"])
def test_rows_of_data_are_shown_too(kind: str, models: Path, tmp_path: Path) -> None:
    old, new = models / f"{kind}-old", models / f"{kind}-new"
    folder = tmp_path / "rows"
    if kind == "image":
        for at, content in enumerate(contents("image", 60)):
            pixels = (
                decode_image(content) if isinstance(content, bytes) else content.transpose(1, 2, 0)
            )
            path = folder / ("a" if at % 2 else "b") / f"{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(pixels))
        data: Any = folder
    else:
        import datasets

        texts = [content.decode() for content in contents("text", 60)]
        data = datasets.Dataset.from_dict({"row_id": [f"r{k}" for k in range(60)], "text": texts})
    found = compare(old, new, data=data, out=tmp_path / "out")
    rows = table(found.to_label)
    assert rows
    for row in rows:
        if kind == "text":
            assert row["text"] == data[int(row["row_id"][1:])]["text"]
        else:
            path = Path(row["image"])
            path = path if path.is_absolute() else tmp_path / "out" / path
            assert decode_image(path.read_bytes()).shape == (8, 8, 3)
            assert path.stem == row["row_id"].replace("/", "_").removesuffix(".png")

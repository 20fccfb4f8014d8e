"""``thresher curate pairs`` on shards and tables, on what it cannot take, and after a kill."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from thresher.app import curate_pairs
from thresher.app.cli.commands import app
from thresher.app.cli.curate_pairs import PAIR_OPTIONS
from thresher.core import Issues, Manifest
from thresher.core.errors import InputError


def call(*words):
    return CliRunner().invoke(app, ["curate", "pairs", *map(str, words)])


def picture(seed):
    held = io.BytesIO()
    colors = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(colors).resize((60, 40), Image.Resampling.BICUBIC).save(held, "JPEG")
    return held.getvalue()


def write_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def shards(tmp_path):
    captions = [
        ["a red kettle on the stove", "a blue chair by the wall", "IMG_2034"],
        ["a green lamp on a desk", "a red kettle on the stove!", "a dog asleep on a rug"],
    ]
    pictures = [[0, 1, 2], [3, 0, 4]]
    for shard in range(2):
        inside = []
        for place in range(3):
            key, told = f"{place}", {"uid": f"{shard:016x}{place:016x}", "caption": "of the page"}
            inside += [
                (f"{key}.jpg", picture(pictures[shard][place])),
                (f"{key}.json", json.dumps(told).encode()),
                (f"{key}.txt", captions[shard][place].encode()),
            ]
        write_tar(tmp_path / f"{shard}.tar", inside)
    return [tmp_path / "0.tar", tmp_path / "1.tar"]


def test_shards_become_ids_weights_and_shards(shards, tmp_path):
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "dog.jpg").write_bytes(picture(4))
    outs = [tmp_path / "kept.npy", tmp_path / "weights.csv", tmp_path / "new"]
    options = [word for out in outs for word in ("--out", out)]
    work = ["--work", tmp_path / "work"]
    result = call(*shards, *work, *options, "--keep-out", tmp_path / "evaluation", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["pairs"], found["kept"]) == (6, 3)
    assert found["dropped"] == {"caption_fault": 1, "evaluation": 1, "same image": 1}
    assert np.load(outs[0]).tolist() == [(0, 0), (0, 1), (1, 0)]
    assert outs[1].read_text(encoding="utf-8").count("\n") == 4
    with tarfile.open(outs[2] / "1.tar") as tar:
        assert tar.getnames() == ["0.jpg", "0.json", "0.txt"]
    manifest = Manifest.load(tmp_path / "work" / "manifest")
    assert manifest.counts()["keep"] == 3
    assert manifest.header["evaluation"] == 1
    issues = {issue.check: issue for issue in Issues.load(tmp_path / "work" / "issues.parquet")}
    assert issues["exact_duplicate"].twin == f"{0:032x}"
    assert pq.read_table(tmp_path / "work" / "scores.parquet").num_rows == 6
    shown = call(*shards, *work, "--same", "caption")
    assert "6 pairs: 4 kept" in shown.stdout
    assert "1 dropped: same caption" in shown.stdout


def test_stored_vectors_rank_and_draws_repeat(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(40, 16)).astype(np.float16)
    text = (image + rng.normal(size=(40, 16)) * rng.uniform(0, 2, (40, 1))).astype(np.float16)
    np.savez(tmp_path / "part.npz", b32_img=image, b32_txt=text, l14_img=image, l14_txt=text)
    uids = [f"{row:032x}" for row in range(40)]
    captions = [f"a scene with number {row} in it" for row in range(40)]
    pq.write_table(pa.table({"uid": uids, "text": captions}), tmp_path / "part.parquet")
    words = [
        tmp_path / "part.parquet",
        "--work",
        tmp_path / "w",
        "--vectors",
        tmp_path,
        "--top",
        0.5,
    ]
    asked = ["--arrays", "l14", "--threshold", 0.95, "--draws", 50, "--most-draws", 4, "--json"]
    result = call(
        *words, *asked, "--out", tmp_path / "ids.npy", "--out", tmp_path / "weights.parquet"
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["kept"], found["draws"], found["ranked_by"]) == (20, 50, "contrast")
    ids = np.load(tmp_path / "ids.npy")
    assert len(ids) == 50
    assert (np.diff(ids["f1"].astype(int)) >= 0).all()
    weights = pq.read_table(tmp_path / "weights.parquet").to_pydict()
    assert sum(weights["weight"]) == 50
    counts = dict(zip(*np.unique(ids["f1"], return_counts=True), strict=True))
    drawn = dict(zip(weights["id"], weights["weight"], strict=True))
    assert {int(name, 16): count for name, count in drawn.items()} == counts
    assert max(weights["weight"]) <= 4


def test_labels_teach_the_ranking(tmp_path):
    rng = np.random.default_rng(1)
    good = rng.random(200) < 0.5
    captions = [
        " ".join(f"w{row}x{at}" for at in range(12 if fine else 4)) for row, fine in enumerate(good)
    ]
    told = {
        "id": [f"p{row}" for row in range(200)],
        "caption": captions,
        "similarity": rng.random(200),
    }
    pq.write_table(pa.table(told), tmp_path / "part.parquet")
    rows = [f"p{row},{'good' if good[row] else 'bad'}" for row in range(100)]
    (tmp_path / "labels.csv").write_text("\n".join(["pair_id,label", *rows]), encoding="utf-8")
    words = [tmp_path / "part.parquet", "--work", tmp_path / "w", "--same", "none"]
    result = call(*words, "--labels", tmp_path / "labels.csv", "--top", 0.4, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (
        found["average_precision"]["head"] > 0.99 > 0.7 > found["average_precision"]["similarity"]
    )
    kept = Manifest.load(tmp_path / "w" / "manifest").actions == "keep"
    assert good[kept].all()
    (tmp_path / "labels.csv").write_text("pair_id,label\np1,fine\n", encoding="utf-8")
    wrong = call(*words, "--labels", tmp_path / "labels.csv")
    assert isinstance(wrong.exception, InputError)
    assert "has 'fine'" in str(wrong.exception)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--same", "picture"], "`same` must be one of 'image', 'caption', 'both', 'none'"),
        (["--same", "none,image"], "`same` is none, or a list"),
        (["--out", "pairs.txt"], "ids (.npy), weights (.parquet, .csv, .jsonl) or new shards"),
        (["--most-draws", "2"], "say with `draws` how many to draw"),
        (["--top", "1.5"], "`top` must be in (0, 1], got 1.5"),
        (["--rank-by", "contrast"], "give an encoder, stored vectors, or a column"),
        (["--rank-by", "size"], "`rank_by` must be one of"),
        (["--threshold", "0.9"], "A threshold compares vectors"),
        (["--encoder", "builtin:image"], "takes image values"),
        (["--arrays", "l14"], "give `vectors` too"),
        (["--labels", "gone.csv"], "that is there, got gone.csv"),
        (["--keep-out", "gone"], "gone is no folder of images"),
        (["--caption", "words"], "The caption column 'words' is not in the data"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path, words, reason):
    pq.write_table(
        pa.table({"image": [picture(0)], "text": ["a red kettle"]}), tmp_path / "a.parquet"
    )
    result = call(tmp_path / "a.parquet", "--work", tmp_path / "work", *words)
    assert isinstance(result.exception, InputError)
    assert reason in str(result.exception)


def test_every_option_of_the_function_is_one_of_the_command():
    shown = call("--help").output
    assert all(f"--{name.replace('_', '-')} " in shown for name in PAIR_OPTIONS)


def test_a_killed_command_goes_on(tmp_path):
    for shard in range(60):
        inside = [
            member
            for place in range(20)
            for member in (
                (f"{place:03d}.jpg", picture(100 * shard + place)),
                (f"{place:03d}.txt", f"scene {place} of shard {shard} in words".encode()),
            )
        ]
        write_tar(tmp_path / f"{shard:03d}.tar", inside)
    files = [str(path) for path in sorted(tmp_path.glob("*.tar"))]
    words = ["curate", "pairs", *files, "--decode", "--out", str(tmp_path / "weights.parquet")]
    program = "import sys; from thresher.app.cli import main; sys.exit(main())"
    whole = subprocess.run([sys.executable, "-c", program, *words, "--work", tmp_path / "one"])
    assert whole.returncode == 0
    expected = (tmp_path / "weights.parquet").read_bytes()
    (tmp_path / "weights.parquet").unlink()
    running = subprocess.Popen([sys.executable, "-c", program, *words, "--work", tmp_path / "two"])
    while len(list((tmp_path / "two").glob("score-*/[!.]*"))) < 5:
        time.sleep(0.005)
        assert running.poll() is None
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "two").glob("score-*/[!.]*")}
    assert len(done) < 60
    again = subprocess.run([sys.executable, "-c", program, *words, "--work", tmp_path / "two"])
    assert again.returncode == 0
    assert (tmp_path / "weights.parquet").read_bytes() == expected
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    one, two = (Manifest.load(tmp_path / name / "manifest") for name in ("one", "two"))
    assert one.fingerprint == two.fingerprint


def test_stretches_that_belong_to_no_pair_are_named(shards, tmp_path):
    for at in range(11):
        (tmp_path / f"x{at:02}.tar").write_bytes(b"")
    result = call(*shards, *sorted(tmp_path.glob("x*.tar")), "--work", tmp_path / "work")
    assert result.exit_code == 0, result.output
    assert "11 stretches of shards belong to no pair" in result.stdout
    assert "  x00.tar: not a tar file (empty file)" in result.stdout
    assert "  x09.tar:" in result.stdout
    assert f"  1 more, all in {tmp_path / 'work' / 'issues.parquet'}" in result.stdout


def test_a_label_that_is_none_is_named_with_its_pair(shards, tmp_path):
    (tmp_path / "judged.csv").write_text("pair_id,label\na,good\nb,meh\n")
    result = call(*shards, "--work", tmp_path / "work", "--labels", tmp_path / "judged.csv")
    assert isinstance(result.exception, InputError)
    assert "has 'meh' for the pair 'b'." in str(result.exception)


def test_damaged_shards_alone_are_an_error_that_names_them(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"no tar" * 400)
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    with pytest.raises(
        InputError, match=r"no pair in 2 shards: a\.tar: .*; b\.parquet: unreadable"
    ):
        curate_pairs([tmp_path / "a.tar", tmp_path / "b.parquet"], work=tmp_path / "work")

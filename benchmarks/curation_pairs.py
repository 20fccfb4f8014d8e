"""Claim: a million pairs with stored embeddings are filtered in ten CPU-minutes.

Filtered, deduplicated, capped and written; and captions of other images are found where the encoder
separates them.

Ours: `thresher.app.curate_pairs` (rules, the best 30 % by contrast, near copies of images at a
cosine of 0.95, soft cap sampling, ids in DataComp's format). Baseline: what the field does by
default (S. Y. Gadre et al., "DataComp", NeurIPS 2023): exact copies by hash and the best 30 % by
CLIP score, in plain NumPy and pandas on the same files, each in a process of its own.

Made-up pairs: 20,000 scenes; an image is a scene and noise, its caption the image's scene, other
noise, and a share of a direction that all images have, as generic captions are close to every
image. Planted: captions of other images, near copies (a cosine of .98) and exact copies of images,
captions that name the file. Swapped captions alone are measured at several separations of the
encoder.

Real pairs: photographs of ten classes, the captions their names; a ridge regression from image
vectors (``meaning:image``) to text vectors (``meaning:text``), fitted on 300 pairs that were looked
at, makes one space; a tenth of the others has another class's name. Data: the folder in
THRESHER_DATA holds ``imagenette224_subset.parquet`` (columns ``jpeg``, ``label_name``, ``split``;
https://github.com/fastai/imagenette).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/curation_pairs.py --out pairs.json
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score

from curation.pairs import choose_pairs, combine_scores, score_pairs
from thresher.app import curate_pairs
from thresher.core import get_encoder
from thresher.core.embeddings import unit_length
from thresher.core.files import write_json
from thresher.core.images import decode_image, fit_square

WIDTH, SCENES, SHARD = 512, 20_000, 100_000
SWAPPED, NEAR, EXACT, NAMED = 0.25, 0.1, 0.05, 0.1
WORDS = [f"{a}{b}" for a in ("red", "old", "tall", "wet", "tin") for b in
         ("kettle", "chair", "dog", "house", "lamp", "boat", "tree", "coat")]  # fmt: skip
TOP, CLOSE, CAP = 0.3, 0.95, 4


def made_up(
    n: int, rng: np.random.Generator, *, noise: float, scenes: np.ndarray, common: float = 0.4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors of images and captions, float32 (n, d), and which scene each shows."""
    width = scenes.shape[1]
    which = rng.integers(len(scenes), size=n)
    image = scenes[which] + 0.7 * rng.normal(size=(n, width)).astype(np.float32)
    text = scenes[which] + noise * rng.normal(size=(n, width)).astype(np.float32)
    text[:, 0] += common * rng.gamma(1.0, size=n) * np.sqrt(width)
    image[:, 0] += common * np.sqrt(width)
    return image, text, which


def write_million(folder: Path, n: int) -> pd.DataFrame:
    """Write shards in DataComp's layout; return what was planted in each pair."""
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(SCENES, WIDTH)).astype(np.float32)
    truth = []
    for shard in range(-(-n // SHARD)):
        rows = min(SHARD, n - shard * SHARD)
        image, text, _ = made_up(rows, rng, noise=8.0, scenes=scenes)
        hashes = np.array([f"{shard:016x}{row:016x}" * 2 for row in range(rows)])
        drawn = rng.integers(len(WORDS), size=(rows, 6))
        told = [" ".join(WORDS[w] for w in each) for each in drawn]
        captions = np.array([f"{words} no {shard}-{row}" for row, words in enumerate(told)], object)
        kind = rng.choice(
            ["sound", "swapped", "near", "exact", "named"], size=rows,
            p=[1 - SWAPPED - NEAR - EXACT - NAMED, SWAPPED, NEAR, EXACT, NAMED],
        )  # fmt: skip
        swapped = np.flatnonzero(kind == "swapped")
        text[swapped] = text[np.roll(swapped, 1)]
        of = np.full(rows, -1)
        for name, blur in (("near", 0.2), ("exact", 0.0)):
            copies = np.flatnonzero(kind == name)
            of[copies] = rng.choice(np.flatnonzero(kind == "sound"), len(copies))
            spread = np.linalg.norm(image[of[copies]], axis=1, keepdims=True) / np.sqrt(WIDTH)
            shift = blur * spread * rng.normal(size=(len(copies), WIDTH))
            image[copies] = image[of[copies]] + shift.astype(np.float32)
            text[copies] = text[of[copies]] + 0.3 * rng.normal(size=(len(copies), WIDTH))
            if name == "exact":
                hashes[copies] = hashes[of[copies]]
        captions[kind == "named"] = [
            f"IMG_{row:05d}.jpg" for row in np.flatnonzero(kind == "named")
        ]
        uid = [f"{shard:016x}{row:016x}" for row in range(rows)]
        sizes = {"original_width": np.full(rows, 640), "original_height": np.full(rows, 480)}
        pq.write_table(
            pa.table({"uid": uid, "text": captions, "sha256": hashes, **sizes}),
            folder / f"{shard:05d}.parquet",
        )
        halves = [unit_length(part).astype(np.float16) for part in (image, text)]
        np.savez(folder / f"{shard:05d}.npz", l14_img=halves[0], l14_txt=halves[1])
        base = shard * SHARD
        truth.append(
            pd.DataFrame({"uid": uid, "kind": kind, "of": np.where(of < 0, -1, of + base)})
        )
    return pd.concat(truth, ignore_index=True)


def baseline(folder: Path) -> np.ndarray:
    """Keep the best 30 % by cosine after exact copies are gone; bool (n,)."""
    scores, hashes = [], []
    for path in sorted(folder.glob("*.parquet")):
        hashes.append(pd.read_parquet(path, columns=["sha256"]))
        with np.load(path.with_suffix(".npz")) as stored:
            image, text = (stored[f"l14_{name}"].astype(np.float32) for name in ("img", "txt"))
        scores.append((image * text).sum(axis=1))
    score = np.concatenate(scores)
    table = pd.concat(hashes, ignore_index=True)
    order = np.argsort(-score)
    first = ~table.iloc[order]["sha256"].duplicated().to_numpy()
    kept = np.zeros(len(score), bool)
    kept[order[first][: round(TOP * len(score))]] = True
    return kept


def our_way(folder: Path, work: Path) -> np.ndarray:
    found = curate_pairs(
        sorted(folder.glob("*.parquet")), work=work, vectors=folder, arrays="l14", top=TOP,
        threshold=CLOSE, same="image", draws=len_of(folder),
        most_draws=CAP, out=[work / "kept.npy"],
    )  # fmt: skip
    kept = np.zeros(len(found.scores), bool)
    kept[found.chosen.kept] = True
    return kept


def len_of(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet")) // 2


def measured(run: Callable[[], np.ndarray]) -> tuple[np.ndarray, float, float]:
    """Return what a function keeps, its CPU-seconds and the highest memory so far in GiB."""
    before = time.process_time()
    kept = run()
    cpu = time.process_time() - before
    # Not `ru_maxrss`, which begins with that of the process that started this one.
    told = Path("/proc/self/status").read_text(encoding="utf-8")
    highest = next(line for line in told.splitlines() if line.startswith("VmHWM"))
    return kept, cpu, int(highest.split()[1]) / 2**20


def judged(kept: np.ndarray, truth: pd.DataFrame) -> dict[str, float]:
    kind = truth["kind"].to_numpy()
    of = truth["of"].to_numpy()
    copies = of >= 0
    group = np.where(copies, of, np.arange(len(of)))
    taken = np.bincount(group[kept], minlength=len(of))
    shares = {name: float((kind[kept] == name).mean()) for name in ("swapped", "named")}
    repeated = float(np.maximum(taken - 1, 0).sum() / kept.sum())
    return {"kept": int(kept.sum()), **shares, "second of one image": repeated}


def million(n: int) -> list[dict[str, Any]]:
    """Measure each way in a process of its own, on the same files."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pairs"
        folder.mkdir()
        truth = write_million(folder, n)
        truth.to_parquet(Path(place) / "truth.parquet")
        results = []
        for way in ("ours", "baseline"):
            words = [sys.executable, __file__, "--way", way, "--place", place]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            results.append(eval(done.stdout.strip().splitlines()[-1]))
        return results


def one_way(way: str, place: Path) -> None:
    folder = place / "pairs"
    run = (lambda: our_way(folder, place / "work")) if way == "ours" else lambda: baseline(folder)
    kept, cpu, memory = measured(run)
    found = judged(kept, pd.read_parquet(place / "truth.parquet"))
    print(repr({"way": way, "pairs": len(kept), "cpu_s": cpu, "gb": memory, **found}))


def swaps(noise: float, seed: int, *, n: int = 5000) -> Iterator[dict[str, Any]]:
    """Yield the average precision of each score for a tenth of swapped captions."""
    rng = np.random.default_rng(seed)
    scenes = rng.normal(size=(n, 128)).astype(np.float32)
    image, text, _ = made_up(n, rng, noise=noise, scenes=scenes)
    wrong = np.sort(rng.choice(n, n // 10, replace=False))
    text[wrong] = text[np.roll(wrong, 1)]
    yield from _ranked(
        unit_length(image), unit_length(text), wrong, seed, f"made up, noise {noise:g}"
    )


def _ranked(
    image: np.ndarray, text: np.ndarray, wrong: np.ndarray, seed: int, data: str
) -> Iterator[dict[str, Any]]:
    bad = np.zeros(len(image), bool)
    bad[wrong] = True
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.savez(folder / "a.npz", b_img=image, b_txt=text)
        captions = [f"a scene with number {row} in it" for row in range(len(image))]
        pq.write_table(pa.table({"text": captions}), folder / "a.parquet")
        scores = score_pairs([folder / "a.parquet"], folder / "work", vectors=folder)
        rng = np.random.default_rng(seed)
        judged = rng.choice(len(image), 300, replace=False)
        ids = scores.table["pair_id"].take(pa.array(judged)).to_pylist()
        head = combine_scores(scores, ids, ~bad[judged], random_state=seed).score(scores)
    rest = np.setdiff1d(np.arange(len(image)), judged)
    for name, values in (
        ("similarity", scores.numbers("similarity")),
        ("contrast", scores.numbers("contrast")),
        ("head of 300 labels", head),
    ):
        found = average_precision_score(bad[rest], -values[rest])
        yield {"data": data, "score": name, "seed": seed, "ap": float(found)}


def photographs(folder: Path, seed: int) -> Iterator[dict[str, Any]]:
    """Photographs and the names of their classes, in a space that 300 pairs make."""
    table = pq.read_table(folder / "imagenette224_subset.parquet", columns=["jpeg", "label_name"])
    images = np.stack([fit_square(decode_image(data), 160) for data in table["jpeg"].to_pylist()])
    names = np.array(table["label_name"].to_pylist())
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    vectors = get_encoder("meaning:image").encode(images)
    captions = {name: f"a photo of a {name.replace('_', ' ')}" for name in np.unique(names)}
    known = dict(
        zip(captions, get_encoder("meaning:text").encode(list(captions.values())), strict=True)
    )
    fitted, rest = order[:300], order[300:]
    target = np.stack([known[name] for name in names])
    model = Ridge(alpha=1.0).fit(vectors[fitted], target[fitted])
    image = unit_length(model.predict(vectors[rest]).astype(np.float32))
    told = names[rest].copy()
    wrong = np.sort(rng.choice(len(rest), len(rest) // 10, replace=False))
    others = np.unique(names)
    for row in wrong:
        told[row] = rng.choice(others[others != told[row]])
    text = unit_length(np.stack([known[name] for name in told]))
    yield from _ranked(image, text, wrong, seed, "Imagenette, names of classes")


def streamed(folder: Path) -> dict[str, float]:
    """Megabytes a CPU-second of tar shards with photographs of 512 pixels, nothing decoded."""
    import cv2

    table = pq.read_table(folder / "imagenette224_subset.parquet", columns=["jpeg"]).slice(0, 600)
    files = []
    for data in table["jpeg"].to_pylist():
        large = cv2.resize(decode_image(data)[..., ::-1], (512, 512), interpolation=cv2.INTER_CUBIC)
        files.append(cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    with tempfile.TemporaryDirectory() as place:
        paths = []
        for shard in range(4):
            paths.append(Path(place) / f"{shard}.tar")
            with tarfile.open(paths[-1], "w") as tar:
                for row in range(3000):
                    caption = " ".join(WORDS[(row * k + shard) % len(WORDS)] for k in (1, 3, 7))
                    members = (
                        ("jpg", files[row % len(files)]),
                        ("txt", f"{caption} {row}".encode()),
                    )
                    for suffix, data in members:
                        info = tarfile.TarInfo(f"{row:06d}.{suffix}")
                        info.size = len(data)
                        tar.addfile(info, io.BytesIO(data))
        size = sum(path.stat().st_size for path in paths) / 1e6
        score_pairs(paths[:1], Path(place) / "warm")
        before = time.process_time()
        scores = score_pairs(paths, Path(place) / "work")
        cpu = time.process_time() - before
        before = time.process_time()
        choose_pairs(scores, Path(place) / "work")
        return {"mb": size, "pairs": len(scores), "mb_per_cpu_s": size / cpu,
                "kb_per_pair": 1000 * size / len(scores)}  # fmt: skip


def page(found: dict[str, Any]) -> dict[str, Any]:
    """Return the tables for the documentation."""
    ours = {"ours": "Thresher", "baseline": "exact copies, best 30 % (NumPy)"}
    whole = [
        [ours[r["way"]], f"{r['pairs']:,}", f"{r['kept']:,}", f"{r['swapped']:.2%}",
         f"{r['named']:.2%}", f"{r['second of one image']:.2%}",
         f"{r['cpu_s']:.0f}", f"{r['gb']:.1f}"]
        for r in found["million"]
    ]  # fmt: skip
    rows = []
    for data, score in dict.fromkeys((r["data"], r["score"]) for r in found["swaps"]):
        values = [r["ap"] for r in found["swaps"] if (r["data"], r["score"]) == (data, score)]
        rows.append([data, score, f"{np.mean(values):.3f}", f"{min(values):.3f}"])
    stream = found["streamed"]
    return {
        "title": "Image–text pairs",
        "note": f"Stored embeddings of {WIDTH} numbers in half precision; {found['machine']}. "
        f"Planted in the million: {SWAPPED:.0%} captions of other images, {NAMED:.0%} names of "
        f"files, {NEAR:.0%} near and {EXACT:.0%} exact copies of images. Tar files of photographs "
        f"({stream['kb_per_pair']:.0f} kB a pair, nothing decoded) were measured at "
        f"{stream['mb_per_cpu_s']:.0f} MB a CPU-second. Swapped captions: a tenth of the pairs; "
        "mean and lowest of the seeds.",
        "tables": [
            {"caption": "What is among the kept pairs",
             "header": ["way", "pairs", "kept", "captions of other images", "names of files",
                        "second of one image", "CPU-s", "GiB"], "rows": whole},
            {"caption": "Swapped captions found",
             "header": ["data", "score", "average precision", "lowest"], "rows": rows},
        ],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("curation_pairs.json"))
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--way", choices=["ours", "baseline"], help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        one_way(options.way, options.place)
        return
    folder = Path(os.environ["THRESHER_DATA"])
    found: dict[str, Any] = {"machine": platform.processor() or platform.machine()}
    found["streamed"] = streamed(folder)
    print(found["streamed"], flush=True)
    found["swaps"] = [
        row
        for seed in range(options.seeds)
        for noise in (0.7, 1.5, 3.0)
        for row in swaps(noise, seed)
    ] + [row for seed in range(options.seeds) for row in photographs(folder, seed)]
    print(found["swaps"], flush=True)
    found["million"] = million(options.pairs)
    print(found["million"], flush=True)
    write_json(options.out, {**found, "page": page(found)})


if __name__ == "__main__":
    main()

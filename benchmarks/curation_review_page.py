"""Claim: a review of 100,000 images is drawn in a second, and a million pairs are cut at once.

Headless Chromium opens `thresher serve-review`'s page; every time is taken in the page by
``performance.now()``, and "painted" is two frames of animation later. Two reviews are made here:
100,000 images (500 different JPEG files of 160 × 120 pixels) of which 30,000 are near copies, and a
million pairs of 1,250,000 rows of text with a map of all rows.

first paint: from the start of navigation until the first cards, and their images, are there
re-cut: a new threshold, as the slider sets it, for the million pairs
map: from the click on the list until all points are painted, transfer included
lasso: from the end of the line to the rows inside of it
scrolling: 40 pixels a frame through the groups; the page's own work for each frame

Run: python benchmarks/curation_review_page.py --out page.json
Needs Debian's chromium and chromium-driver, and ``pip install 'thresher[web]' selenium``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import datasets
import numpy as np
import pyarrow as pa
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from curation import decide
from thresher.app.places import Places
from thresher.app.review_sheet import Reviewed
from thresher.app.reviewing.desk import Finish, ReviewDesk
from thresher.app.web.application import make_app
from thresher.app.web.review.site import review_site
from thresher.app.web.running import Place, serve
from thresher.core import Embeddings, Issues, Manifest
from thresher.core.columns import dataset_of
from thresher.core.files import write_json
from thresher.core.loaded import LoadedDataset
from thresher.core.schema import Schema

CLASSES = tuple(f"class {at}" for at in range(10))
TOKEN = "token-of-the-benchmark"
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def images(rng: np.random.Generator, kinds: int) -> list[bytes]:
    made = []
    for _ in range(kinds):
        pixels = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (160, 120))
        made.append(cv2.imencode(".jpg", pixels)[1].tobytes())
    return made


def loaded(columns: dict[str, pa.Array], features: Any, schema: Schema) -> LoadedDataset:
    dataset = dataset_of(pa.table(columns), features, key="benchmark")
    return LoadedDataset(dataset, schema, Issues.empty(), "benchmark", "benchmark")


def findings(
    rng: np.random.Generator, ids: np.ndarray, *, kept: int, labels: int
) -> tuple[Issues, np.ndarray, np.ndarray]:
    """Near copies of the first `kept` rows by all rows after them, and some suspected labels."""
    copies, twins = ids[kept:], ids[rng.integers(0, kept, len(ids) - kept)]
    scores = rng.beta(1.5, 12, len(copies)).astype(np.float32)
    near = Issues.from_columns("near_duplicate", row_ids=copies, scores=scores, twins=twins)
    doubted = rng.choice(kept, labels, replace=False)
    label = Issues.from_columns(
        "label",
        row_ids=ids[doubted],
        scores=rng.random(labels),
        suggested=[CLASSES[at] for at in rng.integers(0, len(CLASSES), labels)],
    )
    return Issues.concat([near, label]), twins, scores


def review_of_images(rows: int, copies: int) -> Reviewed:
    rng = np.random.default_rng(0)
    ids = np.array([f"img_{at:06d}" for at in range(rows)], dtype=object)
    files = images(rng, 500)
    given = rng.integers(0, len(CLASSES), rows)
    stored = pa.array([files[at] for at in rng.integers(0, len(files), rows)], pa.binary())
    columns = {
        "row_id": pa.array(ids, pa.string()),
        "image": pa.StructArray.from_arrays(
            [stored, pa.nulls(rows, pa.string())], ["bytes", "path"]
        ),
        "label": pa.array([CLASSES[at] for at in given], pa.string()),
        "split": pa.repeat(pa.scalar("train"), rows),
    }
    features = datasets.Features(
        {
            "row_id": datasets.Value("string"),
            "image": datasets.Image(decode=False),
            "label": datasets.Value("string"),
            "split": datasets.Value("string"),
        }
    )
    issues, _, _ = findings(rng, ids, kept=rows - copies, labels=2_000)
    labels = columns["label"].to_pylist()
    manifest = decide(issues, row_ids=ids, labels=labels, policy={"label": "review"})
    schema = Schema("image", ("image",), "label", CLASSES, "classification")
    return Reviewed(manifest, issues, loaded(columns, features, schema), Places.none())


def review_of_pairs(rows: int, pairs: int) -> Reviewed:
    rng = np.random.default_rng(1)
    ids = np.array([f"row{at:07d}" for at in range(rows)], dtype=object)
    issues, twins, scores = findings(rng, ids, kept=rows - pairs, labels=1_000)
    kept = rows - pairs
    names = np.array(CLASSES, dtype=object)[rng.integers(0, len(CLASSES), rows)]
    manifest = Manifest.from_columns(
        ids,
        ["keep"] * kept + ["drop"] * pairs,
        reasons=[None] * kept + ["near_duplicate"] * pairs,
        scores=np.concatenate([np.full(kept, np.nan), scores]),
        twins=[None] * kept + twins.tolist(),
        old_labels=names.tolist(),
    )
    columns = {
        "row_id": pa.array(ids, pa.string()),
        "text": pa.array([f"text number {at} of many" for at in range(rows)], pa.string()),
        "label": pa.array(names, pa.string()),
        "split": pa.repeat(pa.scalar("train"), rows),
    }
    features = datasets.Features({name: datasets.Value("string") for name in columns})
    schema = Schema("text", ("text",), "label", CLASSES, "classification")
    return Reviewed(manifest, issues, loaded(columns, features, schema), Places.none())


def clustered(ids: np.ndarray) -> Embeddings:
    rng = np.random.default_rng(2)
    centers = rng.normal(size=(40, 16))
    vectors = centers[rng.integers(0, 40, len(ids))] + 0.4 * rng.normal(size=(len(ids), 16))
    return Embeddings.from_vectors(vectors.astype(np.float32), row_ids=ids)


@contextmanager
def served(desk: ReviewDesk) -> Iterator[str]:
    """Serve a review in a thread, and give its link."""
    stop, ready, links = threading.Event(), threading.Event(), {}

    def say(found: Any) -> None:
        links.update(found)
        ready.set()

    app = make_app(review_site(desk, title="benchmark"), token=TOKEN)
    place = Place(port=0, token=TOKEN)
    options = {"annotators": (), "say": say, "stop": stop}
    thread = threading.Thread(target=serve, args=(app, place), kwargs=options)
    thread.start()
    ready.wait(60)
    try:
        yield links[""]
    finally:
        stop.set()
        thread.join()


def browser() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, "--window-size=1280,800"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, service=Service(DRIVER))
    driver.set_script_timeout(300)
    return driver


def run(driver: webdriver.Chrome, program: str) -> Any:
    """Run the body of an asynchronous function in the page."""
    return driver.execute_async_script(
        f"const done = arguments[0]; (async () => {{ {program} }})()"
        ".then(done, (error) => done({error: String(error)}));"
    )


def wait(driver: webdriver.Chrome, condition: str) -> None:
    limit = time.monotonic() + 300
    while not driver.execute_script(f"return Boolean({condition})"):
        if time.monotonic() > limit:
            raise TimeoutError(condition)
        time.sleep(0.05)


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[math.ceil(0.95 * len(ordered)) - 1], 1),
        "max_ms": round(ordered[-1], 1),
    }


FIRST = """
const frame = () => new Promise((done) => requestAnimationFrame(done));
while (!window.review?.firstPaint) await frame();
const cards = performance.now();
const ready = () => { const all = [...document.querySelectorAll('.card img')];
  return all.length && all.every((image) => image.complete && image.naturalWidth); };
while (!ready()) await frame();
await frame();
return { cards, images: performance.now(), shown: document.querySelectorAll('.card').length };
"""
SCROLL = """
const grid = review.grid, work = [], frames = [];
const update = grid.update.bind(grid);
grid.update = () => { const at = performance.now(); update(); work.push(performance.now() - at); };
let last = await new Promise((done) => requestAnimationFrame(done));
for (let at = 0; at < 300; at += 1) {
  grid.node.scrollTop += 40;
  const now = await new Promise((done) => requestAnimationFrame(done));
  frames.push(now - last); last = now;
}
return { work, frames, cards: document.querySelectorAll('.card').length };
"""
CUT = f"""
const {{ low, high }} = review.list, own = [], painted = [];
for (let at = 0; at < 60; at += 1) {{
  const limit = low + (high - low) * ((at * 37) % 60) / 60;
  const began = performance.now();
  review.tools.cut(limit);
  own.push(performance.now() - began);
  await {PAINTED};
  painted.push(performance.now() - began);
}}
return {{ own, painted, groups: review.list.units, pairs: review.list.rows.length }};
"""
MAP = f"""
const began = performance.now();
await review.open('map');
while (!review.map?.pixels) await new Promise((done) => requestAnimationFrame(done));
await {PAINTED};
const first = performance.now() - began, draws = [], lassos = [];
for (let at = 0; at < 20; at += 1) {{
  const start = performance.now();
  review.map.zoom(at % 2 ? 1 / 1.3 : 1.3); review.map.draw();
  draws.push(performance.now() - start);
}}
const {{ width, height }} = review.map;
let rows = 0;
for (let at = 0; at < 20; at += 1) {{
  const path = Array.from({{ length: 200 }}, (_, turn) => ({{
    x: width / 2 + (width / 3) * Math.cos(turn / 31.8),
    y: height / 2 + (height / 3) * Math.sin(turn / 31.8) }}));
  const start = performance.now();
  rows = review.map.inside(path).length;
  lassos.push(performance.now() - start);
}}
return {{ first, draws, lassos, rows, points: review.map.rows }};
"""


def measure_images(driver: webdriver.Chrome, desk: ReviewDesk, repeats: int) -> dict[str, Any]:
    cards, pictures, found = [], [], {}
    with served(desk) as link:
        driver.get(link)
        wait(driver, "window.review?.firstPaint")
        base = link.partition("?")[0]
        for _ in range(repeats):
            driver.get("about:blank")
            driver.get(f"{base}review")
            found = run(driver, FIRST)
            cards.append(found["cards"])
            pictures.append(found["images"])
        scrolled = run(driver, SCROLL)
    return {
        "rows": len(desk.table),
        "first cards": spread(cards),
        "first images": spread(pictures),
        "cards in the page": max(found["shown"], scrolled["cards"]),
        "own work of a frame while scrolling": spread(scrolled["work"]),
        "frame while scrolling": spread(scrolled["frames"]),
    }


def measure_pairs(driver: webdriver.Chrome, desk: ReviewDesk) -> dict[str, Any]:
    with served(desk) as link:
        driver.get(link)
        wait(driver, "window.review?.firstPaint")
        run(driver, "await review.open('near_duplicate')")
        wait(driver, "review.list?.name === 'near_duplicate'")
        cut = run(driver, CUT)
        seen = run(driver, MAP)
    return {
        "pairs": cut["pairs"],
        "groups": cut["groups"],
        "re-cut, until the list is cut": spread(cut["own"]),
        "re-cut, painted": spread(cut["painted"]),
        "points": seen["points"],
        "map, painted from the click": {"ms": round(seen["first"], 1)},
        "map, drawn again": spread(seen["draws"]),
        "lasso to rows": spread(seen["lassos"]) | {"rows": seen["rows"]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    if not (Path(CHROMIUM).is_file() and Path(DRIVER).is_file()):
        sys.exit("This needs a browser: apt-get install chromium chromium-driver")
    nothing = Finish(Path("clean"), "", "a benchmark", lambda *_: None)
    driver = browser()
    result: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time()
            reviewed = review_of_images(asked.images, asked.images * 3 // 10)
            made = time.process_time()
            desk = ReviewDesk(reviewed, Path(folder, "images"), finish=nothing)
            result["images"] = {"open_cpu_s": round(time.process_time() - made, 2)}
            result["images"] |= measure_images(driver, desk, asked.repeats)
            reviewed = review_of_pairs(asked.pairs * 5 // 4, asked.pairs)
            vectors = clustered(reviewed.manifest.row_ids)
            made = time.process_time()
            desk = ReviewDesk(reviewed, Path(folder, "pairs"), finish=nothing, vectors=vectors)
            opened = time.process_time() - made
            desk.map()  # made once and kept; what is timed is the page
            result["pairs"] = {
                "open_cpu_s": round(opened, 2),
                "map_cpu_s": round(time.process_time() - made - opened, 2),
            }
            result["pairs"] |= measure_pairs(driver, desk)
            result["cpu_s"] = round(time.process_time() - began, 1)
    finally:
        browser_version = driver.capabilities["browserVersion"]
        driver.quit()
    result["about"] = {
        "chromium": browser_version,
        "python": platform.python_version(),
        "starlette": version("starlette"),
        "cpus": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
    }
    print(json.dumps(result, indent=2))
    if asked.out is not None:
        write_json(asked.out, result | {"page": page(result)})


def page(result: dict[str, Any]) -> dict[str, Any]:
    """Return the table for readers."""
    shown, pairs, about = result["images"], result["pairs"], result["about"]

    def line(what: str, found: dict[str, float], goal: str) -> list[str]:
        middle = found.get("p50_ms", found.get("ms"))
        high = found.get("p95_ms", found.get("ms"))
        return [what, f"{middle:,.0f}", f"{high:,.0f}", goal]

    rows = [
        line("first cards, from the start of navigation", shown["first cards"], "1,000"),
        line("and their images", shown["first images"], ""),
        line(
            "own work of a frame while scrolling",
            shown["own work of a frame while scrolling"],
            "16.7",
        ),
        line("frame while scrolling", shown["frame while scrolling"], "16.7"),
        line("new threshold, list cut", pairs["re-cut, until the list is cut"], "100"),
        line("and painted", pairs["re-cut, painted"], "100"),
        line("map painted, from the click", pairs["map, painted from the click"], "2,000"),
        line("map drawn again at another zoom", pairs["map, drawn again"], ""),
        line("lasso to rows", pairs["lasso to rows"], "200"),
    ]
    note = (
        f"{shown['rows']:,} images; {pairs['pairs']:,} pairs in {pairs['groups']:,} groups and a "
        f"map of {pairs['points']:,} points. Headless Chromium "
        f"{about['chromium'].partition('.')[0]} without a GPU, {about['cpus']} cores at a load of "
        f"{about['load'][0]:g}, milliseconds of wall time taken in the page. Opening the review "
        f"took the server {shown['open_cpu_s']:.1f} and {pairs['open_cpu_s']:.1f} CPU-seconds, "
        f"making the map {pairs['map_cpu_s']:.1f}. At most {shown['cards in the page']} cards were "
        "in the page."
    )
    table = {"caption": "", "header": ["what", "median", "95 of 100", "goal"], "rows": rows}
    return {"title": "The review page", "note": note, "tables": [table]}


if __name__ == "__main__":
    main()

"""Claim: box errors are ranked better than by cleanlab, and COCO's size is read in 2 GB.

Files: made-up COCO of 118,287 images and 400 MB is read and written back by Thresher, pycocotools
(which only indexes, and writes nothing: its JSON is dumped again) and datumaro, and read by
supervision (which writes only where the images lie) and whole by json and orjson, each in a process
of its own on one thread; CPU seconds, peak memory, and whether the bytes are the same.

Errors: scenes of three families (the scores were made on "streets" with other seeds; "shelves" and
"animals" played no part) with 5 % of the boxes missing, 5 % badly placed, 5 % of another class and
5 % on nothing, judged by simulated detectors of three strengths
(benchmarks/planted/detection_scenes.py). Of each image the average precision of having an error of
that kind, for Thresher by `find_box_errors`, for cleanlab by its score for that kind (its score of
an image for boxes on nothing, for which it has none), and by the loss: one less the confidence that
the detector gives its best box on the label, or the highest confidence without a label. Over all
boxes: how many errors the chances add up to, beside how many were planted.

Run: OMP_NUM_THREADS=1 python benchmarks/curation_detection.py --peer-python VENV/bin/python
         --out curation_detection.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from curation import find_box_errors, find_detection_issues
from thresher.core import Predictions, load_detection_set, write_detection_set
from thresher.core.files import read_json, write_json

sys.path.insert(0, str(Path(__file__).resolve().parent))
from planted.detection_scenes import DETECTORS, FAMILIES, KINDS, Planted, as_json, planted

RATE = 0.05
LONGEST = 900  # seconds of a peer
PEERS = {
    "json": """
found = json.load(open(path)); read = seconds()
boxes = len(found["annotations"])
""",
    "orjson": """
import orjson
found = orjson.loads(open(path, "rb").read()); read = seconds()
boxes = len(found["annotations"])
""",
    "pycocotools": """
from pycocotools.coco import COCO
found = COCO(path); read = seconds()
with open(out, "w") as stream: json.dump(found.dataset, stream)
boxes = len(found.anns)
""",
    "supervision": """
import supervision as sv
found = sv.DetectionDataset.from_coco(images_directory_path=folder, annotations_path=path)
read = seconds()
boxes = sum(len(one) for one in found.annotations.values())
""",
    "datumaro": """
import os, datumaro as dm
os.makedirs(folder + "/dm/annotations"); os.makedirs(folder + "/dm/images")
os.link(path, folder + "/dm/annotations/instances_train.json")
found = dm.Dataset.import_from(folder + "/dm", "coco_instances"); found.init_cache()
read = seconds()
found.export(folder + "/dm-out", "coco_instances")
os.replace(folder + "/dm-out/annotations/instances_train.json", out)
boxes = sum(len(item.annotations) for item in found)
""",
}
FRAME = """
import json, logging, resource, sys, time, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
path, out, folder = sys.argv[1:]
start = time.process_time()
def seconds(): return time.process_time() - start
{body}
written = seconds() - read
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({{"read_s": read, "write_s": written, "peak_gb": peak, "boxes": boxes}}))
"""


def as_coco(value: Any) -> str:
    """Return JSON with the spaces that COCO's own files have."""
    return json.dumps(value, separators=(",", ": "))


def make_coco(path: Path, images: int) -> None:
    """Write a COCO file as its makers do: polygons, some crowds, 7 boxes an image."""
    rng = np.random.default_rng(0)
    numbers = [code + 1 + (code > 10) for code in range(80)]
    number = 0
    with path.open("w") as stream:
        stream.write('{"info": {"description": "made up"},"images": [')
        for at in range(images):
            url = f"http://images.cocodataset.org/train2017/{at:012d}.jpg"
            image = {"license": 1, "file_name": f"{at:012d}.jpg", "coco_url": url, "height": 480,
                     "width": 640, "date_captured": "2013-11-14 16:28:13", "id": at}  # fmt: skip
            stream.write(("," if at else "") + as_coco(image))
        stream.write('],"annotations": [')
        for at in range(images):
            for _ in range(int(rng.choice((1, 2, 4, 7, 9, 20)))):
                x, y, w, h = (rng.random(4) * (500, 350, 130, 120) + (0, 0, 5, 5)).round(2).tolist()
                crowd = int(rng.random() < 0.01)
                runs = rng.integers(1, 3000, 60).tolist()
                outline: Any = {"counts": [*runs, 480 * 640 - sum(runs)], "size": [480, 640]}
                if not crowd:
                    corners = rng.random(2 * int(rng.choice((8, 20, 30, 44)))) * 120
                    outline = [corners.round(2).tolist()]
                number += 1
                entry = {"segmentation": outline, "area": round(w * h * 0.7, 4), "iscrowd": crowd,
                         "image_id": at, "bbox": [x, y, w, h],
                         "category_id": int(rng.choice(numbers)), "id": number}  # fmt: skip
                stream.write(("," if number > 1 else "") + as_coco(entry))
        names = [{"supercategory": "x", "id": code, "name": f"class {code}"} for code in numbers]
        stream.write('],"categories": ' + as_coco(names) + "}")


def ours(path: Path, folder: Path, sender: Any) -> None:
    start = time.process_time()
    found = load_detection_set(path, images=folder)
    read = time.process_time() - start
    (file,) = write_detection_set(found, folder / "ours")
    written = time.process_time() - start - read
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start = time.process_time()
    find_detection_issues(found, looks=False)
    checked = time.process_time() - start
    same = file.read_bytes() == path.read_bytes()
    stays = np.arange(len(found.boxes)) % 1000 != 7
    less = found.keep(images=np.ones(len(found), bool), boxes=stays)
    start = time.process_time()
    write_detection_set(less, folder / "less")
    sender.send({"read_s": read, "write_s": written, "peak_gb": peak, "boxes": len(found.boxes),
                 "same_bytes": same, "check_s": checked,
                 "write_changed_s": time.process_time() - start})  # fmt: skip


def files(images: int, home: Path, python: str | None) -> dict[str, Any]:
    path = home / "set.json"
    make_coco(path, images)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=ours, args=(path, home, sender))
    process.start()
    found: dict[str, Any] = {
        "images": images, "megabytes": path.stat().st_size / 1e6, "thresher": receiver.recv()
    }  # fmt: skip
    process.join()
    for name, body in PEERS.items() if python else ():
        script = home / f"run_{name}.py"
        script.write_text(FRAME.format(body=body))
        command = [str(python), str(script), str(path), str(home / f"{name}.json"), str(home)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=LONGEST
            )
        except subprocess.TimeoutExpired:
            found[name] = {"failed": f"not done after {LONGEST} seconds"}
        except subprocess.CalledProcessError as error:
            found[name] = {"failed": (error.stderr.strip().splitlines() or ["killed"])[-1][:200]}
        else:
            found[name] = json.loads(done.stdout.strip().splitlines()[-1])
            out = home / f"{name}.json"
            if out.is_file():
                found[name]["same_bytes"] = out.read_bytes() == path.read_bytes()
        print(name, found[name], file=sys.stderr, flush=True)
    return found


def by_cleanlab(data: Planted) -> dict[str, np.ndarray]:
    """Return cleanlab's scores of each image, low = bad."""
    from cleanlab.object_detection import rank

    given = [{"bboxes": one["boxes"], "labels": one["labels"]} for one in data.targets]
    said = []
    for one in data.predictions:
        table = np.empty(data.classes, dtype=object)
        for code in range(data.classes):
            mine = one["labels"] == code
            table[code] = np.hstack([one["boxes"][mine], one["scores"][mine][:, None]])
        said.append(table)
    scored = {
        "missing": rank.compute_overlooked_box_scores,
        "badly placed": rank.compute_badloc_box_scores,
        "wrong class": rank.compute_swap_box_scores,
    }
    found = {
        kind: rank.pool_box_scores_per_image(score(labels=given, predictions=said))
        for kind, score in scored.items()
    }
    return found | {"spurious": rank.get_label_quality_scores(given, said, verbose=False)}


def by_loss(data: Planted) -> np.ndarray:
    """Return the highest loss of each image: labels unsaid, predictions unlabeled."""
    worst = np.zeros(len(data.targets))
    for at, sides in enumerate(zip(data.targets, data.predictions, strict=True)):
        labels, said = sides
        low = np.maximum(labels["boxes"][:, None, :2], said["boxes"][None, :, :2])
        high = np.minimum(labels["boxes"][:, None, 2:], said["boxes"][None, :, 2:])
        both = np.prod(np.maximum(high - low, 0), axis=2)
        areas = [np.prod(one["boxes"][:, 2:] - one["boxes"][:, :2], axis=1) for one in sides]
        overlap = both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-9)
        same = labels["labels"][:, None] == said["labels"][None]
        on_it = (overlap >= 0.5) & same
        unsaid = 1 - (on_it * said["scores"][None]).max(axis=1, initial=0)
        unlabeled = said["scores"] * ~on_it.any(axis=0)
        worst[at] = max(unsaid.max(initial=0), unlabeled.max(initial=0))
    return worst


def errors(family: str, detector: str, *, images: int, seed: int, home: Path) -> dict[str, Any]:
    data = planted(family, detector, images=images, rate=RATE, seed=seed)
    (home / "errors.json").write_text(json.dumps(as_json(data)["set"]))
    dataset = load_detection_set(home / "errors.json")
    counts = [len(one["scores"]) for one in data.predictions]
    said = Predictions(
        image_of=np.repeat(np.arange(images), counts),
        boxes=np.concatenate([one["boxes"] for one in data.predictions]),
        codes=np.concatenate([one["labels"] for one in data.predictions]),
        scores=np.concatenate([one["scores"] for one in data.predictions]),
    )
    start = time.process_time()
    found = find_box_errors(dataset, said)
    seconds = time.process_time() - start
    theirs, loss = by_cleanlab(data), by_loss(data)
    result: dict[str, Any] = {"cpu_s": seconds}
    for kind in KINDS:
        wrong = data.wrong[kind]
        mine = found.chances[found.kinds == kind]
        result[kind] = {
            "thresher": float(average_precision_score(wrong, found.of_images(kind, images=images))),
            "cleanlab": float(average_precision_score(wrong, 1 - theirs[kind])),
            "loss": float(average_precision_score(wrong, loss)),
            "share": float(wrong.mean()),
            "expected": float(mine.sum()),
            "planted": data.boxes[kind],
        }
    return result


def all_errors(images: int, seeds: int, home: Path) -> list[dict[str, Any]]:
    rows = []
    for family in FAMILIES:
        for detector in DETECTORS:
            runs = [
                errors(family, detector, images=images, seed=seed, home=home)
                for seed in range(seeds)
            ]
            for kind in KINDS:
                names = runs[0][kind]
                mean = {name: float(np.mean([run[kind][name] for run in runs])) for name in names}
                least = min(run[kind]["thresher"] - run[kind]["cleanlab"] for run in runs)
                rows.append({"family": family, "detector": detector, "kind": kind, **mean,
                             "least_lead": least})  # fmt: skip
                print(rows[-1], file=sys.stderr, flush=True)
    return rows


def page(found: dict[str, Any]) -> dict[str, Any]:
    read = found["files"]
    rows = []
    for name in ("thresher", *PEERS):
        one = read.get(name)
        if one is None:
            continue
        if "failed" in one:
            rows.append([name, "did not finish", one["failed"].replace("|", "/"), "", ""])
            continue
        written = "same_bytes" in one
        rows.append([name, f"{one['read_s']:.1f}", f"{one['write_s']:.1f}" if written else "",
                     f"{one['peak_gb']:.2f}",
                     ("yes" if one["same_bytes"] else "no") if written else ""])  # fmt: skip
    caption = f"COCO of {read['images']:,} images, {read['megabytes']:.0f} MB"
    tables = [{"caption": caption, "rows": rows,
               "header": ["", "read, CPU-s", "write, CPU-s", "peak GB", "same bytes"]}]  # fmt: skip
    header = ["scenes", "detector", "error", "share of images", "AP, Thresher", "AP, cleanlab",
              "AP, loss", "planted", "sum of chances"]  # fmt: skip
    lines = [
        [one["family"], one["detector"], one["kind"], f"{one['share']:.2f}",
         f"{one['thresher']:.3f}", f"{one['cleanlab']:.3f}", f"{one['loss']:.3f}",
         f"{one['planted']:.0f}", f"{one['expected']:.0f}"]
        for one in found["errors"]
    ]  # fmt: skip
    tables.append({"caption": "Planted errors, images ranked", "header": header, "rows": lines})
    ahead = sum(one["least_lead"] > 0 for one in found["errors"])
    extra = read["thresher"]
    peers = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    note = (
        f"{found['seeds']} seeds of {found['images']} images; ahead of cleanlab in every seed in "
        f"{ahead} of {len(found['errors'])} rows. The checks without a model took "
        f"{extra['check_s']:.1f} CPU-s for {extra['boxes']:,} boxes, to write the set without one "
        f"box in a thousand {extra['write_changed_s']:.1f}. {peers}."
    )
    return {"title": "Images with boxes", "note": note, "tables": tables}


def peer_versions(python: str | None) -> dict[str, str]:
    if python is None:
        return {}
    code = "import json, sys; from importlib.metadata import version; "
    code += "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    command = [python, "-c", code, *(name for name in PEERS if name != "json")]
    asked = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(asked.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=118_287, help="of the COCO file")
    parser.add_argument("--scenes", type=int, default=600, help="images of each set with errors")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--peer-python", help="a Python that has the peers")
    parser.add_argument("--part", choices=("files", "errors"), help="the other stays in --out")
    parser.add_argument("--folder", type=Path, help="where the files are made")
    parser.add_argument("--quick", action="store_true", help="a small file and one seed")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.quick:
        options.images, options.scenes, options.seeds = 1_000, 150, 1
    home = Path(tempfile.mkdtemp(prefix="thresher-detection-", dir=options.folder))
    try:
        found: dict[str, Any] = read_json(options.out) if options.part else {}
        if options.part != "files":
            found["errors"] = all_errors(options.scenes, options.seeds, home)
            found |= {"images": options.scenes, "seeds": options.seeds}
        if options.part != "errors":
            found["files"] = files(options.images, home, options.peer_python)
        found["claim"] = __doc__.partition("\n")[0]
        found["versions"] = {"cleanlab": version("cleanlab"), **peer_versions(options.peer_python)}
        found["python"] = platform.python_version()
        found["cpu"] = platform.processor() or platform.machine()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    found["page"] = page(found)
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()

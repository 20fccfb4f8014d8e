"""Every figure of the README's comparison is that of the stored result of the script beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = re.findall(r"^\| (.+) \| `(\w+)` \|$", (ROOT / "README.md").read_text("utf-8"), re.M)
ROWS = [([cell.replace("*", "") for cell in cells.split(" | ")], name) for cells, name in LINES]


@cache
def result(name: str) -> Any:
    return json.loads((ROOT / f"benchmarks/results/{name}.json").read_text("utf-8"))


def table(name: str, number: int = 0) -> dict[str, dict[str, str]]:
    """Return a table of a result's page by the first cell of its rows, then by its columns."""
    found = result(name)["page"]["tables"][number]
    return {row[0]: dict(zip(found["header"], map(str, row), strict=True)) for row in found["rows"]}


def r(value: float | str, digits: int) -> str:
    unit = Decimal(1).scaleb(-digits)
    return f"{Decimal(str(value)).quantize(unit, ROUND_HALF_UP):f}"


def span(values: Iterable[float], digits: int) -> str:
    low, high = min(found := list(values)), max(found)
    return f"{r(low, digits)}–{r(high, digits)}"


def guarantee() -> tuple[str, str]:
    rules = [corpus["rules"] for corpus in result("curation_guarantee")["corpora"].values()]
    assert len(rules) == 10
    ours = [rule["ours (stars)"] for rule in rules]
    peer = [rule["semhash"] for rule in rules if "semhash" in rule]
    left, alone = (max(one[key] for one in ours) for key in ("residual", "orphans"))
    theirs = span((one["residual"] for one in peer), 0)
    return f"{left}; {alone}", f"SemHash {theirs}; {max(one['orphans'] for one in peer)}"


def flags() -> tuple[str, str]:
    row = table("curation_labels_families")["strong evidence (.9 and above)"]
    ours = f"{r(row['F1, Thresher'], 2)}; {r(row['F1, 50 audited'], 2)}"
    return ours, f"cleanlab {r(row['F1, cleanlab'], 2)}"


def clean_sets() -> tuple[str, str]:
    row = table("curation_labels_families", 2)["judged, no wrong label"]
    ours, peer = 100 * float(row["Thresher"]), 100 * float(row["cleanlab"])
    return f"{r(ours, 1)} %", f"cleanlab {r(peer, 0)} %"


def boxes() -> tuple[str, str]:
    found = result("curation_detection")["errors"]
    ahead = sum(one["least_lead"] > 0 for one in found)
    behind = sum(one["least_lead"] < 0 for one in found)
    (row,) = (
        one
        for one in found
        if (one["family"], one["kind"], one["detector"]) == ("streets", "missing", "strong")
    )
    ours = f"{r(row['thresher'], 2)}; {ahead} of {len(found)}"
    return ours, f"cleanlab {r(row['cleanlab'], 2)}; {behind}"


def contamination() -> tuple[str, str]:
    runs = result("curation_contamination")["speed"]
    ours = max((one for one in runs if one["what"] == "contamination"), key=lambda one: one["mb"])
    (peer,) = (one for one in runs if one["what"] == "datatrove")
    for one in (ours, peer):
        assert (one["found"], one["other"]) == (one["planted"], 0)
    assert r(ours["mb"] / 1000, 0) == "1"
    speed, memory = r(ours["mb"] / ours["cpu_s"], 0), r(ours["peak_mb"] / 1000, 1)
    theirs = f"{r(peer['mb'] / peer['cpu_s'], 1)} (on {r(peer['mb'], 0)} MB)"
    return f"{speed}; {memory} GB; all, none", f"datatrove {theirs}; –; all, none"


def pairs() -> tuple[str, str]:
    ours, plain = result("curation_pairs")["million"]
    assert (ours["way"], plain["way"]) == ("ours", "baseline")
    seconds = [100 * one["second of one image"] for one in (ours, plain)]
    return (
        f"{r(ours['cpu_s'], 0)} s; {r(seconds[0], 2)} %",
        f"exact copies and the top 30 %, in NumPy: {r(plain['cpu_s'], 0)} s; {r(seconds[1], 1)} %",
    )


def chat() -> tuple[str, str]:
    sets = result("curation_chat")["results"].values()
    said = []
    for tool in ("Thresher", "SemHash"):
        runs = [run for one in sets for name, run in one.items() if name.startswith(tool)]
        said.append("; ".join(span((run[m] for run in runs), 2) for m in ("precision", "recall")))
    return said[0], f"SemHash {said[1]}"


def photos() -> tuple[str, str]:
    runs = result("curation_photos")["published"]["runs"]
    peers = [run for run in runs if run["tool"] in ("PHash", "DHash", "WHash", "AHash")]
    usual = span((run["F1"] for run in peers if run["at"] == "default"), 2)
    best = r(max(run["F1"] for run in peers if run["at"] != "default"), 2)
    (ours,) = (run for run in runs if run["tool"] == "Thresher")
    return r(ours["F1"], 2), f"imagededup {usual}, {best} with bits chosen on the truth"


def leaks() -> tuple[str, str]:
    ours, _, peer = result("curation_leaks")["methods"].values()
    found = [[r(one[key], 2) for key in ("all", "held out")] for one in (ours, peer)]
    return (
        f"{found[0][0]} ({found[0][1]} on the half not looked at)",
        f"pHash {found[1][0]} ({found[1][1]})",
    )


def strategies() -> tuple[str, str]:
    rows = table("active_learning_quality")
    whole = {name: row for name, row in rows.items() if "–" not in row.values()}
    assert len(whole) - len({"auto", "random"}) == 19
    peer = min(float(row["mean"]) for name, row in whole.items() if name.startswith("skactiveml"))
    return r(rows["auto"]["mean"], 1), f"scikit-activeml {r(peer, 1)}"


def adapters() -> tuple[str, str]:
    found = result("lifecycle_adapters")
    ours, peer = found["swap_1000"], found["peft"]["swap_1000"]
    return f"{r(ours['memory_ms'], 1)} ms", f"peft {r(peer['memory_ms'], 0)} ms"


def labeling_page() -> tuple[str, str]:
    found = result("active_learning_page")
    said = []
    for one, digits in ((found["ours"], 1), (found["theirs"], 0)):
        drawn, cpu = median(one["drawn_ms"]), one["cpu_ms_per_label"]
        cpu = r(r(cpu, 1), digits) if digits else str(int(cpu))
        said.append(f"{r(drawn, 0)} ms; {cpu} ms; {one['keys']}")
    return said[0], f"Label Studio {said[1]}"


def throughput() -> tuple[str, str]:
    found = result("augment_throughput")["images per CPU-second"]["32"][
        "crop, flip, jitter, cutout"
    ]
    ours, peer = found["ours, arrays"]["best"], found["albumentations"]["best"]
    return f"{round(ours, -2):,}", f"albumentations {int(100 * Decimal(r(peer / 100, 0))):,}"


def chain() -> tuple[str, str]:
    (run,) = result("pipeline_chain")["results"]["cifar10"]
    said = [
        f"{r(one['megabytes'], 3)} MB; {r(100 * one['accuracy'], 1)} %; "
        f"{r(one['milliseconds'], 3)} ms"
        for one in (run["lines"]["int8"], run["lines"]["student"])
    ]
    return said[0], f"its float file {said[1]}"


FIGURES: list[Callable[[], tuple[str, str]]] = [
    *(guarantee, flags, clean_sets, boxes, contamination, pairs, chat, photos, leaks, strategies),
    *(adapters, labeling_page, throughput, chain),
]


def test_every_row_of_the_comparison_is_looked_up() -> None:
    assert len(ROWS) == len(FIGURES)


@pytest.mark.parametrize(
    ("row", "figures"),
    list(zip(ROWS, FIGURES, strict=False)),
    ids=[found.__name__ for found in FIGURES],
)
def test_the_figures_are_those_of_the_result(
    row: tuple[list[str], str], figures: Callable[[], tuple[str, str]]
) -> None:
    (_, _, ours, peer), _ = row
    assert (ours, peer) == figures()


def test_what_is_said_of_labels_by_people_and_by_rules_is_measured() -> None:
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    people, rule = (
        table("curation_labels_families")[f"wrong labels: {kind}"]
        for kind in ("people's", "by a rule")
    )
    ours, peer, audited = (
        [r(row[f"F1, {column}"], 2) for row in (people, rule)]
        for column in ("Thresher", "cleanlab", "50 audited")
    )
    assert (
        f"F1 {ours[0]} on labels of people and {ours[1]} on labels made by rules, "
        f"where cleanlab has {peer[0]} and {peer[1]}" in text
    )
    assert f"After an audit of 50 rows it has {audited[0]} and {audited[1]}" in text


def test_crowds_are_judged_as_is_said() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    rows = table("active_learning_crowds")
    behind = float(rows["Dawid–Skene 1979"]["dog"]) - float(rows["thresher auto"]["dog"])
    assert f"A plain Dawid–Skene is {round(807 * behind)} of 807 items better" in text
    for crowd in ("duck", "adult2"):
        assert rows["Dawid–Skene 1979"][crowd] <= rows["thresher auto"][crowd]

"""Shadows: labels for disagreements alone, in any order, and verdicts that hold."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lifecycle import AsymptoticSequence, Shadow, rows_needed
from lifecycle.comparing.journal import Journal
from thresher.core.errors import InputError


def played(shadow: Shadow, rng: np.random.Generator, rows: int, better: float) -> list[float]:
    """Let models disagree on a tenth of the rows; return the differences in order."""
    differences = rng.choice([-1, 0, 1], rows, p=[0.05 - better / 2, 0.9, 0.05 + better / 2])
    for row, difference in enumerate(differences):
        new = {-1: "b", 0: "a", 1: "c"}[int(difference)]
        shadow.saw(str(row), old="a", new=new)
    for row in shadow.wanted():
        shadow.label(row, "a" if differences[int(row)] < 0 else "c")
    return [float(each) for each in differences]


def test_agreeing_rows_count_as_zero_and_need_no_label() -> None:
    shadow = Shadow()
    differences = played(shadow, np.random.default_rng(0), 3000, 0.02)
    found = shadow.result()
    bounds = AsymptoticSequence(alpha=0.02, best_at=2000).add(differences)
    assert (found.difference, found.lower, found.upper) == pytest.approx(
        (bounds.estimate[-1], bounds.lower[-1], bounds.upper[-1])
    )
    assert found.rows == 3000
    assert found.labels == found.disagreements == sum(map(abs, differences))


def test_a_hundred_agreeing_rows_prove_no_small_difference() -> None:
    # Of candidates that lose 1 point, 37 % disagree on none of the first 100 rows.
    tolerant, modest = Shadow(margin=-0.005), Shadow(worth=0.005)
    for shadow in (tolerant, modest):
        shadow.agreed(100)
        assert shadow.result().verdict == "undecided"
        shadow.agreed(820)  # Clopper and Pearson's limit falls below 0.5 points at 919
    assert (tolerant.result().verdict, modest.result().verdict) == ("promote", "keep")


def test_labels_in_another_order_give_the_same_numbers() -> None:
    rng = np.random.default_rng(1)
    first, second = Shadow(), Shadow()
    differences = played(first, rng, 500, 0.0)
    for row, difference in enumerate(differences):
        second.saw(str(row), old="a", new={-1.0: "b", 0.0: "a", 1.0: "c"}[difference])
    for row in rng.permutation(second.wanted()):
        second.label(str(row), "a" if differences[int(row)] < 0 else "c")
    assert second.result() == first.result()


def test_rows_count_up_to_the_first_that_waits() -> None:
    shadow = Shadow()
    shadow.agreed(10)
    shadow.saw("x", old=1, new=2)
    shadow.agreed(5)
    shadow.saw("y", old=1, new=2)
    shadow.label("y", 2)  # weeks late labels of others do not matter
    assert (shadow.result().rows, shadow.wanted()) == (10, ["x"])
    shadow.unknowable("x")
    found = shadow.result()
    assert (found.rows, found.difference, found.waiting) == (17, 0.0, 0)


def test_a_label_that_comes_twice_counts_once() -> None:
    shadow = Shadow()
    shadow.saw("x", old=1, new=2)
    shadow.label("x", 2)
    shadow.label("x", 2)
    assert shadow.result().labels == 1
    with pytest.raises(InputError, match="now it is 1"):
        shadow.label("x", 1)
    with pytest.raises(InputError, match="not one on which"):
        shadow.label("y", 1)
    with pytest.raises(InputError, match="seen before"):
        shadow.saw("x", old=1, new=1)
    with pytest.raises(InputError, match="not waiting"):
        shadow.unknowable("x")


@pytest.mark.parametrize("sequence", ["asymptotic", "betting"])
def test_verdicts(sequence: str) -> None:
    rng = np.random.default_rng(2)
    options = {"sequence": sequence, "worth": 0.02}
    better, equal = Shadow(**options), Shadow(**options)  # type: ignore[arg-type]
    played(better, rng, 4000, 0.04)
    played(equal, rng, 15_000, 0.0)
    assert better.result().verdict == "promote"
    assert equal.result().verdict == "keep"
    with pytest.raises(InputError, match="worth"):
        Shadow(margin=0.01)


KILLED = """
import os, signal, sys
from lifecycle import Shadow
shadow = Shadow(alpha=0.05).kept_in(sys.argv[1])
seen = shadow.result()
print(seen.rows, flush=True)
n = seen.rows + seen.waiting
while True:
    shadow.saw(f"row {n}", old=0, new=n % 3 == 0 and 1 or 0)
    for row in shadow.wanted():
        shadow.label(row, n % 2)
    n += 1
"""


def test_state_survives_kill_9_exactly(tmp_path: Path) -> None:
    folder = tmp_path / "shadow"
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(200):
            if any(file.stat().st_size > 20_000 for file in folder.glob("since-*")):
                break
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        process.kill()
        process.wait()
        process.stdout.close()
    again = Shadow(alpha=0.05).kept_in(folder)
    rows = again.result().rows
    # Row n disagrees where 3 divides it, and its label is its parity.
    values = [0.0 if n % 3 else (1.0 if n % 2 else -1.0) for n in range(rows)]
    expected = AsymptoticSequence(alpha=0.05, best_at=2000)
    expected.add(values)
    assert rows > 300
    assert again.result().difference == pytest.approx(expected.now[0], abs=1e-12)
    assert again.result().lower == expected.now[1]
    again.close()


def test_a_torn_line_is_cut_off_and_a_damaged_one_named(tmp_path: Path) -> None:
    shadow = Shadow().kept_in(tmp_path)
    shadow.agreed(7)
    shadow.saw("x", old=1, new=2)
    shadow.close()
    (lines,) = tmp_path.glob("since-*.jsonl")
    whole = lines.read_bytes()
    lines.write_bytes(whole + b'{"agree"')
    again = Shadow().kept_in(tmp_path)
    assert again.result().rows == 7
    again.label("x", 2)
    assert again.result().rows == 8
    again.close()
    lines.write_bytes(whole.replace(b"agree", b"ag\nee"))
    with pytest.raises(InputError, match="line 1, is damaged"):
        Shadow().kept_in(tmp_path)
    lines.write_bytes(b'{"of": "nobody", "label": 1}\n')
    with pytest.raises(InputError, match="makes no sense"):
        Shadow().kept_in(tmp_path)


def test_a_snapshot_replaces_the_lines_once(tmp_path: Path) -> None:
    shadow = Shadow().kept_in(tmp_path)
    for _ in range(2500):
        shadow.agreed(1)
    shadow.close()
    stored = json.loads((tmp_path / "state.json").read_text())
    assert stored["number"] == 3  # the first, and two of a thousand lines
    again = Shadow().kept_in(tmp_path)
    assert again.result().rows == 2500
    again.close()


def test_one_process_at_a_time_and_one_set_of_rules(tmp_path: Path) -> None:
    shadow = Shadow().kept_in(tmp_path)
    with pytest.raises(InputError, match="Another process"):
        Shadow().kept_in(tmp_path)
    shadow.close()
    with pytest.raises(InputError, match=r"alpha = 0\.02, now it is 0\.5"):
        Shadow(alpha=0.5).kept_in(tmp_path)
    journal = Journal(tmp_path)  # both failures let go of the folder
    journal.close()


def test_rows_needed_have_the_power_that_is_promised() -> None:
    needed = rows_needed(0.03, accuracy=0.85, disagreement=0.1)
    rng = np.random.default_rng(3)
    paired = rng.multinomial(needed.paired, [0.035, 0.9, 0.065], size=4000)
    z = (paired[:, 2] - paired[:, 0]) / np.sqrt(paired[:, 2] + paired[:, 0])
    assert (z > 1.96).mean() == pytest.approx(0.8, abs=0.025)
    old = rng.binomial(needed.group, 0.85, 4000) / needed.group
    new = rng.binomial(needed.group, 0.88, 4000) / needed.group
    both = (old + new) / 2
    z = (new - old) / np.sqrt(2 * both * (1 - both) / needed.group)
    assert (z > 1.96).mean() == pytest.approx(0.8, abs=0.025)
    assert needed.labels == math.ceil(needed.paired * 0.1)
    with pytest.raises(InputError, match="cannot gain"):
        rows_needed(0.2, accuracy=0.9, disagreement=0.5)
    with pytest.raises(InputError, match="disagreement"):
        rows_needed(0.2, accuracy=0.5, disagreement=0.1)

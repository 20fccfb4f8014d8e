"""Run the numeric and the training tests as on other machines, and print what came of each.

    python tests/cpus/run.py [--fast]

One row for each machine and suite: passed, failed, seconds. It goes on after a failure or a crash
and leaves with 1 if there was any. What the tests printed is in build/cpus.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from switches import switches

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "cpus"
LIMIT_S = 1200
NOT_HERE = "not slow and not cuda"

# Where a processor's kernels decide: products of matrices, ranking, near-ties.
NUMERIC = (
    "tests/core/test_encoders_builtin.py",
    "tests/core/test_encoders_embed.py",
    "tests/core/test_search.py",
    "tests/active_learning/strategies/test_al_strategies.py",
    "tests/curation/duplicates/test_near.py",
    "tests/curation/coreset/test_coreset_greedy.py",
)
# Gradients, layouts, integers beside their simulation.
TRAINING = (
    "tests/training/loop/test_resizing.py",
    "tests/training/quantization/test_quantization_arithmetic.py",
    "tests/training/exporting/test_pixel_stem.py",
    "tests/training/exporting/test_token_table.py",
)
MORE_NUMERIC = (
    "tests/core/test_search_hierarchy.py",
    "tests/curation/coreset/test_coreset.py",
    "tests/curation/labels/test_labels_confident.py",
    "tests/augment/kernels/test_augment_kernels.py",
)
MORE_TRAINING = (
    "tests/training/exporting/test_exporting.py",
    "tests/training/pretrained/test_pretrained_stand_ins.py",
    "tests/training/quantization/test_quantization_model.py",
    "tests/training/loop/test_fit.py",
    "tests/training/models/test_compact_models.py",
)


@dataclass(frozen=True)
class Row:
    """One line of the table: what runs, and as which machine."""

    machine: str
    suite: str
    command: list[str]
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a row: its exit code, None when it was ended, and what it printed."""

    row: Row
    code: int | None
    output: str
    cpu_s: float
    wall_s: float

    @property
    def failed(self) -> bool:
        """Tell whether anything failed, crashed or was not done."""
        return self.code != 0

    @property
    def counts(self) -> str:
        """Pytest's counts, or how the process ended without them."""
        if self.code is None:
            return f"not done after {LIMIT_S} s"
        last = (self.output.splitlines() or [""])[-1]
        counts = re.findall(r"\d+ (?:passed|failed|errors?|skipped)", last)
        return ", ".join(counts) or f"left with {self.code}"

    @property
    def failures(self) -> list[str]:
        """The lines that name what failed."""
        lines = self.output.splitlines()
        return [line for line in lines if line.startswith(("FAILED", "ERROR"))] or lines[-5:]

    def __str__(self) -> str:
        shown = f"{self.row.machine:<24}{self.row.suite:<12}{self.counts:<40}"
        return f"{shown}{self.cpu_s:>7.0f}{self.wall_s:>7.0f}"


def checked(*paths: str, marks: str = NOT_HERE) -> list[str]:
    """Return the command that runs test files.

    One worker, replaced when it crashes: the tests after the one that crashed are run too.
    """
    options = ["-q", "-n", "1", "--dist", "load", "--max-worker-restart=20"]
    return [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", "-m", marks, *paths]


def rows(*, fast: bool) -> list[Row]:
    """Return what is run: a part that takes two minutes, or everything."""
    numeric, training = checked(*NUMERIC), checked(*TRAINING)
    if fast:
        machine = switches(threads=(1,))[0]
        return [
            Row(machine.name, "numeric", numeric, machine.variables),
            Row(machine.name, "training", training, machine.variables),
        ]
    numeric, training = [*numeric, *MORE_NUMERIC], [*training, *MORE_TRAINING]
    found = [Row("each in turn", "cpus", checked("tests/cpus", marks="cpus and not cuda"))]
    for machine in switches():
        found.append(Row(machine.name, "numeric", numeric, machine.variables))
        found.append(Row(machine.name, "training", training, machine.variables))
    return found


def run(row: Row) -> Outcome:
    """Run one row in a process of its own and read what came of it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **row.variables}
    started, before = time.monotonic(), os.times()
    try:
        done = subprocess.run(
            row.command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
        )
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        code, output = None, (error.stdout or b"").decode(errors="replace")
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    LOGS.mkdir(parents=True, exist_ok=True)
    name = f"{row.machine}-{row.suite}".replace(", ", "-").replace(" ", "-")
    (LOGS / f"{name}.log").write_text(output, encoding="utf-8")
    return Outcome(row, code, output, cpu, time.monotonic() - started)


def main() -> int:
    """Run the rows one after the other; return 1 if any of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="what CI runs, in two minutes")
    outcomes = []
    print(f"{'as on':<24}{'suite':<12}{'':<40}{'CPU s':>7}{'s':>7}")
    for row in rows(fast=parser.parse_args().fast):
        outcomes.append(run(row))
        print(outcomes[-1], flush=True)
    failed = [outcome for outcome in outcomes if outcome.failed]
    for outcome in failed:
        print(f"\n{outcome.row.machine}, {outcome.row.suite}", *outcome.failures, sep="\n  ")
    print(f"\n{len(outcomes) - len(failed)} of {len(outcomes)} passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

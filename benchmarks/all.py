"""Run every benchmark of this folder, one after the other, with its defaults.

Results go to ``benchmarks/results/NAME.json``. A benchmark whose data is not there says which file
is missing and where to get it, and does not stop the others. This takes hours on two cores; give
names to run some: python benchmarks/all.py core_encoders pipeline_chain
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    results = FOLDER / "results"
    results.mkdir(exist_ok=True)
    scripts = sorted(path for path in FOLDER.glob("*.py") if path.stem != "all")
    wanted = set(sys.argv[1:])
    failed = []
    for script in scripts:
        if wanted and script.stem not in wanted:
            continue
        print(f"== {script.stem}", flush=True)
        out = results / f"{script.stem}.json"
        done = subprocess.run([sys.executable, str(script), "--out", str(out)], check=False)
        if done.returncode:
            failed.append(script.stem)
    if failed:
        sys.exit(f"Not finished: {', '.join(failed)}")


if __name__ == "__main__":
    main()

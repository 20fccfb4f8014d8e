"""Print the oldest versions that pyproject.toml allows, as exact pins for pip.

python tests/cpus/lowest.py [--only NAME ...]
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)>=(?P<lowest>[0-9.]+)")
OWN_EXTRAS = re.compile(r"thresher\[(?P<names>[a-z0-9,]+)\]")


def requirements(extras: dict[str, list[str]], name: str) -> list[str]:
    """Return what an extra asks for, with what the extras that it names ask for."""
    found = []
    for line in extras[name]:
        own = OWN_EXTRAS.fullmatch(line)
        others = own["names"].split(",") if own else []
        found += [each for other in others for each in requirements(extras, other)]
        found += [] if own else [line]
    return found


def lowest_pins() -> dict[str, str]:
    """Return ``name==version`` by name, for each requirement of the package and of its tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *requirements(extras, "dev")]
    pins = {}
    for line in wanted:
        found = REQUIREMENT.fullmatch(line)
        if found is None:
            raise SystemExit(
                f"{line!r} in pyproject.toml has no lower bound of the form name>=1.2."
            )
        pins[found["name"]] = f"{found['name']}=={found['lowest']}"
    return pins


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", metavar="NAME")
    pins = lowest_pins()
    print(*(pins[name] for name in (parser.parse_args().only or pins)), sep="\n")

"""The sets that the constants of `curation.labels.signs` were fitted to, beside the tuned cases.

Each source in many versions: clean and wrong in several ways, judged by vectors, by few random
directions of them, or by networks, with many rows and few. No source is among the judged cases.
"""

from __future__ import annotations

from collections.abc import Iterator

from .cases import Recipe

KEEL = (
    "australian banana bands bupa contraceptive crx german hayes-roth heart housevotes "
    "ionosphere letter mammographic monk-2 mushroom optdigits phoneme pima ring saheart segment "
    "sonar spambase splice tae tic-tac-toe titanic twonorm vehicle"
)
SOURCES = (
    *(f"keel:{name}" for name in KEEL.split()),
    *("table:wine_red", "table:wine_white", "table:banknote_authentication"),
    *("aeon:ACSF1", "aeon:GunPoint", "orange:r52", "text:trec", "text:subj", "minilm:"),
    *("coates:first", "photos:", "sklearn:digits", "sklearn:wine"),
)
MANY, FEWER, FEW = 3000, 800, 300
# Noise, share of wrong labels, what judges them, largest number of rows.
VERSIONS = (
    *(("clean", 0.0, by, MANY) for by in ("vectors", "4 directions", "network", "3 networks")),
    *(("clean", 0.0, "vectors", FEW), ("clean", 0.0, "network", FEWER)),
    *(("uniform", 0.01, by, MANY) for by in ("vectors", "network")),
    *(("uniform", 0.05, by, MANY) for by in ("vectors", "4 directions", "network")),
    *(("uniform", 0.05, "vectors", FEW), ("uniform", 0.4, "3 networks", MANY)),
    *(("uniform", 0.2, by, MANY) for by in ("vectors", "network")),
    *(("confusable", 0.05, "vectors", MANY), ("confusable", 0.2, "vectors", MANY)),
    *(("confusable", 0.2, "network", MANY), ("confusion matrix", 0.2, "vectors", MANY)),
    *(("confusion matrix", 0.2, "3 networks", MANY), ("look-alikes", 0.05, "vectors", MANY)),
    *(("look-alikes", 0.05, "network", MANY), ("look-alikes", 0.1, "3 networks", MANY)),
    *(("look-alikes", 0.2, "vectors", MANY), ("look-alikes", 0.2, "network", FEWER)),
    ("look-alikes", 0.3, "3 networks", MANY),
)


def fitted() -> Iterator[Recipe]:
    """Yield the recipes, source by source."""
    for source in SOURCES:
        for noise, rate, evidence, most in VERSIONS:
            yield Recipe(source, noise, rate, evidence, most)

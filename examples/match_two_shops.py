"""Find which records of two sources describe the same thing, without labels or a threshold.

The same from the command line: thresher curate match left.csv right.csv --out matches.csv

Run: python examples/match_two_shops.py
"""

from __future__ import annotations

import random

from curation import match_records

MAKERS = ("Halden", "Orio", "Kestrel", "Nuvola", "Tarn")
THINGS = ("kettle", "desk lamp", "hand mixer", "radio", "fan heater", "toaster", "wall clock")
COLORS = ("black", "white", "red", "steel")


def records(count: int, draw: random.Random) -> list[tuple[str, str, str, str]]:
    """Make up `count` products: maker, thing, model number, color."""
    return [
        (
            draw.choice(MAKERS),
            draw.choice(THINGS),
            f"{draw.choice('ABCDK')}{draw.randrange(10**4)}",
            color,
        )
        for color in draw.choices(COLORS, k=count)
    ]


def as_first_shop(record: tuple[str, str, str, str]) -> str:
    maker, thing, model, color = record
    return f"{maker} {thing} {model} {color}"


def as_second_shop(record: tuple[str, str, str, str], draw: random.Random) -> str:
    """Write it as the other shop does: words in another order, without some of the colors."""
    maker, thing, model, color = record
    words = [thing, "by", maker, draw.choice(("new", "best price", "with warranty"))]
    words += [model] if draw.random() < 0.8 else []
    words += [color] if draw.random() < 0.5 else []
    return " ".join(words)


draw = random.Random(0)
products = records(260, draw)
left = [as_first_shop(record) for record in products[:200]]
right = [as_second_shop(record, draw) for record in products[60:]]  # 140 of 200 in both
truth = {(str(at), str(at - 60)) for at in range(60, 200)}

matches = match_records(left, right)
found = set(zip(matches.left_ids.tolist(), matches.right_ids.tolist(), strict=True))
print(f"{len(found)} matches, {len(found & truth)} of them right; {len(truth)} are to be found")
print(f"expected share of right ones: {matches.expected_precision}")
for mine, theirs in sorted(found)[:3]:
    print(f"  {left[int(mine)]!r} is {right[int(theirs)]!r}")

"""Which images are damaged, by what was measured of them and of the others.

A limit of its own says what is useless or odd anywhere, a fence of the corpus what is odd here;
most kinds ask for both. What many images of a corpus have is how it was made, not damage: it is
said once, in a note.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from thresher.core.counted import percent

from .fences import fences
from .result import Finding, finding

Columns = Mapping[str, np.ndarray]

DARK, DIM = 36.0, 64.0
BRIGHT = 225.0
BLANK_SPREAD = 2.0
FLAT_SPREAD, FLAT_RANGE = 9.0, 32.0
FEWEST_BITS = 1.0
GRAY_TOLERANCE = 3.0
# Photographs from the web are gray for 2 to 4 %: not a defect, so only rarer cases count.
RARE_SHARE = 0.005
WIDEST_ASPECT = 3.0
# On fewer pixels a side, smooth strokes and a lost focus look the same, as do a stroke and large
# pixels, and blocks are content.
BLUR_SIDE, GRID_SIDE, BLOCK_SIDE = 16, 32, 64
# Noise of 18 levels; fur and grass reach 17 on thumbnails.
NOISY = 18.0
# Steps of real images lie on a grid for less than .4; enlarged pixels saved as JPEG from .55 on.
GRID = 0.5
# Steps at the edges of blocks 2.4 times those inside; photographs stay below 2.3.
BLOCKS = 0.38
LOST_CHANNEL = 0.08
CUT_SHARE, BAR_SHARE = 0.15, 0.1
PAGE_COLOR = 20.0
# More of a corpus than this is not damaged, but of that kind; below so many images no share counts.
USUAL_SHARE = 0.1
FEWEST_FOR_SHARE = 50
USEFUL_KINDS = ("unreadable", "blank")


def damage_findings(columns: Columns) -> tuple[list[Finding], tuple[str, ...]]:
    """Return findings and notes about images, by the columns of `pixels.STATISTICS`, each (n,)."""
    readable = np.isfinite(columns["height"])
    blank = readable & (columns["spread"] < BLANK_SPREAD)
    whole = readable & ~blank
    with np.errstate(invalid="ignore"):  # comparisons with what could not be measured
        findings = [
            finding("unreadable", ~readable, scores=0.0, details="the image cannot be read"),
            finding("blank", blank, scores=0.0, details="all pixels have nearly one color"),
            *_of_levels(columns, whole),
            *_of_edges(columns, whole),
            *_of_lines(columns, whole),
            *_of_colors(columns, whole),
            *_of_shape(columns, readable),
        ]
    return _usual_ones_noted(findings, int(readable.sum()))


def _usual_ones_noted(
    findings: list[Finding], images: int
) -> tuple[list[Finding], tuple[str, ...]]:
    kept, notes = [], []
    for found in findings:
        share = len(found.positions) / max(images, 1)
        if share > USUAL_SHARE and images >= FEWEST_FOR_SHARE and found.kind not in USEFUL_KINDS:
            notes.append(
                f"{percent(share)} of the images are taken to be so on purpose: {found.kind}"
            )
        else:
            kept.append(found)
    return kept, tuple(notes)


def _of_levels(columns: Columns, whole: np.ndarray) -> list[Finding]:
    low, high, spread, bits = (columns[name] for name in ("low", "high", "spread", "bits"))
    dim, _ = fences(high[whole], reach=2.0, least=20.0)
    _, light = fences(low[whole], reach=2.0, least=10.0)
    even, _ = fences(np.log(spread[whole]), reach=3.0, least=0.1)
    simple, _ = fences(bits[whole], reach=3.0, least=0.5)
    # Pure blue is dark by its luminance only.
    dark = whole & ((high < DARK) | (high < min(DIM, dim))) & (columns["strongest"] < DIM)
    bright = whole & (low > max(BRIGHT, light)) & ~dark
    flat = whole & (spread < min(FLAT_SPREAD, np.exp(even))) & (columns["range"] < FLAT_RANGE)
    flat &= ~dark & ~bright
    plain = whole & (bits < FEWEST_BITS) & (bits < max(simple, 0.2))
    return [
        finding("dark", dark, scores=0.4 * high / DIM, details=_levels("brightest", high, dark)),
        finding(
            "bright",
            bright,
            scores=0.4 * (255 - low) / (255 - BRIGHT),
            details=_levels("darkest", low, bright),
        ),
        finding(
            "low contrast",
            flat,
            scores=0.4 * spread / FLAT_SPREAD,
            details=[
                f"all but a few pixels within {value:.0f} levels"
                for value in columns["range"][flat]
            ],
        ),
        finding(
            "little information",
            plain,
            scores=0.5 * bits / FEWEST_BITS,
            details=[f"{value:.2f} bits a pixel" for value in bits[plain]],
        ),
    ]


def _levels(which: str, levels: np.ndarray, mask: np.ndarray) -> list[str]:
    return [f"{which} pixels at {level:.0f} of 255" for level in levels[mask]]


def _of_edges(columns: Columns, whole: np.ndarray) -> list[Finding]:
    side = np.fmin(columns["height"], columns["width"])
    edge, noise, grid, blocks = (columns[name] for name in ("edge", "noise", "grid", "blocks"))
    soft, _ = fences(edge[whole], reach=3.5, least=0.12)
    _, loud = fences(noise[whole], reach=3.0, least=2.0)
    _, even = fences(grid[whole], reach=4.0, least=0.03)
    _, blocky = fences(blocks[whole], reach=4.0, least=0.05)
    pixelated = whole & (side >= GRID_SIDE) & (grid > max(GRID, _finite(even)))
    crushed = whole & (side >= BLOCK_SIDE) & ~pixelated & (blocks > max(BLOCKS, _finite(blocky)))
    noisy = whole & (noise > max(NOISY, _finite(loud)))
    blurry = whole & (side >= BLUR_SIDE) & (edge < soft) & ~pixelated
    return [
        finding(
            "blurry",
            blurry,
            scores=0.5 * 10 ** np.clip(np.nan_to_num(edge - soft), -3, 0),
            details=[
                f"steps at its edges are {10**value:.2f} of its contrast in the softest direction, "
                f"{10**soft:.2f} is the limit here"
                for value in edge[blurry]
            ],
        ),
        finding(
            "noise",
            noisy,
            scores=0.4 * NOISY / np.maximum(np.nan_to_num(noise), NOISY),
            details=[f"noise of {value:.0f} levels on every part" for value in noise[noisy]],
        ),
        finding(
            "pixelated",
            pixelated,
            scores=0.6 * (1 - np.nan_to_num(grid)),
            details=[
                f"{percent(value)} of its steps lie on an even grid" for value in grid[pixelated]
            ],
        ),
        finding(
            "compressed",
            crushed,
            scores=0.4 * 10 ** (BLOCKS - np.fmax(blocks, BLOCKS)),
            details=[
                f"edges of blocks are {10**value:.1f} times as strong as what is inside"
                for value in blocks[crushed]
            ],
        ),
    ]


def _finite(fence: float) -> float:
    """Return a fence, or no limit where too few images make one."""
    return fence if np.isfinite(fence) else -np.inf


def _of_lines(columns: Columns, whole: np.ndarray) -> list[Finding]:
    cut, bars, lines = (columns[name] for name in ("cut", "bars", "lines"))
    shift = columns["shift"]
    ended = whole & (cut >= CUT_SHARE)
    barred = whole & (bars >= BAR_SHARE) & ~ended
    page = whole & (lines > 0) & (columns["color"] < PAGE_COLOR)
    sheared = whole & (shift != 0)
    return [
        finding(
            "cut off",
            ended,
            scores=0.3 * (1 - np.nan_to_num(cut)),
            details=[f"the lowest {percent(value)} are one level" for value in cut[ended]],
        ),
        finding(
            "bars",
            barred,
            scores=0.45,
            details=[f"bars of {percent(value)} on two opposite sides" for value in bars[barred]],
        ),
        finding(
            "page of text",
            page,
            scores=0.4,
            details=[f"{value:.0f} lines of writing" for value in lines[page]],
        ),
        finding(
            "shifted lines",
            sheared,
            scores=0.1,
            details=[
                f"each line starts {value:.0f} pixels off the last" for value in shift[sheared]
            ],
        ),
    ]


def _of_colors(columns: Columns, whole: np.ndarray) -> list[Finding]:
    color, weakest = columns["color"], columns["weakest"]
    lost = whole & (weakest < LOST_CHANNEL) & (color >= GRAY_TOLERANCE)
    gray = whole & (color < GRAY_TOLERANCE)
    rare = gray.sum() <= max(1, RARE_SHARE * whole.sum())
    return [
        finding("gray", gray & rare, scores=0.45, details="no color, among images in color"),
        finding(
            "channel lost",
            lost,
            scores=0.2,
            details=[
                f"a channel varies by {percent(value)} of the strongest" for value in weakest[lost]
            ],
        ),
    ]


def _of_shape(columns: Columns, readable: np.ndarray) -> list[Finding]:
    ratio = np.log(columns["width"] / columns["height"])
    side = np.log(np.sqrt(columns["width"] * columns["height"]))
    narrow, wide = fences(ratio[readable], reach=3.0, least=0.1)
    far = (ratio < narrow) | (ratio > wide) | ~np.isfinite([narrow]).all()
    odd = readable & (np.abs(ratio) > np.log(WIDEST_ASPECT)) & far
    small, large = fences(side[readable], reach=3.0, least=np.log(2) / 2)
    strange = readable & ((side < small) | (side > large))
    return [
        finding(
            "odd aspect",
            odd,
            scores=0.4,
            details=[f"width is {np.exp(value):.2f} × height" for value in ratio[odd]],
        ),
        finding(
            "odd size",
            strange,
            scores=0.4,
            details=[f"mean side {np.exp(value):.0f} pixels" for value in side[strange]],
        ),
    ]

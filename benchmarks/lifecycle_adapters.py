"""Claim: the thousandth adapter is swapped as fast as the tenth; a mixed batch costs little more.

A network of twelve residual blocks (1,024 to 4,096 and back, 100 million weights) and 1,000
adapters of rank 8 on the first layer of each of the last six blocks. CPU milliseconds: a swap from
memory and one from disk, with 10 and with 1,000 adapters in the store; a batch of 32 rows with 16
tokens each, under one adapter and under 32 different ones.

Run: OMP_NUM_THREADS=1 python benchmarks/lifecycle_adapters.py --out adapters.json
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lifecycle import AdaptedNetwork, Adapter, AdapterStore, Base, merge_adapter
from thresher.core.files import write_json

WIDTH, WIDE, BLOCKS, RANK, BATCH, TOKENS = 1024, 4096, 12, 8, 32, 16
LAYERS = [f"{block}.wide" for block in range(BLOCKS // 2, BLOCKS)]
COUNTS = (10, 1000)


class Block(nn.Module):
    """What follows attention in a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.wide = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDE)
        self.back = nn.Linear(WIDE, WIDTH)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Add the block's update to the rows."""
        update: torch.Tensor = self.back(nn.functional.gelu(self.wide(self.norm(rows))))
        return rows + update


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(*(Block() for _ in range(BLOCKS))).eval()


def adapter(base: Base, seed: int) -> Adapter:
    rng = np.random.default_rng(seed)
    low_rank = {
        layer: (
            rng.normal(0, 0.03, (RANK, WIDTH)).astype(np.float32),
            rng.normal(0, 0.03, (WIDE, RANK)).astype(np.float32),
        )
        for layer in LAYERS
    }
    return Adapter(base.digest, low_rank)


def median_ms(work: Callable[[], Any], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return 1000 * float(np.median(taken))


def swaps(adapted: AdaptedNetwork, names: Iterator[str], *, warm: list[str]) -> float:
    """Return the milliseconds that a call without rows takes: a swap and nothing else."""
    for name in warm:
        adapted.store.get(name)
    nothing = torch.zeros(0, WIDTH)
    adapted(nothing, adapters=next(names))
    return median_ms(lambda: adapted(nothing, adapters=next(names)), 40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("lifecycle_adapters.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = network()
    base = Base.of(model)
    result: dict[str, Any] = {"base_bytes": base.size_bytes}
    with tempfile.TemporaryDirectory() as folder:
        store = AdapterStore(folder, base=base, cache_bytes=1 << 31)
        adapted = AdaptedNetwork(model, store, layers=LAYERS, rank=RANK, slots=BATCH)
        for seed in range(max(COUNTS)):
            store.add(f"t{seed:04}", adapter(base, seed))
            if seed + 1 in COUNTS:
                result[f"swap_{seed + 1}"] = swap_times(model, adapted, seed + 1)
        result["adapter_bytes"] = (Path(folder) / "t0000.safetensors").stat().st_size
        result["batches"] = batches(model, adapted)
    result["page"] = page(result)
    write_json(options.out, result)


def swap_times(model: nn.Module, adapted: AdaptedNetwork, count: int) -> dict[str, float]:
    names = [f"t{place:04}" for place in np.random.default_rng(1).permutation(count)]
    # One slot, so that every call swaps, also with ten adapters.
    one = AdaptedNetwork(model, adapted.store, layers=LAYERS, rank=RANK, slots=1)
    warm = swaps(one, cycle(names[:50]), warm=names[:50])
    disk = AdapterStore(adapted.store.folder, base=adapted.store.base, cache_bytes=0)
    cold = AdaptedNetwork(model, disk, layers=LAYERS, rank=RANK, slots=1)
    return {"memory_ms": warm, "disk_ms": swaps(cold, cycle(names), warm=[])}


def batches(model: nn.Module, adapted: AdaptedNetwork) -> dict[str, float]:
    torch.manual_seed(1)
    rows = torch.randn(BATCH, TOKENS, WIDTH)
    names = [f"t{place:04}" for place in range(BATCH)]
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "base": lambda: model(rows),
        "one": lambda: adapted(rows, adapters=names[0]),
        "mixed": lambda: adapted(rows, adapters=names),
    }
    with torch.no_grad():
        answers = {name: way() for name, way in ways.items()}
        taken = {name: [] for name in ways}
        for _ in range(5):
            for name, way in ways.items():
                taken[name].append(median_ms(way, 1))
        found = {name: float(np.median(times)) for name, times in taken.items()}
        apart = 0.0
        moved = float((answers["mixed"] - answers["base"]).abs().max())
        for place in (0, BATCH // 2, BATCH - 1):
            merged = merge_adapter(model, adapted.store.get(names[place]))
            gap = (merged(rows[place : place + 1])[0] - answers["mixed"][place]).abs().max()
            apart = max(apart, float(gap))
    return {**found, "largest_gap_to_merged": apart, "largest_change": moved}


def page(result: dict[str, Any]) -> dict[str, Any]:
    """Return the tables for the documentation."""
    taken = result["batches"]
    share = result["adapter_bytes"] / result["base_bytes"]
    return {
        "title": "Adapters",
        "note": (
            f"{BLOCKS} residual blocks, {WIDTH:,} to {WIDE:,} and back; adapters of rank "
            f"{RANK} on {len(LAYERS)} layers, {share:.2%} of the base on disk each. CPU "
            "milliseconds, one thread. Largest difference between a row of the mixed batch and the "
            f"merged network: {taken['largest_gap_to_merged']:.1e}, where adapters change answers "
            f"by up to {taken['largest_change']:.2f}."
        ),
        "tables": [
            {
                "caption": "A swap, median of 40",
                "header": ["adapters in the store", "from memory", "from disk"],
                "rows": [
                    [
                        f"{count:,}",
                        f"{result[f'swap_{count}']['memory_ms']:.2f}",
                        f"{result[f'swap_{count}']['disk_ms']:.2f}",
                    ]
                    for count in COUNTS
                ],
            },
            {
                "caption": f"A batch of {BATCH} rows with {TOKENS} tokens, median of 5",
                "header": ["under", "CPU ms", "times one adapter"],
                "rows": [
                    [label, f"{taken[name]:,.0f}", f"{taken[name] / taken['one']:.2f}"]
                    for name, label in (
                        ("base", "no adapter"),
                        ("one", "one adapter"),
                        ("mixed", f"{BATCH} different ones"),
                    )
                ],
            },
        ],
    }


if __name__ == "__main__":
    main()

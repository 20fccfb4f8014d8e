"""Claim: the thousandth adapter is swapped as fast as the tenth; a mixed batch costs little more.

A network of twelve residual blocks (1,024 to 4,096 and back, 100 million weights) and 1,000
adapters of rank 8 on the first layer of each of the last six blocks. CPU milliseconds: a swap from
memory and one from disk, with 10 and with 1,000 adapters in the store; a batch of 32 rows with 16
tokens each, under one adapter and under 32 different ones. Peer: peft with the same adapters on the
same network, all of them in memory, where it is installed; one that it saved must answer as there.

Run: OMP_NUM_THREADS=1 python benchmarks/lifecycle_adapters.py --out adapters.json
     --peer-python VENV/bin/python: a Python that has peft and the same version of PyTorch
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lifecycle import (
    AdaptedNetwork,
    Adapter,
    AdapterStore,
    Base,
    adapter_from_peft,
    merge_adapter,
)
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


def batch() -> torch.Tensor:
    return torch.randn(BATCH, TOKENS, WIDTH, generator=torch.Generator().manual_seed(1))


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
    parser.add_argument("--peer-python")
    parser.add_argument("--as-peer", type=Path, help="folder; used by the benchmark itself")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.as_peer:
        print(json.dumps(measure_peft(options.as_peer)))
        return
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
    if options.peer_python:
        with tempfile.TemporaryDirectory() as folder:
            result["peft"] = peer(options.peer_python, Path(folder), model, base)
    result["page"] = page(result)
    write_json(options.out, result)


def peer(python: str, folder: Path, model: nn.Module, base: Base) -> dict[str, Any]:
    """Measure peft in its own environment, and answer with what it saved."""
    done = subprocess.run(
        [python, __file__, "--as-peer", str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if found["base"] != base.digest:
        sys.exit("The peer's network differs: give a Python with the same version of PyTorch.")
    read = adapter_from_peft(folder / "saved", base=base)
    store = AdapterStore(folder / "store", base=base)
    store.add("saved", read)
    rows = batch()
    ours = AdaptedNetwork(model, store, layers=LAYERS, rank=RANK)(rows, adapters="saved")
    theirs = torch.from_numpy(np.load(folder / "merged.npy"))
    found["largest_gap_to_ours"] = float((ours - theirs).abs().max())
    return found


def measure_peft(folder: Path) -> dict[str, Any]:
    """Do with peft what the benchmark does; run by a Python that has it."""
    import peft

    model = network()
    base = Base.of(model)
    how = peft.LoraConfig(r=RANK, lora_alpha=RANK, target_modules=LAYERS, init_lora_weights=False)
    many = peft.get_peft_model(model, how, adapter_name="t0000").eval()
    layers = {name: many.base_model.model.get_submodule(name) for name in LAYERS}
    found: dict[str, Any] = {"version": peft.__version__, "base": base.digest}
    adding = []
    for seed in range(max(COUNTS)):
        name = f"t{seed:04}"
        began = time.thread_time()
        if seed:
            many.add_adapter(name, how)
        adding.append(1000 * (time.thread_time() - began))
        own = adapter(base, seed)
        with torch.no_grad():
            for layer, part in layers.items():
                down, up = own.low_rank[layer]
                part.lora_A[name].weight.copy_(torch.tensor(down))
                part.lora_B[name].weight.copy_(torch.tensor(up))
        if seed + 1 in COUNTS:
            order = cycle(np.random.default_rng(1).permutation(seed + 1))
            switch = median_ms(lambda order=order: many.set_adapter(f"t{next(order):04}"), 40)
            found[f"swap_{seed + 1}"] = {
                "memory_ms": switch,
                "add_ms": float(np.median(adding[-8:])),
            }
    many.set_adapter("t0000")
    names = [f"t{place:04}" for place in range(BATCH)]
    rows = batch()
    ways = {"one": lambda: many(rows), "mixed": lambda: many(rows, adapter_names=names)}
    with torch.no_grad():
        found["batches"] = {name: median_ms(way, 5) for name, way in ways.items()}
        many.save_pretrained(folder, selected_adapters=["t0000"])
        (folder / "t0000").rename(folder / "saved")
        alone = peft.PeftModel.from_pretrained(network(), folder / "saved").eval()
        np.save(folder / "merged.npy", alone.merge_and_unload()(rows).numpy())
    return found


def swap_times(model: nn.Module, adapted: AdaptedNetwork, count: int) -> dict[str, float]:
    names = [f"t{place:04}" for place in np.random.default_rng(1).permutation(count)]
    # One slot, so that every call swaps, also with ten adapters.
    one = AdaptedNetwork(model, adapted.store, layers=LAYERS, rank=RANK, slots=1)
    warm = swaps(one, cycle(names[:50]), warm=names[:50])
    disk = AdapterStore(adapted.store.folder, base=adapted.store.base, cache_bytes=0)
    cold = AdaptedNetwork(model, disk, layers=LAYERS, rank=RANK, slots=1)
    return {"memory_ms": warm, "disk_ms": swaps(cold, cycle(names), warm=[])}


def batches(model: nn.Module, adapted: AdaptedNetwork) -> dict[str, float]:
    rows = batch()
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
            f"by up to {taken['largest_change']:.2f}.{beside_peft(result)}"
        ),
        "tables": [swap_table(result), batch_table(result)],
    }


def beside_peft(result: dict[str, Any]) -> str:
    if "peft" not in result:
        return ""
    gap = result["peft"]["largest_gap_to_ours"]
    return f" An adapter that peft saved answers as its merged network, to within {gap:.1e}."


def swap_table(result: dict[str, Any]) -> dict[str, Any]:
    header = ["adapters", "from memory", "from disk"]
    if peft := result.get("peft"):
        header += [f"peft {peft['version']}, in memory", "peft, to add one"]
    rows = []
    for count in COUNTS:
        ours = result[f"swap_{count}"]
        row = [f"{count:,}", f"{ours['memory_ms']:.2f}", f"{ours['disk_ms']:.2f}"]
        if peft:
            theirs = peft[f"swap_{count}"]
            row += [f"{theirs['memory_ms']:.2f}", f"{theirs['add_ms']:.1f}"]
        rows.append(row)
    return {"caption": "A swap, median of 40", "header": header, "rows": rows}


def batch_table(result: dict[str, Any]) -> dict[str, Any]:
    ways = [("", result["batches"], ("base", "one", "mixed"))]
    if peft := result.get("peft"):
        ways.append((f", peft {peft['version']}", peft["batches"], ("one", "mixed")))
    labels = {"base": "no adapter", "one": "one adapter", "mixed": f"{BATCH} different ones"}
    rows = [
        [labels[name] + whose, f"{taken[name]:,.0f}", f"{taken[name] / taken['one']:.2f}"]
        for whose, taken, names in ways
        for name in names
    ]
    return {
        "caption": f"A batch of {BATCH} rows with {TOKENS} tokens, median of 5",
        "header": ["under", "CPU ms", "times one adapter"],
        "rows": rows,
    }


if __name__ == "__main__":
    main()

"""How much memory a curation takes, which parts fit into what there is, and refusal beforehand.

The bytes were measured step by step; a test holds that a run stays below what is said here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_number

from . import arrays
from .columns import PART_BLOCKS
from .deciding import MANIFEST_ROWS
from .joining import BLOCK_PRODUCTS

GIGA = 10**9
# Of a process with its libraries; of a merge of pairs, and for each row at most; of a row of a part
# (and a byte for each row that has a close one), of a row of a file of the manifest, and of a pair
# that was found among those that are compared at once.
BASE, MERGED, PAIRED_ROW, PART_ROW, FILE_ROW, FOUND_PAIR = 2 * 10**8, 25 * 10**7, 1000, 48, 300, 110
# How often the rows of a block, of the sample and of a group of cells are in memory at once.
BLOCK_TIMES, SAMPLE_TIMES, GROUP_TIMES = 10, 5, 4
SAMPLED_A_ROOT = 128
JUDGED_ROW = 70
SMALLEST = 1


@dataclass(frozen=True)
class Need:
    """What a curation of some rows holds in memory.

    Attributes
    ----------
    rows, width : int
    workers : int
        Processes that compute at once.
    judged : bool
        Whether wrong labels are looked for, which holds numbers for every row.
    """

    rows: int
    width: int
    workers: int = 1
    judged: bool = False

    def bytes(self, part_blocks: int) -> int:
        """Return the bytes of all processes together, by the blocks of a part."""
        vector = 4 * self.width
        found = FOUND_PAIR * min(BLOCK_PRODUCTS, self.rows**2 // 2)
        searching = max(
            BLOCK_TIMES * min(self.rows, arrays.BLOCK_ROWS) * vector,
            SAMPLE_TIMES * min(self.rows, int(SAMPLED_A_ROOT * self.rows**0.5)) * vector,
            GROUP_TIMES * int(self.rows**0.75) * vector + found,
        )
        part = PART_ROW * min(self.rows, part_blocks * arrays.BLOCK_ROWS)
        grouping = min(MERGED, PAIRED_ROW * self.rows) + part + self.rows
        each = BASE + max(searching, grouping, FILE_ROW * min(self.rows, MANIFEST_ROWS))
        main = 0 if self.workers == 1 else BASE
        return main + self.workers * each + (JUDGED_ROW * self.rows if self.judged else 0)

    def with_rows(self, rows: int) -> Need:
        """Return what other rows take."""
        return Need(rows, self.width, self.workers, self.judged)


def part_blocks_for(need: Need, memory: float | None, *, here: bool = True) -> int:
    """Return how many blocks of rows a part may have.

    Parameters
    ----------
    need : Need
    memory : float or None
        GB that all processes may use together; by default what the machine has free. Where it
        does not say, parts have the usual size.
    here : bool
        Whether the processes run on this machine.

    Raises
    ------
    InputError
        When the rows do not fit, with how many would, and how many workers.
    """
    if memory is not None:
        check_number("memory", memory, low=0, low_open=True)
    free = (available_memory() if here else None) if memory is None else memory * GIGA
    if free is None:
        return PART_BLOCKS
    if memory is None:
        free += BASE  # this process runs already
    if need.bytes(SMALLEST) > free:
        raise InputError(_refusal(need, free, asked=memory is not None))
    blocks = PART_BLOCKS
    while need.bytes(blocks) > free:
        blocks = max(SMALLEST, blocks // 2)
    return blocks


def _refusal(need: Need, free: float, *, asked: bool) -> str:
    fewer = need
    while fewer.workers > 1 and fewer.bytes(SMALLEST) > free:
        fewer = Need(need.rows, need.width, fewer.workers - 1, need.judged)
    rows = _rows_that_fit(need, free)
    fits = f"{counted(rows, 'row')} would fit" if rows else "no rows would fit"
    if fewer.workers < need.workers and fewer.bytes(SMALLEST) <= free:
        fits += f", or {fewer.workers} worker(s)"
    return (
        f"{counted(need.rows, 'row')} of {counted(need.width, 'number')} take "
        f"{need.bytes(SMALLEST) / GIGA:.2f} GB with "
        f"{need.workers} worker(s); {free / GIGA:.2f} GB are {'allowed' if asked else 'free'}: "
        f"{fits}. Give more `memory`, fewer workers, or add the rows in steps (`against`)."
    )


def _rows_that_fit(need: Need, free: float) -> int:
    low, high = 0, need.rows
    while low < high:
        middle = (low + high + 1) // 2
        if need.with_rows(middle).bytes(SMALLEST) <= free:
            low = middle
        else:
            high = middle - 1
    return low


def available_memory() -> int | None:
    """Return the bytes that this machine or this container has free, None where none says so."""
    found = [_free_of_machine(), _free_of_container()]
    return min((free for free in found if free is not None), default=None)


def _free_of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    told = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(told[0]) if told else None


def _free_of_container(home: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return what a container may still use; pages of files that it holds are given back."""
    try:
        limit, used, parts = (
            (home / f"memory.{name}").read_text().strip() for name in ("max", "current", "stat")
        )
    except OSError:
        return None
    if not limit.isdigit():
        return None
    held = dict(line.split() for line in parts.splitlines())
    cached = sum(int(held.get(name, 0)) for name in ("inactive_file", "active_file"))
    return int(limit) - int(used) + cached

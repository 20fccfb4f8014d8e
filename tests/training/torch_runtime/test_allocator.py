import subprocess
import sys
import textwrap

import pytest

from training.torch_runtime import allocator
from training.torch_runtime.allocator import kept_memory

_COUNTING = """
import resource, threading
import torch
from training.torch_runtime.allocator import kept_memory

torch.set_num_threads(1)

def faults(rounds=10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.ones(16 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def faults_once_warm():
    # An aligned block is cut out of a larger one, and glibc keeps the first seven cuttings of
    # each small size for itself: until then the block is too small to serve the next time.
    faults(40)
    return faults()

def resident_mb():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize() // 2**20

"""


def _counted(script):
    """The numbers that a process of its own prints: the heap and the threads of the other tests
    would be counted with them."""
    if sys.platform != "linux" or allocator._glibc() is None:
        pytest.skip("needs glibc without settings of the user's in the environment")
    code = _COUNTING + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return [int(word) for word in done.stdout.split()]


def test_freed_memory_is_reused_inside_and_given_back_after():
    outside, inside, before, kept, after = _counted("""
        outside, before = faults(), resident_mb()
        with kept_memory():
            inside, kept = faults_once_warm(), resident_mb()
        print(outside, inside, before, kept, resident_mb())
    """)
    assert inside < outside / 2
    assert kept > before + 50
    assert after < before + 10


def test_memory_is_kept_until_the_last_block_ends():
    outside, nested, beside, before, after = _counted("""
        outside, before = faults(), resident_mb()
        with kept_memory():
            with kept_memory():
                pass
            nested = faults_once_warm()

            def short_block():
                with kept_memory():
                    pass

            other = threading.Thread(target=short_block)
            other.start()
            other.join()
            beside = faults_once_warm()
        print(outside, nested, beside, before, resident_mb())
    """)
    assert max(nested, beside) < outside / 2
    assert after < before + 10


def test_settings_of_the_user_are_left_alone(monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1")
    assert allocator._glibc() is None
    with kept_memory():
        pass


def test_an_error_inside_passes():
    with pytest.raises(KeyError), kept_memory():
        raise KeyError

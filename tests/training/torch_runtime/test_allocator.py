import resource
import sys

import pytest
import torch

from training.torch_runtime import allocator
from training.torch_runtime.allocator import kept_memory


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults of glibc")
def test_freed_memory_is_reused_inside_and_given_back_after():
    if allocator._glibc() is None:
        pytest.skip("another C library, or tuned by the environment")

    def faults(rounds=10):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(rounds):
            torch.ones(16 * 2**20)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    outside = faults()
    with kept_memory():
        faults(2)
        inside = faults()
    assert inside < outside / 2


def test_settings_of_the_user_are_left_alone(monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1")
    assert allocator._glibc() is None
    with kept_memory():
        pass


def test_an_error_inside_passes():
    with pytest.raises(KeyError), kept_memory():
        raise KeyError

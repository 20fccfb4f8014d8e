"""What is said of the processor, against its own answers and against an emulated one."""

import platform

import pytest

from thresher.core.cpu import instruction_sets, saturates_int8

EXACT = {"AVX-512 VNNI", "AVX-VNNI", "NEON"}
SHOW = "from thresher.core.cpu import *; print(instruction_sets(), saturates_int8())"


@pytest.mark.train
def test_saturation_is_what_the_instruction_sets_say() -> None:
    found = set(instruction_sets())
    if not found & (EXACT | {"AVX2"}):
        pytest.skip(f"nothing is promised of {platform.processor()} with {found}")
    assert saturates_int8() == found.isdisjoint(EXACT)


@pytest.mark.train
def test_avx2_without_vnni_saturates(run_on_haswell) -> None:
    assert run_on_haswell("-c", SHOW).strip() == "('SSE4.2', 'AVX2') True"


def test_flags_of_another_processor_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    # Under an emulator /proc/cpuinfo is that of the host.
    if "AVX-512" not in instruction_sets():
        pytest.skip("needs a processor whose flags differ from the list below")
    monkeypatch.setattr("thresher.core.cpu._listed_flags", lambda: frozenset({"avx_vnni"}))
    assert "AVX-VNNI" not in instruction_sets()

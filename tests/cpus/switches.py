"""Other machines on this one: settings that make libraries take another processor's kernels.

Each library has a variable of its own. What has none (ONNX Runtime, OpenCV) needs an emulator.
"""

from __future__ import annotations

from dataclasses import dataclass

# Machine -> variables. MKL and FAISS belong to torch's and our own products of matrices.
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "FAISS_OPT_LEVEL": "avx2",
}
SSE4 = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "OPENBLAS_CORETYPE": "Nehalem",
    "FAISS_OPT_LEVEL": "generic",
}
# NumPy's groups of kernels above each level, in old and new names.
ABOVE_SSE4 = ("AVX2", "FMA3", "X86_V3")
ABOVE_AVX2 = ("AVX512", "X86_V4")


@dataclass(frozen=True)
class Switch:
    """A machine to pretend to be: its name in the table and its environment variables."""

    name: str
    variables: dict[str, str]


def switches(*, threads: tuple[int, ...] = (1, 2)) -> list[Switch]:
    """Return AVX2 and SSE4 machines with each number of threads, and this one with the last.

    On a machine that is no better than one of them the switch changes nothing and does no harm.
    """
    machines = [
        ("AVX2", {**AVX2, **_numpy_without(ABOVE_AVX2)}),
        ("SSE4", {**SSE4, **_numpy_without(ABOVE_SSE4 + ABOVE_AVX2)}),
    ]
    found = [_with_threads(name, machine, n) for name, machine in machines for n in threads]
    return [*found, _with_threads("this machine", {}, threads[-1])]


def _with_threads(name: str, variables: dict[str, str], threads: int) -> Switch:
    return Switch(
        f"{name}, {threads} thread{'s' * (threads > 1)}",
        {**variables, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)},
    )


def _numpy_without(groups: tuple[str, ...]) -> dict[str, str]:
    # NumPy warns of names that it has no kernels for, so only its own are named.
    from numpy._core import _multiarray_umath as core

    there = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    disabled = [name for name in there if name.startswith(groups)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(disabled)} if disabled else {}

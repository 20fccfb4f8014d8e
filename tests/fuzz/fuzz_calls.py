"""Call the public functions of a package with changed arguments; only worded errors may come out.

``python tests/fuzz/fuzz_calls.py PACKAGE [--calls 10000] [--seed 0]`` prints what was raised of
another kind than `ThresherError`, what took longer than its limit, and which call changed an
array of the caller or the state of the process; it exits with 1 if there is any of it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import random
import resource
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from calls import ROWS, Call, calls_of
from mutations import mutate, same_forms

from thresher.core.errors import ThresherError, ThresherWarning

PACKAGES = ("core", "curation", "active_learning", "augment", "training", "lifecycle")
LONGEST_S = 20
MOST_BYTES = 12 * 2**30


class TooLong(BaseException):
    """A call that does not come back."""


def main() -> None:
    """Fuzz one package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", choices=PACKAGES)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="calls whose name begins so")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    signal.signal(signal.SIGALRM, _give_up)
    calls = [call for call in calls_of(options.package) if call.name.startswith(options.only)]
    found = check_forms(calls) + fuzz(calls, count=options.calls, seed=options.seed)
    total = sum(found.values())
    for text, times in sorted(found.items()):
        print(f"{times:5d}  {text}")
    print(f"{total} wrong of {options.calls} calls of {options.package}, seed {options.seed}")
    sys.exit(bool(total))


def check_forms(calls: list[Call]) -> Counter[str]:
    """Compare the results for other forms of the same values: lists, frames, other orders."""
    found: Counter[str] = Counter()
    for call in calls:
        _outcome(call, call.arguments)  # what libraries set when they are loaded is theirs
        expected = _outcome(call, call.arguments)
        if isinstance(expected, str):
            found[f"{call.name}: the valid call itself: {expected}"] += 1
            continue
        for name, value in call.arguments.items():
            if isinstance(value, list) and len(value) < ROWS:
                continue  # options, and what has a form of its own
            for form, other in same_forms(value):
                got = _outcome(call, call.arguments | {name: other})
                if isinstance(got, str):
                    found[f"{call.name}({name} as {form}): {got}"] += 1
                elif _described(got[0]) != _described(expected[0]):
                    found[f"{call.name}({name} as {form}): another result"] += 1
    return found


def fuzz(calls: list[Call], *, count: int, seed: int) -> Counter[str]:
    """Make random calls with one or two changed arguments."""
    draw = random.Random(seed)
    found: Counter[str] = Counter()
    weights = [call.weight for call in calls]
    for _ in range(count):
        (call,) = draw.choices(calls, weights)
        arguments = dict(call.arguments)
        changes = []
        for name in draw.sample(sorted(arguments), min(len(arguments), draw.choice((1, 1, 2)))):
            change, arguments[name] = mutate(arguments[name], draw)
            changes.append(f"{name}: {change}")
        got = _outcome(call, arguments)
        if isinstance(got, str) and not got.startswith("worded"):
            found[f"{call.name}({'; '.join(changes)}): {got}"] += 1
    return found


def _outcome(call: Call, arguments: dict[str, Any]) -> str | tuple[Any]:
    """Return the result in a tuple, or what went wrong; ``worded …`` is an error of ours."""
    before, state = _contents(arguments), _state()
    try:
        with _limited(), warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ThresherWarning)
            outcome: str | tuple[Any] = (call.function(**arguments),)
    except ThresherError as error:
        outcome = f"worded {error}"
    except TooLong:
        outcome = f"no answer in {LONGEST_S} s"
    except Exception as error:
        outcome = f"{type(error).__name__}: {str(error)[:90]!r}"
    if _contents(arguments) != before:
        outcome = "changed an argument"
    changed = [name for name, value in _state().items() if value != state[name]]
    if changed:
        outcome = f"changed the process: {', '.join(changed)}"
    return outcome


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)


def _give_up(*_: object) -> None:
    raise TooLong


def _contents(arguments: dict[str, Any]) -> list[bytes | None]:
    found: list[bytes | None] = []
    for value in arguments.values():
        try:
            if hasattr(value, "__next__"):  # an iterator is used up
                value = None
            if type(value).__module__.startswith("pandas"):  # keeps what it has worked out
                value = str(list(value))
            found.append(pickle.dumps(value))
        except Exception:  # an iterator or a function: nothing to compare
            found.append(None)
    return found


def _state() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    return {
        "random": random.getstate(),
        "numpy.random": pickle.dumps(np.random.get_state()),  # noqa: NPY002 — the global one
        "torch random": bytes(torch.random.get_rng_state().numpy()) if torch else None,
        "torch threads": torch.get_num_threads() if torch else None,
        "gradients": torch.is_grad_enabled() if torch else None,
        "numpy errors": np.geterr(),
        "warnings": list(warnings.filters),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }


def _described(result: Any) -> str:
    """Return the result in words, arrays whole, so that two can be compared."""
    with np.printoptions(threshold=10**6, precision=6):
        return _words(result)


def _words(value: Any) -> str:
    if isinstance(value, np.ndarray):
        # In two precisions the last digits differ; −0 is 0.
        number = value.dtype.kind == "f"
        return str(
            (np.round(value.astype(np.float64), 4) + 0).tolist() if number else value.tolist()
        )
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_words, value))}]"
    if isinstance(value, dict):
        return str({key: _words(item) for key, item in value.items()})
    if isinstance(value, (str, int, bool, type(None))):
        return repr(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    fields = [name for name in getattr(value, "__dataclass_fields__", ()) if "seconds" not in name]
    if fields:
        return f"{type(value).__name__}({[_words(getattr(value, name)) for name in fields]})"
    return type(value).__name__


if __name__ == "__main__":
    main()

"""A model as the server holds it: one file, a network with exits, or a cascade.

All three are stages through which rows go. ONNX Runtime is all that is needed: what a file takes
and answers is written in the file itself, so PyTorch is never loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.choice import available_cpus
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count
from thresher.core.exported.portability import warn_if_inexact
from thresher.core.exported.session import INPUT, InputSpec, open_session, read_description
from thresher.core.numerics.softmax import confidence
from thresher.core.signatures import checked

from .preparation import prepared_rows

MODEL, EXITS, CASCADE = "model.onnx", "exits.json", "cascade.json"
# From the state of b rows to their logits, float32 (b, classes), and the state for the next stage.
Stage = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int64)": "int64",
}


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model that answers rows stage by stage.

    Attributes
    ----------
    path : Path
        As it was named: a folder or a file.
    kind : str
        ``"model"``, ``"exits"`` or ``"cascade"``.
    digest : str
        32 hexadecimal digits over all files: the name of exactly this model.
    classes : list of str
        In the order of the logits.
    input_spec : InputSpec
        Of one row, as the first stage takes it.
    preprocessing : dict
        How a raw row becomes input.
    stages : tuple of callable
        One, or several of which all but the last let sure rows leave.
    threshold : float
        Tempered confidence from which a row leaves early; of no use with one stage.
    temperatures : tuple of float
        One for each stage.
    size_bytes : int
        Of all files.

    Examples
    --------
    >>> from lifecycle import ServedModel, load_served
    >>> from training import compact_model, export
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> written = export(model, "file", classes=["no", "yes"])
    >>> served = load_served("file")
    >>> isinstance(served, ServedModel), served.kind, len(served.stages)
    (True, 'model', 1)
    """

    path: Path
    kind: str
    digest: str
    classes: list[str]
    input_spec: InputSpec
    preprocessing: dict[str, Any]
    stages: tuple[Stage, ...]
    threshold: float
    temperatures: tuple[float, ...]
    size_bytes: int

    def step(self, stage: int, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Run one stage on some rows.

        Returns
        -------
        logits : ndarray of float32, shape (b, classes)
        leaves : ndarray of bool, shape (b,)
            Rows whose answer stands.
        state : ndarray
            For the next stage, of all rows.
        """
        logits, following = self.stages[stage](state)
        if stage == len(self.stages) - 1:
            return logits, np.ones(len(logits), bool), following
        leaves = confidence(logits, self.temperatures[stage]) >= self.threshold
        return logits, leaves, following

    def predict(self, inputs: np.ndarray | Sequence[str] | Sequence[bytes]) -> np.ndarray:
        """Return logits, float32 (n, classes), each of the stage that the row left at.

        Parameters
        ----------
        inputs : ndarray, or list of str or bytes
            As `input_spec` says; or texts or image files, which the model's preparation takes.

        Raises
        ------
        InputError
            When shape or dtype of the inputs differ from `input_spec`, or a row cannot be used.
        """
        if not isinstance(inputs, np.ndarray):
            inputs = prepared_rows(inputs, self.preprocessing, self.input_spec)
        state = self.input_spec.checked(inputs)
        rows = np.arange(len(state))
        found = np.zeros((len(state), len(self.classes)), dtype=np.float32)
        for stage in range(len(self.stages)):
            if len(rows):
                logits, leaves, state = self.step(stage, state)
                found[rows[leaves]] = logits[leaves]
                rows, state = rows[~leaves], state[~leaves]
        return found


@checked
def load_served(path: str | os.PathLike[str], *, threads: int | None = None) -> ServedModel:
    """Load a model to serve.

    Every file is read once and opened from memory, so that a file which is replaced meanwhile
    cannot mix two models.

    Parameters
    ----------
    path : path-like
        A folder of `training.export` in ONNX, or its ``.onnx`` file; a folder of
        `training.export_exits`; a folder of `training.Cascade.save`.
    threads : int, optional
        Of ONNX Runtime; by default all processors that this process may use.

    Raises
    ------
    InputError
        When a file is missing, damaged, or was not written by Thresher.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import load_served
    >>> from training import compact_model, export
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> written = export(model, "file", classes=["no", "yes"])
    >>> load_served("file").predict(np.eye(4, dtype=np.float32)).shape
    (4, 2)
    """
    count = available_cpus() if threads is None else check_count("threads", threads)
    place = Path(path)
    if (place / EXITS).is_file():
        return _load_exits(place, threads=count)
    if (place / CASCADE).is_file():
        return _load_cascade(place, threads=count)
    file = place / MODEL if place.is_dir() else place
    if place.is_dir() and not file.is_file():
        held = ", ".join(sorted(inside.name for inside in place.iterdir())[:5]) or "nothing"
        raise InputError(
            f"{place} holds no {MODEL}, {EXITS} or {CASCADE}, but {held}. The server runs ONNX: "
            "export the model with `format='onnx'`, the default."
        )
    if file.suffix in (".pt2", ".pte"):
        raise InputError(
            f"{file} needs PyTorch or ExecuTorch; the server runs ONNX. Export the model with "
            "`format='onnx'`, the default."
        )
    return _load_file(file, place, threads=count)


def _load_file(file: Path, path: Path, *, threads: int) -> ServedModel:
    digest = hashlib.blake2b(digest_size=16)
    session, described, size = _open(file, digest, threads=threads)
    return ServedModel(
        path=path,
        kind="model",
        digest=digest.hexdigest(),
        classes=described["classes"],
        input_spec=InputSpec.from_json(described["input"]),
        preprocessing=described["preprocessing"],
        stages=(_whole(session),),
        threshold=0.0,
        temperatures=(1.0,),
        size_bytes=size,
    )


def _load_cascade(folder: Path, *, threads: int) -> ServedModel:
    digest = hashlib.blake2b(digest_size=16)
    record = _record(folder / CASCADE, digest)
    opened = [_open(folder / name, digest, threads=threads) for name in _names(record, folder)]
    first = opened[0][1]
    for name, (_, described, _) in zip(record["files"], opened, strict=True):
        for key in ("classes", "input", "preprocessing"):
            if described[key] != first[key]:
                raise InputError(
                    f"{folder / name} has another entry {key!r} than {folder / record['files'][0]}"
                    ": the models of a cascade take the same rows and know the same classes."
                )
    rule = _rule(record, len(opened), folder)
    return ServedModel(
        path=folder,
        kind="cascade",
        digest=digest.hexdigest(),
        classes=first["classes"],
        input_spec=InputSpec.from_json(first["input"]),
        preprocessing=first["preprocessing"],
        stages=tuple(_whole(session) for session, _, _ in opened),
        threshold=rule[0],
        temperatures=rule[1],
        size_bytes=sum(size for _, _, size in opened),
    )


def _load_exits(folder: Path, *, threads: int) -> ServedModel:
    digest = hashlib.blake2b(digest_size=16)
    record = _record(folder / EXITS, digest)
    count = len(record.get("rule", {}).get("temperatures", ()))
    rule = _rule(record, count, folder)
    sizes, stages, spec = 0, [], None
    for stage in range(count):
        pair = []
        for name in (f"segment-{stage}.onnx", f"head-{stage}.onnx"):
            content = _read(folder / name, digest)
            pair.append(open_session(content, threads=threads, name=str(folder / name)))
            sizes += len(content)
        stages.append(_segment(*pair))
        spec = spec or _input_of(pair[0], folder)
    assert spec is not None
    return ServedModel(
        path=folder,
        kind="exits",
        digest=digest.hexdigest(),
        classes=record["classes"],
        input_spec=spec,
        preprocessing=record.get("preprocessing", {}),
        stages=tuple(stages),
        threshold=rule[0],
        temperatures=rule[1],
        size_bytes=sizes,
    )


def _open(file: Path, digest: Any, *, threads: int) -> tuple[Any, dict[str, Any], int]:
    content = _read(file, digest)
    session = open_session(content, threads=threads, name=str(file))
    described = read_description(session, file)
    warn_if_inexact(file, described["quantization"])
    return session, described, len(content)


def _read(file: Path, digest: Any) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"The model file {file} cannot be read: {error.strerror}.") from error
    digest.update(len(content).to_bytes(8, "little"))
    digest.update(content)
    return content


def _record(file: Path, digest: Any) -> dict[str, Any]:
    try:
        record = json.loads(_read(file, digest))
    except ValueError as error:
        raise InputError(f"{file} is not valid JSON ({error}).") from error
    if not isinstance(record, dict) or not isinstance(record.get("rule"), dict):
        raise InputError(f"{file} has no entry 'rule': write it again with Thresher.")
    return record


def _names(record: dict[str, Any], folder: Path) -> Sequence[str]:
    names = record.get("files")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{folder / CASCADE} has no list 'files' of its models.")
    return names


def _rule(record: dict[str, Any], stages: int, folder: Path) -> tuple[float, tuple[float, ...]]:
    try:
        threshold = float(record["rule"]["threshold"])
        temperatures = tuple(float(value) for value in record["rule"]["temperatures"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"The rule in {folder} cannot be read ({error!r}).") from error
    if len(temperatures) != stages or stages < 2 or min(temperatures) <= 0:
        raise InputError(
            f"The rule in {folder} has {counted(len(temperatures), 'temperature')} for "
            f"{counted(stages, 'stage')}; it needs one above 0 for each of at least two."
        )
    return threshold, temperatures


def _input_of(session: Any, folder: Path) -> InputSpec:
    (given,) = session.get_inputs()
    if given.type not in _DTYPES or not all(isinstance(size, int) for size in given.shape[1:]):
        raise InputError(f"The first segment in {folder} takes {given.type} {given.shape}.")
    return InputSpec(_DTYPES[given.type], tuple(given.shape[1:]))


def _whole(session: Any) -> Stage:
    def run(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return session.run(None, {INPUT: rows})[0], rows

    return run


def _segment(segment: Any, head: Any) -> Stage:
    def run(state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        following = segment.run(None, {INPUT: state})[0]
        return head.run(None, {INPUT: following})[0], following

    return run

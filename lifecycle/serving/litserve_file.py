"""A server of the same model for those who run LitServe: one file of plain Python."""

from __future__ import annotations

import os
from pathlib import Path

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.files import write_text
from thresher.core.signatures import checked

from .options import ServingOptions
from .planning import plan_model
from .served_model import load_served

_FILE = '''"""Serve {name} with LitServe: pip install litserve onnxruntime numpy; python {file}

Written by Thresher. POST /predict takes {{"rows": [[…], …]}}, rows of {dtype} with shape {shape},
and answers {{"labels": […], "probabilities": […]}}. Texts and image files are not prepared here.
"""

import litserve as ls
import numpy as np
import onnxruntime

MODEL = {path!r}
CLASSES = {classes!r}


class Model(ls.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = {threads}
        self.session = onnxruntime.InferenceSession(MODEL, options)

    def decode_request(self, request):
        rows = np.asarray(request["rows"], dtype={dtype!r})
        if rows.shape[1:] != {shape!r}:
            raise ValueError(f"rows must have shape (n, *{shape!r}), got {{rows.shape}}")
        return rows

    def batch(self, inputs):
        self.sizes = [len(rows) for rows in inputs]
        return np.concatenate(inputs)

    def predict(self, x):
        logits = self.session.run(None, {{"input": x}})[0].astype(np.float64)
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        return likely / likely.sum(axis=1, keepdims=True)

    def unbatch(self, output):
        return np.split(output, np.cumsum(self.sizes)[:-1])

    def encode_response(self, output):
        codes = output.argmax(axis=1)
        return {{
            "labels": [CLASSES[code] for code in codes],
            "probabilities": output.max(axis=1).tolist(),
        }}


if __name__ == "__main__":
    # {reason}
    api = Model(max_batch_size={batch}, batch_timeout=0.001)
    ls.LitServer(api, accelerator="cpu").run(port=8000, generate_client_file=False)
'''


@checked
def write_litserve(path: str | os.PathLike[str], file: str | os.PathLike[str]) -> None:
    """Write a script that serves an exported model with LitServe.

    Parameters
    ----------
    path : path-like
        A folder of `training.export` or its ``.onnx`` file; the script names it where it lies.
    file : path-like
        The script to write.

    Raises
    ------
    InputError
        For exits and cascades, whose stages LitServe has no form for.

    Examples
    --------
    >>> from lifecycle import write_litserve
    >>> from training import compact_model, export
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> written = export(model, "file", classes=["no", "yes"])
    >>> write_litserve("file", "serve_litserve.py")
    """
    model = load_served(path, threads=1)
    if model.kind != "model":
        raise InputError(
            f"{model.path} is served in stages ({model.kind}), for which LitServe has no form; "
            "serve it with `thresher serve`, or write the file for its last stage."
        )
    place = model.path / "model.onnx" if model.path.is_dir() else model.path
    batch = plan_model(model, ServingOptions()).batch
    text = _FILE.format(
        name=model.path.name,
        file=Path(file).name,
        path=str(place.resolve()),
        classes=model.classes,
        dtype=model.input_spec.dtype,
        shape=model.input_spec.shape,
        threads=1,
        batch=int(batch.value),
        reason=f"{counted(int(batch.value), 'row')} in a batch: {batch.reason}.",
    )
    write_text(file, text)

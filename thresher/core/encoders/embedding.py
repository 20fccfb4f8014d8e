"""`embed`: from a dataset, images, texts or numbers to `Embeddings`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..classes import label_texts
from ..embeddings import Embeddings
from ..errors import InputError, check_count
from ..progress import message, track
from ..randomness import RandomState, check_random_state
from ..signatures import checked
from .automatic import choose_encoder
from .joined import JoinedEncoder
from .lengths import cuts_of, said_of_cuts
from .protocol import Encoder
from .registry import get_encoder
from .values import Source, batches, open_source, usual_side


@checked
def embed(
    data: Any,
    *,
    column: str | Sequence[str] | None = None,
    encoder: str | Encoder | Callable[[Any], Any] = "auto",
    batch_size: int = 1024,
    device: str = "auto",
    random_state: RandomState = 0,
    row_ids: np.ndarray | None = None,
    labels: np.ndarray | Sequence[str] | None = None,
) -> Embeddings:
    """Encode every row as a vector of unit length.

    An encoder that is not fitted is fitted on these rows, or on a sample of them when there are
    more than it has a use for. To place new rows in the same space, pass the fitted encoder.

    Parameters
    ----------
    data : datasets.Dataset, ndarray or list of str
        Images, uint8 (n, h, w, 3) or (n, h, w); numbers, (n, d); or texts.
    column : str or sequence of str, optional
        Column of the dataset, or several of numbers; not needed where only one can be meant.
    encoder : str, Encoder or callable
        See `get_encoder`. ``"auto"`` takes the joined one of the modality where the weights are
        installed, else the built-in one; what it takes, and why, is said.
    batch_size : int
        Rows in memory at once; the result does not depend on it for built-in encoders.
    device : {"auto", "cpu", "cuda"}
        For pretrained encoders; the built-in ones always use the CPU.
    random_state : int, Generator or None
        Chooses the sample for the fit and starts the text encoder's SVD.
    row_ids : ndarray of str, shape (n,), optional
        Default: the column ``row_id``, or ``"0"``, ``"1"``, ….
    labels : array of str or int, shape (n,), optional
        Of training rows, empty texts for the others: a joined encoder that is fitted here weighs
        surface and meaning by them. Other encoders make no use of labels.

    Returns
    -------
    Embeddings
        Blank and unreadable rows are all zeros.

    Raises
    ------
    InputError
        When data and encoder do not go together, or a row of numbers holds NaN (rows are named).

    Examples
    --------
    >>> from thresher.core import embed
    >>> texts = ["a red kettle", "a red kettle!", "a chair"]
    >>> embeddings = embed(texts, encoder="builtin:text-hash")
    >>> near, far = embeddings.vectors[0] @ embeddings.vectors[1:].T
    >>> bool(near > far)
    True
    """
    check_count("batch_size", batch_size, low=1)
    source = open_source(data, column=column, row_ids=row_ids)
    rng = check_random_state(random_state)
    known = None if labels is None else label_texts(labels, rows=len(source.row_ids))
    model = get_encoder(
        automatic(encoder, source.modality),
        modality=source.modality,
        device=device,
        random_state=int(rng.integers(2**31)),
    )
    if model.modality != source.modality:
        raise InputError(
            f"The encoder {model.name} takes {model.modality} values, the data holds "
            f"{source.modality} values."
        )
    if device == "cuda" and model.device.value != "cuda":
        message(f"{model.name} runs on the {model.device}")
    if not model.fitted:
        _fit(model, source, rng, known)
    cuts = cuts_of(model)
    seen = cuts.count if cuts else 0
    vectors = _encode(model, source, batch_size)
    if cuts and cuts.count > seen:
        message(said_of_cuts(cuts.count - seen, cuts.longest))
    return Embeddings.from_vectors(
        vectors, row_ids=source.row_ids, encoder=model.name, fingerprint=model.fingerprint
    )


def automatic(encoder: Any, modality: str) -> Any:
    """Return the encoder, or the name of the one that ``"auto"`` takes, and say why that one."""
    if not isinstance(encoder, str) or encoder != "auto":
        return encoder
    choice = choose_encoder(modality)
    message(f"encoder: {choice}")
    return choice.value


def _fit(
    model: Encoder, source: Source, rng: np.random.Generator, labels: np.ndarray | None
) -> None:
    if isinstance(model, JoinedEncoder):
        model.see(usual_side(source))
    rows = len(source.row_ids)
    positions = np.arange(rows)
    if rows > model.fit_rows:
        positions = np.sort(rng.choice(rows, model.fit_rows, replace=False))
    for _ in track(range(1), description=f"fit {model.name}"):
        values = source.read(positions, image_size=model.image_size)
        if isinstance(model, JoinedEncoder):
            model.fit(values, None if labels is None else labels[positions])
        else:
            model.fit(values)


def _encode(model: Encoder, source: Source, batch_size: int) -> np.ndarray:
    rows = len(source.row_ids)
    vectors = np.zeros((rows, 0), np.float32)
    steps = -(-rows // batch_size)
    runs = batches(rows, size=batch_size)
    for positions in track(runs, description=f"encode with {model.name}", total=steps):
        part = model.encode(source.read(positions, image_size=model.image_size))
        if not vectors.shape[1]:  # a function's length is not known before its first row
            vectors = np.zeros((rows, part.shape[1]), np.float32)
        if part.shape[1]:
            vectors[positions] = part
    return vectors if rows else np.zeros((0, model.dimensions), np.float32)

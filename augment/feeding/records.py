"""Streams pass through: an iterable of records in, the same records with augmented images out.

For data that are not at hand as an array: WebDataset tar files, `datasets` in streaming mode, any
iterable of dicts. The random numbers of a record come from its own id, so sharding, the number of
workers and the order of the stream change nothing.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.errors import InputError
from thresher.core.file_names import shown
from thresher.core.images import UnreadableImage, decode_image
from thresher.core.moved import renamed
from thresher.core.signatures import checked
from thresher.core.webdataset import is_image, key_and_suffix, member_name

from ..augmenter import Augmenter
from ..randomness.keyed import check_index, check_keys
from .ragged_batch import augment_several

Record = dict[str, Any]


@renamed(key="row_id")
@checked
def augment_stream(
    records: Iterable[Mapping[str, Any]],
    augmenter: Augmenter,
    *,
    image: str = "image",
    row_id: str = "row_id",
    epoch: int = 0,
    batch_size: int = 64,
) -> Iterator[Record]:
    """Yield each record with its image augmented, in the order of the stream.

    Parameters
    ----------
    records
        Dicts; for instance an ``IterableDataset`` of Hugging Face, or `read_tar`.
    image
        Field with the image: array, tensor or PIL image, of any size; it comes back in kind.
    row_id
        Field with the record's id, a string or an integer; ``"__key__"`` in a WebDataset.
    batch_size
        Records that are read ahead. Those of one size and kind are augmented together.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import Augmenter, augment_stream, policies
    >>> rows = ({"row_id": name, "image": np.zeros((8, 8, 3), dtype=np.uint8)} for name in "ab")
    >>> augmenter = Augmenter(policies.standard(pad=1, flip=True), random_state=0)
    >>> [record["row_id"] for record in augment_stream(rows, augmenter, epoch=3)]
    ['a', 'b']
    """
    epoch, size = check_index("epoch", epoch), check_index("batch_size", batch_size)
    if size < 1:
        raise InputError("`batch_size` must be at least 1, got 0.")
    source = iter(records)
    while block := list(islice(source, size)):
        yield from _augment(block, augmenter, image=image, row_id=row_id, epoch=epoch)


def _augment(
    block: Sequence[Mapping[str, Any]], augmenter: Augmenter, *, image: str, row_id: str, epoch: int
) -> Iterator[Record]:
    keys = check_keys([_field(record, row_id) for record in block])
    images = [_field(record, image) for record in block]
    changed = augment_several(images, keys, augmenter, epoch=epoch)
    for record, found in zip(block, changed, strict=True):
        yield {**record, image: found}


def _field(record: Mapping[str, Any], name: str) -> Any:
    if not isinstance(record, Mapping) or name not in record:
        found = ", ".join(map(str, record)) if isinstance(record, Mapping) else repr(record)[:80]
        raise InputError(f"A record of the stream has no field {name!r}. It has: {found}.")
    return record[name]


@checked
def read_tar(paths: str | Path | Sequence[str | Path]) -> Iterator[Record]:
    """Yield the samples of WebDataset tar files: files of one name, by their extension.

    Each is a dict with ``__key__``, ``image`` (decoded, uint8 (H, W, 3)) and the other files as
    bytes (``cls``, ``json``, …). Files that programs leave beside data, such as ``._a.jpg`` and
    ``__MACOSX``, are left out.

    Raises
    ------
    InputError
        When a tar file or an image in it cannot be read; it is named.

    Examples
    --------
    >>> import io
    >>> import tarfile
    >>> from augment import read_tar
    >>> with tarfile.open("rows.tar", "w") as tar:
    ...     for name, data in (("a.txt", b"a kettle"), ("a.cls", b"3")):
    ...         info = tarfile.TarInfo(name)
    ...         info.size = len(data)
    ...         tar.addfile(info, io.BytesIO(data))
    >>> [sorted(record) for record in read_tar("rows.tar")]
    [['__key__', 'cls', 'txt']]
    """
    for path in [paths] if isinstance(paths, (str, Path)) else paths:
        try:
            with tarfile.open(path, mode="r|*") as tar:
                yield from _samples(tar, Path(path))
        except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise InputError(f"{path} cannot be read as a tar file ({error}).") from error


def _samples(tar: tarfile.TarFile, path: Path) -> Iterator[Record]:
    sample: Record = {}
    for member in tar:
        name = member_name(member.name) if member.isfile() else None
        if name is None:
            continue
        # Bytes of a name that are not UTF-8 are written out: no key and no field holds them.
        key, extension = key_and_suffix(shown(name))
        if sample and sample["__key__"] != key:
            yield sample
            sample = {}
        sample.setdefault("__key__", key)
        file = tar.extractfile(member)
        content = b"" if file is None else file.read()
        if is_image(extension):
            sample["image"] = _decode(content, f"{path}: {shown(member.name)}")
        else:
            sample[extension] = content
    if sample:
        yield sample


def _decode(content: bytes, name: str) -> np.ndarray:
    try:
        return decode_image(content)
    except UnreadableImage as error:
        raise InputError(f"{name} cannot be used: {error.reason}.") from error

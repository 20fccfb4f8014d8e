"""Files at addresses such as ``s3://bucket/file``, read and written through fsspec.

Which addresses can be used depends on the packages that are installed: ``s3fs`` for S3, ``gcsfs``
for Google's storage, ``adlfs`` for Azure's. An object store has no rename, so that a file is put in
one piece where there is none yet, and is never moved.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import InputError

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
SAME_BYTES = 1 << 24
# Under which keys file systems tell one content from another.
TELLING = ("ETag", "etag", "md5Hash", "mtime", "created", "LastModified")


class Url(str):
    """An address that is not that of a file of this machine; use `place`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """Last part of the address."""
        return self.rstrip("/").rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """Ending of the name, with its dot."""
        return Path(self.name).suffix

    def opened(self) -> tuple[Any, str]:
        """Return the file system, and the path in it.

        Raises
        ------
        InputError
            On an unknown kind of address, and where its package is not installed.
        """
        import fsspec

        kind = self.partition("://")[0]
        try:
            found: tuple[Any, str] = fsspec.core.url_to_fs(str(self))
        except ImportError as error:
            package = PACKAGES.get(kind, "the package that fsspec names")
            raise InputError(f"{self} needs {package}: pip install {package} ({error}).") from error
        except ValueError as error:
            raise InputError(f"{self} is not an address that fsspec knows ({error}).") from error
        return found

    def stamp(self) -> list[str | int]:
        """Return the name, the size, and what tells one content from another.

        Raises
        ------
        InputError
            When there is no such file.
        """
        system, path = self.opened()
        try:
            info = system.info(path)
        except OSError as error:
            raise InputError(f"{self} cannot be read ({error}).") from error
        told = [str(info[key]) for key in TELLING if info.get(key)]
        return [self.name, int(info["size"]), *told[:1]]


Place = Path | Url


def place(path: str | os.PathLike[str]) -> Place:
    """Return an address as `Url`, and a file of this machine as a path; ``file://`` is one."""
    text = str(path)
    kind, sign, rest = text.partition("://")
    if isinstance(path, os.PathLike) or not sign:
        return Path(path)
    return Path(rest) if kind in ("file", "local") else Url(text)


def places(sources: Sequence[str | os.PathLike[str]]) -> list[Place]:
    """Return places of files; an address with ``*`` stands for all that it fits, sorted.

    Raises
    ------
    InputError
        When it fits none.
    """
    found: list[Place] = []
    for source in map(place, sources):
        if not isinstance(source, Url) or "*" not in source:
            found.append(source)
            continue
        system, path = source.opened()
        names = sorted(system.glob(path))
        if not names:
            raise InputError(f"No file is at {source}.")
        found += [Url(system.unstrip_protocol(name)) for name in names]
    return found


def resolved(path: str | os.PathLike[str]) -> str:
    """Return a place as a text that means the same in every folder of this machine."""
    there = place(path)
    return str(there) if isinstance(there, Url) else str(there.resolve())


def below(folder: str | os.PathLike[str], name: str) -> Place:
    """Return the place of a name in a folder."""
    home = place(folder)
    return Url(f"{home.rstrip('/')}/{name}") if isinstance(home, Url) else home / name


def read_bytes(url: Url, start: int, stop: int) -> bytes:
    """Return some bytes of a file.

    Raises
    ------
    InputError
        When they cannot be read.
    """
    system, path = url.opened()
    try:
        found: bytes = system.cat_file(path, start=start, end=stop)
    except OSError as error:
        raise InputError(f"{url} cannot be read ({error}).") from error
    return found


def put_if_absent(local: Path, url: Url) -> None:
    """Write a file to an address where there is none yet; the same one may be there already.

    Raises
    ------
    InputError
        When another file is there, or it cannot be written.
    """
    system, path = url.opened()
    try:
        if not system.exists(path):
            system.put_file(str(local), path, mode="create")
            return
    except FileExistsError:  # put there meanwhile, by another worker
        pass
    except OSError as error:
        raise InputError(f"{url} cannot be written ({error}).") from error
    if not _same(local, url):
        raise InputError(
            f"{url} holds another file, and none is replaced: give another folder, or remove it."
        )


def _same(local: Path, url: Url) -> bool:
    system, path = url.opened()
    size = local.stat().st_size
    if int(system.info(path)["size"]) != size:
        return False
    with local.open("rb") as file:
        return all(
            file.read(SAME_BYTES) == read_bytes(url, start, min(start + SAME_BYTES, size))
            for start in range(0, size, SAME_BYTES)
        )

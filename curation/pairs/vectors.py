"""Vectors of images and captions that somebody computed before, found and checked.

DataComp stores ``SHARD.npz`` beside ``SHARD.parquet``, with arrays such as ``l14_img`` and
``l14_txt``; clip-retrieval ``img_emb/img_emb_7.npy`` and ``text_emb/text_emb_7.npy`` beside
``metadata/metadata_7.parquet``. Both are read as they are.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.core.errors import InputError
from thresher.core.file_names import shown

IMAGE_ENDS, TEXT_ENDS = ("img", "image", "images"), ("txt", "text", "texts", "caption")
LAYOUTS = (
    ("{stem}.npz",),
    ("{stem}.image.npy", "{stem}.text.npy"),
    ("img_emb/img_emb_{number}.npy", "text_emb/text_emb_{number}.npy"),
)


@dataclass(frozen=True)
class PairVectors:
    """Where the vectors of a shard's pairs lie, a row for each pair.

    Attributes
    ----------
    paths : tuple of Path
        One ``.npz`` file, or the ``.npy`` files of images and of captions.
    arrays : str
        What the names of the ``.npz`` file's two arrays begin with; empty where it has two only.
    """

    paths: tuple[Path, ...]
    arrays: str = ""

    @property
    def packed(self) -> bool:
        """Whether they must be taken out of an ``.npz`` file to be read in part."""
        return len(self.paths) == 1

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors of images and of captions, of any float type, shape (n, d) each.

        Raises
        ------
        InputError
            When a file cannot be read, the arrays are not told apart, or they do not fit together.
        """
        try:
            image, text = self._of_npz() if self.packed else map(_mapped, self.paths)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.paths[0]} cannot be read as vectors ({error}).") from error
        if image.ndim != 2 or image.shape != text.shape or image.dtype.kind != "f":
            raise InputError(
                f"{self.paths[0]} must hold two matrices of equal shape, a row for each pair: got "
                f"{image.dtype} {image.shape} of images and {text.dtype} {text.shape} of captions."
            )
        return image, text

    def _of_npz(self) -> tuple[np.ndarray, np.ndarray]:
        with np.load(self.paths[0], allow_pickle=False) as stored:
            image, text = self._names(stored.files)
            return stored[image], stored[text]

    def _names(self, names: Sequence[str]) -> tuple[str, str]:
        asked = [name for name in names if name.startswith(self.arrays)]
        images = [name for name in asked if name.lower().endswith(IMAGE_ENDS)]
        texts = [name for name in asked if name.lower().endswith(TEXT_ENDS)]
        if len(images) != 1 or len(texts) != 1:
            which = f" that begin with {self.arrays!r}" if self.arrays else ""
            raise InputError(
                f"{self.paths[0]} must hold one array of images (…img) and one of captions (…txt)"
                f"{which}; it holds {', '.join(map(shown, names))}. Say with `arrays` what the two "
                "begin with, such as 'l14'."
            )
        return images[0], texts[0]


def _mapped(path: Path) -> np.ndarray:
    stored: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return stored


def find_vectors(shards: Sequence[Path], folder: Path, *, arrays: str = "") -> list[PairVectors]:
    """Find the vectors of each shard in a folder, in any of the known layouts.

    Raises
    ------
    InputError
        When a shard has none; says which names were looked for.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder} to take vectors from.")
    return [_of_shard(path, folder, arrays) for path in shards]


def _of_shard(path: Path, folder: Path, arrays: str) -> PairVectors:
    stem = path.name.partition(".")[0]
    digits = re.search(r"\d+$", stem)
    number = str(digits[0]) if digits else ""
    looked = []
    for layout in LAYOUTS:
        named = tuple(folder / each.format(stem=stem, number=number) for each in layout)
        looked += [str(each.relative_to(folder)) for each in named]
        if all(each.is_file() for each in named):
            return PairVectors(named, arrays)
    raise InputError(
        f"{folder} has no vectors for {path.name}: looked for {', '.join(looked)}. Every shard "
        "needs its own."
    )

"""Which columns of a table, or members and keys of a sample, are the image, the caption, …."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from thresher.core.errors import InputError, check_column
from thresher.core.images import IMAGE_SUFFIXES

IMAGES = ("image", "img", "picture", "photo", "image_path", "file_name", "filename", "filepath",
          "path", "file", *(suffix[1:] for suffix in sorted(IMAGE_SUFFIXES)))  # fmt: skip
CAPTIONS = ("caption", "text", "txt", "alt_text", "alt", "title", "description", "sentence")
IDS = ("uid", "row_id", "id", "key")
WIDTHS, HEIGHTS = ("width", "original_width"), ("height", "original_height")
NAMES = ("url", "image_url", "image_path", "file_name", "filename", "filepath", "path", "key")
HASHES = ("sha256", "md5", "image_hash")
SIMILARITY = "similarity"


@dataclass(frozen=True)
class PairColumns:
    """Names of columns; None where there is none.

    Attributes
    ----------
    caption, image : str or None
    id : str or None
        What the pair is called.
    width, height : str or None
        Of the image, where the image itself is not there.
    similarity : str or None
        Of image and caption, as somebody measured it before.
    hash : str or None
        Of the image's bytes, where the image itself is not there.
    name : str or None
        Where the image came from: a path or an address.
    """

    caption: str | None = None
    image: str | None = None
    id: str | None = None
    width: str | None = None
    height: str | None = None
    similarity: str | None = None
    hash: str | None = None
    name: str | None = None

    def found_in(self, names: Iterable[str], *, measured: bool = False) -> PairColumns:
        """Return these columns, those that are None told by their usual names.

        Parameters
        ----------
        names : iterable of str
            What columns there are.
        measured : bool
            Whether the similarity is measured anew, so that a stored one need not be found.

        Raises
        ------
        InputError
            When a column that was named is not there, or several could be the similarity.
        """
        listed = tuple(names)
        for role in fields(self):
            asked = getattr(self, role.name)
            if asked is not None:
                check_column(asked, listed, role=f"{role.name} column")
        return PairColumns(
            self.caption or _first(CAPTIONS, listed),
            self.image or _first(IMAGES, listed),
            self.id or _first(IDS, listed),
            self.width or _first(WIDTHS, listed),
            self.height or _first(HEIGHTS, listed),
            self.similarity or _only_similarity(listed, measured=measured),
            self.hash or _first(HASHES, listed),
            self.name or _first(NAMES, listed),
        )


def no_caption(file: str, names: Iterable[str]) -> InputError:
    """Return the error for a file in which no column is called like a caption."""
    return InputError(
        f"{file} has no column that is called like a caption ({', '.join(CAPTIONS[:4])}, …). Its "
        f"columns: {', '.join(names)}. Name it with `caption`."
    )


def _first(usual: Iterable[str], names: Iterable[str]) -> str | None:
    lower = {name.lower(): name for name in reversed(list(names))}
    return next((lower[name] for name in usual if name in lower), None)


def _only_similarity(names: tuple[str, ...], *, measured: bool) -> str | None:
    found = [name for name in names if SIMILARITY in name.lower()]
    if len(found) > 1 and not measured:
        raise InputError(
            f"Several columns hold similarities: {', '.join(found)}. Name one with `similarity`."
        )
    return found[0] if len(found) == 1 else None

"""The pages on which people label rows and review findings, served on this machine.

``application`` joins pages into one Starlette application behind ``guard``; ``running`` runs it;
``opening`` says which pages a folder has. The pages themselves are plain JavaScript modules in
``static/``. Nothing here is imported before a page is wanted: Starlette and uvicorn are an extra.
"""

from ...core.errors import require


def require_web() -> None:
    """Raise `MissingExtraError`, with the install line, where what serves pages is missing."""
    for module in ("starlette", "uvicorn"):
        require(module, extra="web")

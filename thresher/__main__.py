"""``python -m thresher`` is the ``thresher`` command."""

from .app.cli import main

main()

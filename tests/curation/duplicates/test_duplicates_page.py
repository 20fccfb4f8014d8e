"""The snippets of the page on duplicates run, one after the other."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "duplicates.md"


def test_every_snippet_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    space: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), space)

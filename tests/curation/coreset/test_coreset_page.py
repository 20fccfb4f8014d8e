from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "coresets.md"


@pytest.mark.train
def test_the_users_page_runs_as_it_stands(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block.replace("/tmp/", f"{tmp_path}/"), names)
    assert (tmp_path / "dynamics.npz").exists()
    assert len(names["core"]) == 300

"""A source whose data changed is another source, also behind links."""

from __future__ import annotations

import os
from pathlib import Path

from thresher.app.steps.load import source_version


def test_a_linked_file_counts_with_its_content(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("text,label\na,b\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    before = source_version(tmp_path / "link.csv")
    assert source_version(tmp_path / "link.csv") == before
    (tmp_path / "real.csv").write_text("text,label\nother,b\n")
    assert source_version(tmp_path / "link.csv") != before


def test_a_linked_class_folder_counts_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "store" / "cat").mkdir(parents=True)
    (tmp_path / "store" / "cat" / "1.png").write_bytes(b"x")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat").symlink_to(tmp_path / "store" / "cat")
    before = source_version(tmp_path / "photos")
    (tmp_path / "store" / "cat" / "2.png").write_bytes(b"z")
    assert source_version(tmp_path / "photos") != before


def test_loops_pipes_and_dead_links_do_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    before = source_version(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert source_version(tmp_path) == before

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thresher.core import load_detection_set, write_detection_set
from thresher.core.errors import InputError

PAGE = """<?xml version="1.0" encoding="{encoding}"?>
<annotation><!-- by hand -->
  <folder>VOC</folder> <filename>C:\\pictures\\a.jpg</filename>
  <size><width>100</width><height>80</height><depth>3</depth></size>
  <object>
    <name>caf\u00e9 &amp; bar</name><pose>Left</pose><difficult>1</difficult>
    <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>
    <bndbox><xmin>10.50</xmin><ymin>20</ymin><xmax> 30 </xmax><ymax>40</ymax></bndbox>
  </object>
  <object><bndbox><xmax>9</xmax><xmin>1</xmin><ymin>2</ymin><ymax>8</ymax></bndbox><name>cat</name></object>
</annotation>
"""


@pytest.fixture(params=["utf-8", "iso-8859-1"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / "VOC"
    (root / "Annotations").mkdir(parents=True)
    (root / "JPEGImages").mkdir()
    (root / "JPEGImages" / "a.jpg").write_bytes(b"x")
    data = PAGE.format(encoding=request.param).encode(request.param)
    (root / "Annotations" / "a.xml").write_bytes(data)
    (root / "Annotations" / "b.xml").write_bytes(data)
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "train.txt").write_bytes(b"\xef\xbb\xbfa\n")
    (root / "ImageSets" / "Main" / "val.txt").write_text("b\n")
    (root / "ImageSets" / "Main" / "cat_train.txt").write_text("a  1\nb -1\n")
    return root


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*.*")}


def test_columns(root: Path) -> None:
    found = load_detection_set(root)
    assert found.row_ids.tolist() == ["a", "b"]
    assert found.splits.tolist() == ["train", "val"]
    assert found.classes == ("café & bar", "cat")
    assert found.codes.tolist() == [0, 1, 0, 1]
    assert found.boxes[:2].tolist() == [[10.5, 20, 30, 40], [1, 2, 9, 8]]
    assert found.sizes.tolist() == [[100, 80]] * 2
    assert found.files.tolist() == [str(root / "JPEGImages" / "a.jpg")] * 2
    assert found.segment(0) is None


def test_only_what_changed_changes(root: Path, tmp_path: Path) -> None:
    found = load_detection_set(root)
    write_detection_set(found, tmp_path / "same")
    before = files_of(root)
    before.pop("JPEGImages/a.jpg")
    assert files_of(tmp_path / "same") == before
    boxes, codes = found.boxes.copy(), found.codes.copy()
    boxes[0], codes[1] = [1, 2, 3, 4.25], 0
    changed = found.changed(boxes=boxes, codes=codes)
    images = np.array([True, False])
    write_detection_set(changed.keep(images=images, boxes=np.ones(4, bool)), tmp_path / "out")
    after = files_of(tmp_path / "out")
    encoding = "utf-8" if "é".encode() in before["Annotations/a.xml"] else "iso-8859-1"
    expected = PAGE.format(encoding=encoding)
    expected = expected.replace("10.50</xmin><ymin>20<", "1</xmin><ymin>2<")
    expected = expected.replace(" 30 </xmax><ymax>40<", "3</xmax><ymax>4.25<")
    expected = expected.replace("<name>cat<", "<name>caf&#233; &amp; bar<")
    assert after["Annotations/a.xml"] == expected.encode(encoding)
    assert after["ImageSets/Main/cat_train.txt"] == b"a  1\n"
    assert after["ImageSets/Main/train.txt"] == b"\xef\xbb\xbfa\n"
    assert after["ImageSets/Main/val.txt"] == b""
    assert "Annotations/b.xml" not in after


def test_dropped_and_added(root: Path, tmp_path: Path) -> None:
    found = load_detection_set(root)
    kept = found.keep(images=np.ones(2, bool), boxes=np.array([False, True, True, True]))
    more = kept.added(image_of=[0], boxes=[[4, 5, 6.5, 7]], codes=[0])
    write_detection_set(more, tmp_path / "out")
    again = load_detection_set(tmp_path / "out")
    assert again.boxes.tolist() == [[1, 2, 9, 8], [4, 5, 6.5, 7], *found.boxes[2:].tolist()]
    assert again.codes.tolist() == [1, 0, 0, 1]
    before, after = (
        (folder / "Annotations" / "b.xml").read_bytes() for folder in (root, tmp_path / "out")
    )
    assert before == after


def test_bad_files_among_good_ones(root: Path, tmp_path: Path) -> None:
    good = (root / "Annotations" / "a.xml").read_bytes()
    (root / "Annotations" / "c.xml").write_bytes(good[:300])
    (root / "Annotations" / "d.xml").write_bytes(b"")
    (root / "Annotations" / "e.xml").write_bytes(good.replace(b"<xmax>9</xmax>", b""))
    (root / "Annotations" / "f.xml").write_bytes(good.replace(b"<xmax>9<", b"<xmax>nine<"))
    bomb = b'<!DOCTYPE a [<!ENTITY x "y">]><annotation><filename>&x;</filename></annotation>'
    (root / "Annotations" / "g.xml").write_bytes(bomb)
    found = load_detection_set(root)
    assert found.row_ids.tolist() == ["a", "b", "e", "f"]
    told = {fault.place: fault.said for fault in found.faults}
    assert "line 7" in told["Annotations/c.xml"]
    assert "not XML" in told["Annotations/d.xml"]
    assert told["Annotations/e.xml line 10"] == "object 2: an object has no xmax"
    assert "could not convert" in told["Annotations/f.xml line 10"]
    assert "declares the entity" in told["Annotations/g.xml"]
    write_detection_set(found, tmp_path / "out")
    assert (tmp_path / "out/Annotations/e.xml").read_bytes() == (
        root / "Annotations/e.xml"
    ).read_bytes()


def test_a_folder_without_any(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<svg/>")
    with pytest.raises(InputError, match="no annotations of Pascal VOC"):
        load_detection_set(tmp_path)

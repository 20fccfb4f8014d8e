"""The labels of a session as a dataset with a card, in a folder and on a Hub of the test's own."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import yaml
from contract import CASES, HOSTILE_CLASSES, Case, session_of, tell_all
from PIL import Image

from active_learning import SKIP, Session, export_dataset
from thresher.core.errors import InputError, ThresherError

X = np.random.default_rng(0).normal(size=(100, 2))
TRUTH = np.where(X[:, 0] > 0, "good", "bad").tolist()
IDS = [f"r{place}" for place in range(100)]
HUB, OID = "https://huggingface.co", "a" * 40


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Two people, three batches, one row that nobody was asked about."""
    with Session(
        tmp_path / "s.db", embeddings=X, row_ids=IDS, classes=["bad", "good"], audit=0.5,
        background=False,
    ) as opened:  # fmt: skip
        for _ in range(3):
            batch = opened.ask(10, annotator="ann").row_ids.tolist()
            labels = {row: TRUTH[int(row[1:])] for row in batch}
            opened.tell(labels, annotator="ann", seconds=dict.fromkeys(batch, 1.5))
        first = opened.asks()[0].rows
        opened.tell({IDS[row.position]: TRUTH[row.position] for row in first[:3]}, annotator="bob")
        opened.tell({IDS[first[3].position]: SKIP}, annotator="bob")
        asked = {IDS[row.position] for ask in opened.asks() for row in ask.rows}
        free = next(row for row in IDS if row not in asked)
        opened.tell({free: TRUTH[int(free[1:])]}, annotator="bob", seconds={free: 4.0})
        yield opened


def rows_of(**columns: Any) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"row_id": IDS, **columns})


def loaded(path: Path) -> datasets.DatasetDict:
    return datasets.load_dataset(str(path), cache_dir=str(path.parent / "cache"))


def header(path: Path) -> dict[str, Any]:
    _, text, _ = (path / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return dict(yaml.safe_load(text))


def body(path: Path) -> str:
    return (path / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]


def test_each_row_says_its_label_and_where_it_comes_from(session: Session, tmp_path: Path) -> None:
    splits = ["train", "train", "validation", "train"] * 25
    rows = rows_of(text=[f"text {row}" for row in IDS], round=list(range(100)), split=splits)
    assert export_dataset(session, tmp_path / "out", rows=rows) == 31
    found = loaded(tmp_path / "out")
    assert list(found) == ["train", "validation"]
    assert found["train"].features["label"] == datasets.ClassLabel(names=["bad", "good"])
    history, asks = session.history(), session.asks()
    audited = {IDS[place] for place in session.state.audited().tolist()}
    asked = {IDS[row.position]: ask.id for ask in asks for row in ask.rows}
    consensus = session.labels()
    quality = dict(zip(consensus.row_ids.tolist(), consensus.scores.tolist(), strict=True))
    seen = []
    for split, part in found.items():
        name = part.features["label"].int2str
        for row in part:
            row_id, place = row["row_id"], int(row["row_id"][1:])
            seen.append(row_id)
            assert (splits[place], row["text"], row["data_round"]) == (
                split,
                f"text {row_id}",
                place,
            )
            assert name(row["label"]) == TRUTH[place]
            assert row["label_quality"] == quality[row_id]
            said = [a for a in history if a.row_id == row_id and a.kind == "label"]
            assert [
                (each["annotator"], name(each["label"]), each["seconds"]) for each in row["answers"]
            ] == [(answer.annotator, answer.label, answer.seconds) for answer in said]
            assert row["round"] == asked.get(row_id, 0)
            arm = "audit" if row_id in audited else "chosen" if row_id in asked else "told"
            assert row["arm"] == arm
            assert row["seconds"] == (4.0 if arm == "told" else 1.5)
    assert len(seen) == len(set(seen)) == 31
    assert 5 <= len(audited) <= 25


def test_the_card_counts_what_is_there(session: Session, tmp_path: Path) -> None:
    export_dataset(session, tmp_path / "out", rows=rows_of(text=["a"] * 100), anonymous=True)
    top, text = header(tmp_path / "out"), body(tmp_path / "out")
    assert top["size_categories"] == ["n<1K"]
    assert top["task_categories"] == ["text-classification"]
    assert top["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*"}]
    accuracy = session.report().accuracy
    assert accuracy is not None
    for line in (
        "31 labeled rows",
        "Labels: 34. Annotators: 2. Skips: 1.",
        "| annotator 1 | 30 |",
        "| annotator 2 | 4 |",
        "3 rows have labels of two or more annotators; of the pairs of labels 100.0 % are equal.",
        f"accuracy {accuracy.value:.3f} on the rows without a label, with a 95 % interval of "
        f"{accuracy.low:.3f} to {accuracy.high:.3f}, measured on {accuracy.labels} rows",
        "in 3 batches, by the strategy `auto` with the seed 0; a share of 0.5",
        f"| `audit` | {accuracy.labels} |",
        f"| `chosen` | {30 - accuracy.labels} |",
        "| `told` | 1 |",
    ):
        assert line in text, line
    assert "ann |" not in text.replace("annotator | ", "")
    assert "bob" not in text
    answers = [each for row in loaded(tmp_path / "out")["train"] for each in row["answers"]]
    assert {each["annotator"] for each in answers} == {"annotator 1", "annotator 2"}


def test_agreement_counts_pairs_of_labels(tmp_path: Path) -> None:
    with Session(tmp_path / "s.db", embeddings=X, classes=["a", "b"], background=False) as session:
        said = {"ann": "aab", "bob": "abb", "cy": "ab-"}
        for person, labels in said.items():
            told = {str(row): label for row, label in enumerate(labels) if label != "-"}
            session.tell(told, annotator=person)
        export_dataset(session, tmp_path / "out")
    # Row 0: three equal pairs of three; row 1: one of three; row 2: one of one.
    assert "3 rows have labels of two or more annotators" in body(tmp_path / "out")
    assert f"{100 * 5 / 7:.1f} % are equal" in body(tmp_path / "out")
    assert "fewer than five rows were drawn at random" in body(tmp_path / "out")
    assert "task_categories" not in header(tmp_path / "out")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_labels_of_every_kind_have_their_feature(case: Case, tmp_path: Path) -> None:
    row_ids = [f"row {place}" for place in range(40)]
    with session_of(tmp_path / "s.db", case, row_ids) as session:
        tell_all(session, case, row_ids)
        export_dataset(session, tmp_path / "out")
        found = session.labels()
        wanted = {
            row: session.task.decode(text)
            for row, text in zip(found.row_ids.tolist(), found.labels.tolist(), strict=True)
        }
    part = loaded(tmp_path / "out")["train"]
    feature = part.features["label"]
    assert {row["row_id"]: named(case, feature, row["label"]) for row in part} == wanted
    assert part.features["answers"].feature["label"] == feature


def named(case: Case, feature: Any, label: Any) -> Any:
    """Return a label of the dataset as the session has it."""
    if case.task == "classification":
        return feature.int2str(label)
    if case.task == "multi_label":
        return tuple(feature.feature.int2str(code) for code in label)
    if case.task == "regression":
        return label
    names = feature.feature["label"]
    return [{**mark, "label": names.int2str(mark["label"])} for mark in label]


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    classes = [*HOSTILE_CLASSES, "| --- |", "</td>"]
    with session_of(tmp_path / "s.db", CASES[0], IDS, classes) as session:
        session.tell(dict(zip(IDS, classes, strict=False)), annotator="<img src=x>|*")
        export_dataset(session, tmp_path / "- a: [b")
    part = loaded(tmp_path / "- a: [b")["train"]
    assert [part.features["label"].int2str(code) for code in part["label"]] == classes
    assert header(tmp_path / "- a: [b")["pretty_name"] == "- a: [b"
    text = body(tmp_path / "- a: [b")
    assert not {"<img", "<b>", "</td>"} & {
        text[i : i + n] for n in (3, 4, 5) for i in range(len(text))
    }
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {3}


def test_images_travel_with_their_bytes(tmp_path: Path) -> None:
    files = []
    for place in range(4):
        file = io.BytesIO()
        Image.new("RGB", (3, 2), (place * 40, 0, 0)).save(file, "PNG")
        files.append({"bytes": file.getvalue(), "path": f"/home/me/{place}.png"})
    features = datasets.Features({"row_id": datasets.Value("string"), "image": datasets.Image()})
    ids = [f"r{place}" for place in range(4)]
    rows = datasets.Dataset.from_dict({"row_id": ids, "image": files}, features=features)
    with Session(
        tmp_path / "s.db", embeddings=X[:4], row_ids=ids, classes=["a", "b"], background=False
    ) as session:
        session.tell({"r3": "a", "r1": "b"})
        export_dataset(session, tmp_path / "out", rows=rows)
    part = loaded(tmp_path / "out")["train"]
    assert [row["image"].getpixel((0, 0))[0] for row in part] == [40, 120]
    assert header(tmp_path / "out")["task_categories"] == ["image-classification"]
    assert b"/home/me" not in next((tmp_path / "out" / "data").iterdir()).read_bytes()


def test_what_is_there_is_not_lost(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(session, out)
    assert export_dataset(session, out) == 31  # its own folder is written anew
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other files, such as 'notes\.txt'"):
        export_dataset(session, out)
    with pytest.raises(InputError, match="is a file"):
        export_dataset(session, out / "notes.txt")
    with pytest.raises(InputError, match="must be owner/name"):
        export_dataset(session, tmp_path / "new", push="name")
    with pytest.raises(InputError, match="`rows` has no row 'r"):
        export_dataset(session, tmp_path / "new", rows=rows_of().select(range(2)))
    assert not (tmp_path / "new").exists()
    assert (out / "notes.txt").read_text() == "mine"


class FakeHub:
    """Answers the requests that the Hub's client sends, and keeps what is committed."""

    def __init__(self, *, refuse: int | None = None) -> None:
        self.refuse = refuse
        self.files: dict[str, bytes] = {}
        self.stored: dict[str, bytes] = {}
        self.made: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def __call__(self, request: Any) -> Any:
        import httpx2

        path = request.url.path
        self.asked.append(f"{request.method} {path}")
        if self.refuse is not None:
            return httpx2.Response(self.refuse, json={"error": "no"})
        routes = {
            "/api/repos/create": self.create,
            "/preupload/": self.plan,
            "/lfs/objects/batch": self.batch,
            "/stored/": self.store,
            "/commit/": self.commit,
            "/tree/": self.tree,
            "/resolve/": self.file,
            "/api/datasets/me/labels": self.about,
        }
        answer = next((answer for part, answer in routes.items() if part in path), lambda *_: {})
        found = answer(path, request.read())
        return found if isinstance(found, httpx2.Response) else httpx2.Response(200, json=found)

    def create(self, _: str, sent: bytes) -> Any:
        self.made.append(json.loads(sent))
        return {"url": f"{HUB}/datasets/me/labels"}

    def about(self, _: str, __: bytes) -> Any:
        if not self.made:
            return missing("RepoNotFound")
        return {"id": "me/labels", "sha": OID, "siblings": [], "private": False}

    def plan(self, _: str, sent: bytes) -> Any:
        """Say which files go with the commit, and which before it, as the Hub does."""
        kinds = {True: "lfs", False: "regular"}
        return {
            "files": [
                {
                    "path": each["path"],
                    "uploadMode": kinds[each["path"].endswith(".parquet")],
                    "shouldIgnore": False,
                }
                for each in json.loads(sent)["files"]
            ]
        }

    def batch(self, _: str, sent: bytes) -> Any:
        objects = [
            {**each, "actions": {"upload": {"href": f"{HUB}/stored/{each['oid']}"}}}
            for each in json.loads(sent)["objects"]
        ]
        return {"transfer": "basic", "objects": objects}

    def store(self, path: str, sent: bytes) -> Any:
        self.stored[path.rpartition("/")[2]] = sent
        return {}

    def commit(self, _: str, sent: bytes) -> Any:
        for line in sent.decode().splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                self.files[value["path"]] = self.stored[value["oid"]]
        return {"commitUrl": f"{HUB}/datasets/me/labels/commit/{OID}", "commitOid": OID}

    def file(self, path: str, _: bytes) -> Any:
        import httpx2

        content = self.files.get(path.partition("/resolve/")[2].partition("/")[2])
        if content is None:
            return missing("EntryNotFound")
        etag = hashlib.sha256(content).hexdigest()
        return httpx2.Response(200, content=content, headers={"ETag": etag, "X-Repo-Commit": OID})

    def tree(self, path: str, _: bytes) -> Any:
        inside = path.partition("/tree/")[2].partition("/")[2]
        found = [name for name in self.files if name.startswith(inside)]
        listed = [{"type": "file", "path": name, "size": 1, "oid": OID} for name in found]
        folders = {name.partition("/")[0] for name in found if "/" in name} - {inside}
        listed += [{"type": "directory", "path": name, "oid": OID} for name in folders]
        return listed or missing("EntryNotFound")


def missing(code: str) -> Any:
    import httpx2

    return httpx2.Response(404, headers={"X-Error-Code": code})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    import huggingface_hub

    httpx2 = pytest.importorskip("httpx2", reason="the Hub's client of this version is another")
    if not hasattr(huggingface_hub, "set_client_factory"):
        pytest.skip("the Hub's client of this version takes no transport")
    fake = FakeHub()
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    before = huggingface_hub.utils._http._GLOBAL_CLIENT_FACTORY
    huggingface_hub.set_client_factory(lambda: httpx2.Client(transport=httpx2.MockTransport(fake)))
    yield fake
    huggingface_hub.set_client_factory(before)


# The Hub's client hands its own files on in a way that its HTTP library is about to drop.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_the_hub_gets_the_files_that_lie_in_the_folder(
    session: Session, tmp_path: Path, hub: FakeHub
) -> None:
    rows = rows_of(text=["a"] * 100, split=["train", "validation"] * 50)
    export_dataset(session, tmp_path / "out", rows=rows, push="me/labels", private=True)
    assert hub.made[0]["name"] == "labels"
    assert hub.made[0].get("private") is True or hub.made[0]["visibility"] == "private"
    assert set(hub.files) == {
        "README.md",
        "data/train-00000-of-00001.parquet",
        "data/validation-00000-of-00001.parquet",
    }
    assert hub.files["README.md"] == (tmp_path / "out" / "README.md").read_bytes()
    assert header(tmp_path / "out")["pretty_name"] == "labels"
    for name in ("train", "validation"):
        file = tmp_path / f"{name}.parquet"
        file.write_bytes(hub.files[f"data/{name}-00000-of-00001.parquet"])
        pushed = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "c2"))
        kept = loaded(tmp_path / "out")[name]
        assert pushed.features == kept.features
        assert pushed.to_list() == kept.to_list()
    export_dataset(session, tmp_path / "out", rows=rows, push="me/labels")  # once more, in place
    assert (len(hub.made), len(hub.files)) == (1, 3)


def test_a_hub_that_refuses_leaves_the_folder(
    session: Session, tmp_path: Path, hub: FakeHub
) -> None:
    hub.refuse = 403
    with pytest.raises(ThresherError, match=r"did not take 'me/labels'.*hf auth login"):
        export_dataset(session, tmp_path / "out", push="me/labels")
    assert len(loaded(tmp_path / "out")["train"]) == 31

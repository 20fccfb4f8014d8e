"""Adapters on disk: what is written is read, and a damaged or foreign file is named."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from lifecycle import Adapter, AdapterStore, Base, adapter_from_peft
from lifecycle.adapters.tensor_file import read_tensors, write_tensors
from thresher.core.errors import InputError

BASE = Base("base-1", 1_000_000)
RNG = np.random.default_rng(0)


def adapter(value: float = 1.0, base: str = "base-1") -> Adapter:
    down, up = RNG.normal(size=(2, 6)), np.full((4, 2), value)
    return Adapter(base, {"a.b": (down, up)}, {"head": (np.ones((3, 4)), np.full(3, value))})


@pytest.fixture
def store(tmp_path: Path) -> AdapterStore:
    return AdapterStore(tmp_path / "store", base=BASE)


def test_what_is_written_is_read(store: AdapterStore) -> None:
    written = adapter()
    store.add("one", written)
    read = AdapterStore(store.folder, base=BASE).get("one")
    assert read.base == "base-1"
    assert read.rank == 2
    for layers in ("low_rank", "whole"):
        found, wanted = getattr(read, layers), getattr(written, layers)
        assert found.keys() == wanted.keys()
        for layer in wanted:
            for left, right in zip(found[layer], wanted[layer], strict=True):
                assert np.array_equal(left, right)
                assert not left.flags.writeable


def test_the_file_is_one_that_safetensors_reads(store: AdapterStore) -> None:
    library = pytest.importorskip("safetensors.numpy", reason="pip install safetensors")
    written = adapter()
    store.add("one", written)
    file = store.folder / "one.safetensors"
    read = library.load_file(file)
    assert set(read) == {"a.b.down", "a.b.up", "head.weight", "head.bias"}
    assert np.array_equal(read["a.b.down"], written.low_rank["a.b"][0])
    library.save_file({"x": np.arange(6, dtype=np.float16).reshape(2, 3)}, file)
    assert np.array_equal(read_tensors(file)[0]["x"], np.arange(6).reshape(2, 3))


def test_bfloat16_is_read_exactly(tmp_path: Path) -> None:
    header = b'{"x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    numbers = np.array([0x3FC0, 0xC000], "<u2").tobytes()  # 1.5 and -2
    file = tmp_path / "x"
    file.write_bytes(len(header).to_bytes(8, "little") + header + numbers)
    assert read_tensors(file)[0]["x"].tolist() == [1.5, -2.0]


def test_every_cut_of_a_file_is_named(store: AdapterStore) -> None:
    store.add("one", adapter())
    file = store.folder / "one.safetensors"
    whole = file.read_bytes()
    for length in (*range(40), len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"one\.safetensors cannot be used"):
            store.get("one")
    file.write_bytes(whole + b"x")
    with pytest.raises(InputError, match="belong to it"):
        store.get("one")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"[]", "not a JSON object"),
        (b"{]", "not JSON"),
        (b'{"x":3}', "is not whole"),
        (b'{"x":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}', "of kind I64"),
        (b'{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', "do not fit"),
        (b'{"x":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}', "cut within 'x'"),
        (b'{"__metadata__":{"a":1}}', "not text"),
    ],
)
def test_a_damaged_header_is_named(tmp_path: Path, header: bytes, said: str) -> None:
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + b"12345678")
    with pytest.raises(InputError, match=said):
        read_tensors(tmp_path / "x")


def test_an_adapter_of_another_base_is_refused(store: AdapterStore) -> None:
    with pytest.raises(InputError, match="made for the base other"):
        store.add("one", adapter(base="other"))
    store.add("one", adapter())
    other = AdapterStore(store.folder.parent / "other", base=Base("other", 10**6))
    other.add("one", adapter(base="other"))
    file = store.folder / "one.safetensors"
    file.write_bytes((other.folder / "one.safetensors").read_bytes())
    with pytest.raises(InputError, match="made for the base other"):
        store.get("one")
    with pytest.raises(InputError, match="holds adapters of the base base-1"):
        AdapterStore(store.folder, base=Base("other", 10**6))
    write_tensors(file, {"x": np.ones(2)}, metadata={})
    with pytest.raises(InputError, match="no adapter of this store"):
        store.get("one")


def test_names_sizes_and_what_is_taken(store: AdapterStore) -> None:
    store.add("spam", adapter())
    with pytest.raises(InputError, match="already"):
        store.add("spam", adapter())
    store.add("spam", adapter(5.0), replace=True)
    assert store.get("spam").whole["head"][1].tolist() == [5.0] * 3
    with pytest.raises(InputError, match="Did you mean 'spam'"):
        store.get("spamm")
    for name in ("", "../x", "a/b", ".x", "x" * 101):
        with pytest.raises(InputError, match="name has"):
            store.add(name, adapter())
    with pytest.raises(InputError, match=r"14\.\d % of its base"):
        AdapterStore(store.folder.parent / "s", base=Base("base-1", 1000)).add("big", adapter())
    store.remove("spam")
    assert store.names() == []


def test_memory_is_bounded_and_a_changed_file_is_seen(tmp_path: Path) -> None:
    size = adapter().size_bytes
    store = AdapterStore(tmp_path, base=BASE, cache_bytes=2 * size)
    for place in range(5):
        store.add(f"t{place}", adapter(place))
        store.get(f"t{place}")
    assert store.held_bytes == 2 * size
    assert store.get("t4") is store.get("t4")
    other = AdapterStore(tmp_path, base=BASE)
    other.add("t4", adapter(9.0), replace=True)
    assert store.get("t4").whole["head"][1].tolist() == [9.0] * 3
    assert store.held_bytes <= 2 * size


def test_threads_read_what_was_written(tmp_path: Path) -> None:
    store = AdapterStore(tmp_path, base=BASE, cache_bytes=3 * adapter().size_bytes)
    for place in range(8):
        store.add(f"t{place}", adapter(place))
    wrong: list[int] = []

    def read(seed: int) -> None:
        for place in np.random.default_rng(seed).integers(0, 8, 200).tolist():
            if store.get(f"t{place}").whole["head"][1][0] != place:
                wrong.append(place)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert store.held_bytes == 3 * adapter().size_bytes


@pytest.mark.parametrize(
    ("low_rank", "whole", "said"),
    [
        ({}, {}, "at least one layer"),
        ({"a": (np.ones((2, 3)), np.ones((3, 3)))}, {}, "needs arrays of shapes"),
        ({}, {"a": (np.ones((2, 3)), np.ones(3))}, "needs arrays of shapes"),
        ({}, {"a": (np.full((2, 3), np.nan), np.ones(2))}, "not finite"),
        (
            {"a": (np.ones((1, 3)), np.ones((3, 1)))},
            {"a": (np.ones((3, 3)), np.ones(3))},
            "both updated and replaced",
        ),
    ],
)
def test_what_is_no_adapter_is_refused(low_rank: dict, whole: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Adapter("base-1", low_rank, whole)


def peft_folder(folder: Path, **settings: object) -> Path:
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 6, "bias": "none", **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    start = "base_model.model."
    arrays = {
        f"{start}a.b.lora_A.weight": np.arange(12.0).reshape(2, 6),
        f"{start}a.b.lora_B.weight": np.ones((4, 2)),
        f"{start}head.weight": np.ones((3, 4)),
    }
    write_tensors(folder / "adapter_model.safetensors", arrays, metadata={"format": "pt"})
    return folder


def test_an_adapter_of_peft_is_read_with_its_scale(tmp_path: Path) -> None:
    found = adapter_from_peft(peft_folder(tmp_path), base=BASE)
    down, up = found.low_rank["a.b"]
    assert np.array_equal(down, np.arange(12.0).reshape(2, 6))
    assert np.array_equal(up, np.full((4, 2), 3.0))  # alpha / rank
    weight, bias = found.whole["head"]
    assert np.array_equal(weight, np.ones((3, 4)))
    assert np.array_equal(bias, np.zeros(3))
    scaled = adapter_from_peft(peft_folder(tmp_path, use_rslora=True), base=BASE)
    assert scaled.low_rank["a.b"][1][0, 0] == pytest.approx(6 / np.sqrt(2))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"peft_type": "IA3"}, "kind is 'IA3'"),
        ({"use_dora": True}, "use_dora = True"),
        ({"rank_pattern": {"a": 4}}, "rank_pattern"),
        ({"r": 0}, "no usable `r`"),
    ],
)
def test_what_peft_adds_beyond_that_is_refused(tmp_path: Path, settings: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        adapter_from_peft(peft_folder(tmp_path, **settings), base=BASE)


def test_a_file_of_peft_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    folder = peft_folder(tmp_path)
    file = folder / "adapter_model.safetensors"
    one = "base_model.model.a.lora_A.weight"
    write_tensors(file, {one: np.ones((2, 3))}, metadata={})
    with pytest.raises(InputError, match=r"lacks 'a.lora_B.weight'"):
        adapter_from_peft(folder, base=BASE)
    write_tensors(file, {"a.lora_embedding_A": np.ones((2, 3))}, metadata={})
    with pytest.raises(InputError, match="not read here"):
        adapter_from_peft(folder, base=BASE)

"""A base as files: the digest of its network, and merging that rounds as its numbers do."""

from pathlib import Path

import numpy as np
import pytest

from lifecycle import (
    Adapter,
    Base,
    adapter_from_peft,
    adapter_to_peft,
    base_of_files,
    merge_files,
)
from lifecycle.adapters.tensor_file import StoredTensor, open_tensors, read_tensors, write_tensors
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)
WEIGHTS = {
    "body.weight": RNG.normal(size=(16, 6)).astype(np.float32),
    "body.bias": RNG.normal(size=16).astype(np.float32),
    "head.weight": RNG.normal(size=(4, 16)).astype(np.float32),
    "head.bias": RNG.normal(size=4).astype(np.float32),
    "count": np.arange(3, dtype=np.float32),
}


def base_file(path: Path, *, kind: str = "F32", drop: str = "") -> Path:
    stored = {
        name: StoredTensor.of(array, kind=kind) for name, array in WEIGHTS.items() if name != drop
    }
    steps = StoredTensor("I64", (2,), np.array([7, 9]).view(np.uint8))
    write_tensors(path, {**stored, "steps": steps}, metadata={"format": "pt"})
    return path


def adapter_for(path: Path, *, bias: float = 1.0) -> Adapter:
    update = {"body": (RNG.normal(size=(2, 6)), RNG.normal(size=(16, 2)))}
    head = {"head": (RNG.normal(size=(3, 16)), np.full(3, bias))}
    return Adapter(base_of_files(path).digest, update, head)


def test_the_digest_is_that_of_the_network(tmp_path: Path) -> None:
    found = base_of_files(base_file(tmp_path / "m.safetensors"))
    assert found == Base.of({**WEIGHTS, "steps": np.array([7, 9])})
    half = base_of_files(base_file(tmp_path / "h.safetensors", kind="F16"))
    wanted = {name: array.astype(np.float16) for name, array in WEIGHTS.items()}
    assert half == Base.of({**wanted, "steps": np.array([7, 9])})


@pytest.mark.train
def test_the_digest_of_bfloat16_is_that_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    tensors = {name: torch.tensor(array).bfloat16() for name, array in WEIGHTS.items()}
    file = base_file(tmp_path / "b.safetensors", kind="BF16")
    assert base_of_files(file) == Base.of({**tensors, "steps": torch.tensor([7, 9])})


def in_parts(file: Path, folder: Path) -> Path:
    """Write a file's tensors as a folder of two files, with another file beside them."""
    tensors, metadata = open_tensors(file)
    folder.mkdir()
    names = sorted(tensors)
    for number, part in enumerate((names[:3], names[3:])):
        own = {name: tensors[name] for name in part}
        write_tensors(folder / f"part-{number}.safetensors", own, metadata=metadata)
    (folder / "config.json").write_text('{"model_type": "mine"}')
    return folder


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "F64"])
def test_merging_adds_the_update_in_the_numbers_of_the_base(tmp_path: Path, kind: str) -> None:
    file = base_file(tmp_path / "m.safetensors", kind=kind)
    adapter = adapter_for(file)
    merge_files(file, adapter, out=tmp_path / "out.safetensors")
    found, metadata = open_tensors(tmp_path / "out.safetensors")
    before, _ = open_tensors(file)
    down, up = adapter.low_rank["body"]
    wanted = before["body.weight"].floats() + up @ down
    step = {"F16": 2.0**-11, "BF16": 2.0**-8}.get(kind, 1e-7)
    np.testing.assert_allclose(found["body.weight"].floats(), wanted, rtol=step, atol=1e-6)
    np.testing.assert_allclose(found["head.weight"].floats(), adapter.whole["head"][0], rtol=step)
    assert found["head.bias"].floats().tolist() == [1.0] * 3
    for name in ("body.bias", "count", "steps"):
        assert np.array_equal(found[name].data, before[name].data)
    assert {tensor.kind for name, tensor in found.items() if name != "steps"} == {kind}
    assert metadata == {"format": "pt"}


@pytest.mark.train
def test_bfloat16_is_rounded_as_torch_rounds() -> None:
    torch = pytest.importorskip("torch")
    values = np.concatenate([RNG.normal(size=1000), [0, -0.0, 1e38, 1.00390625, 1.01171875]])
    values = values.astype(np.float32)
    wanted = torch.tensor(values).bfloat16().float().numpy()
    assert np.array_equal(StoredTensor.of(values, kind="BF16").floats(), wanted)


def test_a_folder_of_parts_is_as_one_file_and_merges_as_one(tmp_path: Path) -> None:
    file = base_file(tmp_path / "m.safetensors")
    folder, adapter = in_parts(file, tmp_path / "parts"), adapter_for(file)
    assert base_of_files(folder) == base_of_files(file)
    merge_files(file, adapter, out=tmp_path / "one.safetensors")
    merge_files(folder, adapter, out=tmp_path / "several")
    assert base_of_files(tmp_path / "several") == base_of_files(tmp_path / "one.safetensors")
    assert (tmp_path / "several" / "config.json").read_text() == '{"model_type": "mine"}'
    assert len(list((tmp_path / "several").iterdir())) == 3


@pytest.mark.train
def test_merged_files_are_the_merged_network(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from lifecycle import merge_adapter

    network = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    write_tensors(tmp_path / "m.safetensors", state, metadata={})
    assert base_of_files(tmp_path / "m.safetensors") == Base.of(network)
    update = {"0": (RNG.normal(size=(2, 6)), RNG.normal(size=(16, 2)))}
    adapter = Adapter(Base.of(network).digest, update)
    merge_files(tmp_path / "m.safetensors", adapter, out=tmp_path / "out.safetensors")
    merged = merge_adapter(network, adapter).state_dict()
    for name, array in read_tensors(tmp_path / "out.safetensors")[0].items():
        np.testing.assert_allclose(array, merged[name].numpy(), atol=1e-6)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = base_file(tmp_path / "m.safetensors")
    digest = base_of_files(file).digest
    pair = (np.ones((2, 6)), np.ones((16, 2)))
    out = tmp_path / "out.safetensors"
    for adapter, said in (
        (Adapter("other", {"body": pair}), f"made for the base other, .* is {digest}"),
        (Adapter(digest, {"bodi": pair}), "no weights of the layer 'bodi'. Did you mean 'body'"),
        (Adapter(digest, {"body": (np.ones((2, 5)), np.ones((16, 2)))}), r"of shape \(16, 5\)"),
        (Adapter(digest, whole={"head": (np.ones((3, 9)), np.ones(3))}), r"of shape \(4, 9\)"),
    ):
        with pytest.raises(InputError, match=said):
            merge_files(file, adapter, out=out)
        assert not out.exists()
    without = base_file(tmp_path / "n.safetensors", drop="head.bias")
    with pytest.raises(InputError, match="bias for the layer 'head', the base has none"):
        merge_files(without, adapter_for(without), out=out)
    merge_files(without, adapter_for(without, bias=0.0), out=out)
    assert "head.bias" not in open_tensors(out)[0]
    with pytest.raises(InputError, match="is there already"):
        merge_files(file, adapter_for(file), out=out)


def test_damaged_and_doubled_bases_are_named(tmp_path: Path) -> None:
    folder = in_parts(base_file(tmp_path / "m.safetensors"), tmp_path / "parts")
    whole = (folder / "part-1.safetensors").read_bytes()
    for content in (b"", whole[:60], whole[:-1]):
        (folder / "part-1.safetensors").write_bytes(content)
        with pytest.raises(InputError, match=r"part-1\.safetensors cannot be used"):
            base_of_files(folder)
    base_file(folder / "part-1.safetensors")
    with pytest.raises(InputError, match=r"'body.bias' is in .*part-0.* and in .*part-1"):
        base_of_files(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no file"):
        base_of_files(tmp_path / "empty")


def test_what_peft_would_read_is_read_back(tmp_path: Path) -> None:
    layers = {
        "a.b": (RNG.normal(size=(1, 6)), RNG.normal(size=(4, 1))),
        "c": (RNG.normal(size=(3, 5)), RNG.normal(size=(2, 3))),
    }
    written = Adapter("base-1", layers, {"head": (RNG.normal(size=(3, 4)), np.ones(3))})
    adapter_to_peft(written, tmp_path / "out")
    read = adapter_from_peft(tmp_path / "out", base=Base("base-1", 10**6))
    for layer, (down, up) in written.low_rank.items():
        np.testing.assert_allclose(
            read.low_rank[layer][1] @ read.low_rank[layer][0], up @ down, atol=1e-6
        )
        assert len(read.low_rank[layer][0]) == 3
    assert np.array_equal(read.whole["head"][0], written.whole["head"][0])
    assert np.array_equal(read.whole["head"][1], written.whole["head"][1])
    with pytest.raises(InputError, match="is there already"):
        adapter_to_peft(written, tmp_path / "out")
    with pytest.raises(InputError, match="peft has no such adapters"):
        adapter_to_peft(Adapter("base-1", whole=written.whole), tmp_path / "head")

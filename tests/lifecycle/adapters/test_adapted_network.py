"""A network with adapters answers as the same network with one of them merged into its weights."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lifecycle import AdaptedNetwork, Adapter, AdapterStore, Base, adapter_from_peft, merge_adapter
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)
NAMES = [f"t{place}" for place in range(6)]


def sequential() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 16), nn.Linear(16, 4))


def transformer() -> nn.Module:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
    return nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)).eval()


def update(network: nn.Module, layers: list[str], *, rank: int = 2, classes: int = 0) -> Adapter:
    parts = {name: network.get_submodule(name) for name in layers}
    low_rank = {
        name: (
            RNG.normal(0, 0.2, size=(rank, layer.in_features)),
            RNG.normal(0, 0.2, size=(layer.out_features, rank)),
        )
        for name, layer in parts.items()
    }
    whole = {"3": (RNG.normal(size=(classes, 16)), RNG.normal(size=classes))} if classes else {}
    return Adapter(Base.of(network).digest, low_rank, whole)


def store_of(network: nn.Module, folder: Path, layers: list[str], **how: int) -> AdapterStore:
    store = AdapterStore(folder, base=Base.of(network), max_share=1)
    big = AdapterStore(folder, base=Base(store.base.digest, 10**9))
    for place, name in enumerate(NAMES):
        big.add(name, update(network, layers, rank=1 + place % 3, **how))
    return store


def merged_answers(
    network: nn.Module, store: AdapterStore, rows: torch.Tensor, names: list[str | None]
) -> torch.Tensor:
    answers = []
    with torch.no_grad():
        for row, name in zip(rows, names, strict=True):
            one = merge_adapter(network, store.get(name)) if name else network
            answers.append(one(row[None])[0])
    return torch.stack(answers)


MIXED: list[str | None] = ["t0", "t5", None, "t0", "t3", None, "t2", "t1"]


@pytest.mark.parametrize("rows", [torch.randn(8, 6), torch.randn(8, 3, 6)], ids=["flat", "tokens"])
def test_single_and_mixed_batches_equal_merged_networks(tmp_path: Path, rows: torch.Tensor) -> None:
    network = sequential()
    store = store_of(network, tmp_path, ["0", "2", "3"])
    adapted = AdaptedNetwork(network, store, rank=3, slots=5)
    for names in (MIXED, ["t4"] * 8, [None] * 8, ["t1", "t2", "t4", "t5"] * 2):
        wanted = merged_answers(network, store, rows, names)
        torch.testing.assert_close(adapted(rows, adapters=names), wanted, atol=1e-5, rtol=1e-5)
    single = adapted(rows, adapters="t4")
    assert torch.equal(single, adapted(rows, adapters=["t4"] * 8))
    assert torch.equal(adapted(rows, adapters=None), network(rows))
    assert adapted(rows[:0], adapters=[]).shape == (0, *rows.shape[1:-1], 4)


def test_the_fused_path_of_transformers_does_not_pass_over_adapters(tmp_path: Path) -> None:
    network = transformer()
    layers = [name for name, part in network.named_modules() if type(part) is nn.Linear]
    assert len(layers) == 4  # linear1 and linear2 of both
    store = store_of(network, tmp_path, layers)
    rows = torch.randn(8, 5, 16)
    found = AdaptedNetwork(network, store, rank=3)(rows, adapters=MIXED)
    wanted = merged_answers(network, store, rows, MIXED)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_heads_of_their_own_with_fewer_classes(tmp_path: Path) -> None:
    network = sequential()
    store = store_of(network, tmp_path, ["0"], classes=3)
    adapted = AdaptedNetwork(network, store, layers=["0", "2"], heads=["3"], rank=3)
    rows = torch.randn(8, 6)
    found = adapted(rows, adapters=MIXED)
    for name, answer, row in zip(MIXED, found, rows, strict=True):
        wanted = merged_answers(network, store, row[None], [name])[0]
        torch.testing.assert_close(answer[: len(wanted)], wanted, atol=1e-5, rtol=1e-5)
        assert (answer[len(wanted) :] == -torch.inf).all()


def test_an_int8_base_is_off_by_its_rounding_alone(tmp_path: Path) -> None:
    network = sequential()
    store = store_of(network, tmp_path, ["0", "2", "3"])
    rounded = sequential()
    for place in (0, 2, 3):
        weight = rounded[place].weight.data
        scale = weight.abs().amax(1, keepdim=True) / 127
        weight.copy_((weight / scale).round() * scale)
    rows = torch.randn(8, 6)
    with torch.no_grad():
        wanted = rounded(rows)
    adapted = AdaptedNetwork(network, store, rank=3, int8=True)
    torch.testing.assert_close(adapted(rows, adapters=None), wanted, atol=1e-5, rtol=1e-5)
    mixed = merged_answers(network, store, rows, MIXED)
    assert (adapted(rows, adapters=MIXED) - mixed).abs().max() < 0.02 * mixed.abs().max()


def test_threads_share_no_state(tmp_path: Path) -> None:
    network = sequential()
    store = store_of(network, tmp_path, ["0", "2"])
    adapted = AdaptedNetwork(network, store, rank=3, slots=2)
    rows = torch.randn(4, 6)
    wanted = {name: adapted(rows, adapters=name) for name in NAMES}
    wrong: list[str] = []

    def ask(seed: int) -> None:
        for name in np.random.default_rng(seed).choice(NAMES, 100).tolist():
            if not torch.equal(adapted(rows, adapters=name), wanted[name]):
                wrong.append(name)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_network_given_is_left_as_it_is(tmp_path: Path) -> None:
    network = sequential().train()
    before = Base.of(network)
    store = store_of(network, tmp_path, ["0"])
    AdaptedNetwork(network, store, rank=3)(torch.randn(2, 6), adapters="t1")
    merge_adapter(network, store.get("t1"))
    assert Base.of(network) == before
    assert network.training
    assert type(network[0]) is nn.Linear


def test_the_digest_changes_with_any_weight_and_not_with_the_run() -> None:
    network = sequential()
    first = Base.of(network)
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    assert Base.of(arrays) == first
    assert first.size_bytes == 4 * sum(array.size for array in arrays.values())
    network[2].weight.data[0, 0] += 1e-6
    assert Base.of(network).digest != first.digest
    assert Base.of(network.to(torch.bfloat16)).size_bytes * 2 == first.size_bytes


def test_what_does_not_fit_is_refused_before_anything_changes(tmp_path: Path) -> None:
    network = sequential()
    store = store_of(network, tmp_path, ["0"])
    with pytest.raises(InputError, match="no linear layer '9'"):
        AdaptedNetwork(network, store, layers=["9"])
    adapted = AdaptedNetwork(network, store, rank=2, slots=2)
    rows = torch.randn(3, 6)
    with pytest.raises(InputError, match="rank 3; this network takes up to 2"):
        adapted(rows, adapters="t2")
    with pytest.raises(InputError, match="names 3 adapters and there are 2 slots"):
        adapted(rows, adapters=["t0", "t1", "t3"])
    with pytest.raises(InputError, match="3 rows came with 2 adapters"):
        adapted(rows, adapters=["t0", "t1"])
    with pytest.raises(InputError, match="There is no adapter 'x'"):
        adapted(rows, adapters="x")
    wide = Adapter(store.base.digest, {"0": (np.ones((1, 7)), np.ones((16, 1)))})
    store.add("wide", wide)
    with pytest.raises(InputError, match="7 inputs and 16 outputs, the layer 6 and 16"):
        adapted(rows, adapters="wide")
    with pytest.raises(InputError, match="7 inputs"):
        merge_adapter(network, wide)
    store.add("head", Adapter(store.base.digest, whole={"3": (np.ones((2, 16)), np.ones(2))}))
    with pytest.raises(InputError, match="not among this network's `heads`"):
        adapted(rows, adapters="head")
    torch.testing.assert_close(
        adapted(rows, adapters="t0"), merged_answers(network, store, rows, ["t0"] * 3)
    )
    network[0].weight.data += 1
    with pytest.raises(InputError, match="belong to the base"):
        AdaptedNetwork(network, store)
    with pytest.raises(InputError, match="belongs to the base"):
        merge_adapter(network, wide)


class Flattening(nn.Module):
    """Joins the tokens of all rows before a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Answer by token."""
        answer: torch.Tensor = self.layer(rows.flatten(0, 1))
        return answer


def test_a_layer_that_joins_rows_is_refused_in_a_mixed_batch(tmp_path: Path) -> None:
    network = Flattening()
    store = store_of(network, tmp_path, ["layer"])
    adapted = AdaptedNetwork(network, store, rank=3)
    rows = torch.randn(2, 3, 6)
    assert adapted(rows, adapters="t0").shape == (6, 6)
    with pytest.raises(InputError, match="'layer' got 6 rows where the batch has 2"):
        adapted(rows, adapters=["t0", "t1"])


def test_an_adapter_trained_by_peft_equals_peft_merged(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="pip install 'thresher[lora]'")
    network = sequential()
    base = Base.of(network)
    store = AdapterStore(tmp_path / "store", base=Base(base.digest, 10**9))
    rows, names, wanted = torch.randn(3, 6), [], []
    for rank in (1, 4):
        config = peft.LoraConfig(
            r=rank, lora_alpha=3, target_modules=["0", "2"], modules_to_save=["3"]
        )
        tuned = peft.get_peft_model(sequential(), config)
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.data += 0.1 * torch.randn_like(parameter)
        tuned.save_pretrained(tmp_path / f"peft{rank}")
        store.add(f"r{rank}", adapter_from_peft(tmp_path / f"peft{rank}", base=base))
        with torch.no_grad():
            wanted.append(tuned.merge_and_unload()(rows))
        names.append(f"r{rank}")
    adapted = AdaptedNetwork(network, store, layers=["0", "2"], heads=["3"], rank=4)
    for name, answer in zip(names, wanted, strict=True):
        torch.testing.assert_close(adapted(rows, adapters=name), answer, atol=1e-5, rtol=0)
        merged = merge_adapter(network, store.get(name))
        torch.testing.assert_close(merged(rows), answer, atol=1e-5, rtol=0)


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "adapters.md"
    block = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="of its base"):  # a base so small has no tenth to spare
        exec(
            compile(block.replace("2, 64", "9, 64").replace("256, 2)", "256, 9)"), "p", "exec"), {}
        )
    exec(compile(block, "docs/adapters.md", "exec"), {})

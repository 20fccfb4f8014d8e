"""One network in memory that answers as any of its adapters, and as several in one batch.

Each thread has buffers of its own: for each layer one for the lower and one for the upper matrices
of up to `slots` adapters, allocated once. To swap is to copy into a slot, whatever the number of
adapters; a mixed batch gathers the matrices of each row and multiplies them by ``bmm`` (Chen et
al., "Punica: Multi-Tenant LoRA Serving", 2023, do the same in a kernel of their own).
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count, did_you_mean

from .adapter import Adapter, Base
from .store import AdapterStore

_BASE_SLOT = 0  # a row without adapter
_STEPS = 127  # of an 8-bit integer to either side


class AdaptedNetwork:
    """A network whose rows are answered each by an adapter of a store.

    Parameters
    ----------
    network : nn.Module
        Copied, so that yours stays as it is; set to evaluation.
    store : AdapterStore
        Of this network: its base must be `Base.of(network)`.
    layers : sequence of str, optional
        Linear layers that adapters update; all by default.
    heads : sequence of str
        Linear layers that adapters replace. One with fewer classes than the network's own has
        -infinity in the places left.
    rank : int
        The largest of an adapter.
    slots : int
        Different adapters in a batch at most.
    int8 : bool
        Keep the base's linear layers as 8-bit integers with a scale for each output: a quarter of
        the memory, an error of at most half a step for each weight. Adapters stay float.

    Raises
    ------
    InputError
        When the store belongs to another base, or a layer is not there or not linear.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from lifecycle import AdaptedNetwork, Adapter, AdapterStore, Base
    >>> network = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 2))
    >>> base = Base.of(network)
    >>> store = AdapterStore("tasks", base=base)
    >>> store.add("a", Adapter(base.digest, {"0": (np.ones((1, 64)), np.ones((64, 1)))}))
    >>> adapted = AdaptedNetwork(network, store, rank=1)
    >>> rows = torch.ones(3, 64)
    >>> torch.equal(adapted(rows, adapters=[None, "a", None])[0], network(rows)[0])
    True
    """

    def __init__(
        self,
        network: nn.Module,
        store: AdapterStore,
        *,
        layers: Sequence[str] | None = None,
        heads: Sequence[str] = (),
        rank: int = 8,
        slots: int = 32,
        int8: bool = False,
    ) -> None:
        if (given := Base.of(network)).digest != store.base.digest:
            raise InputError(
                f"The adapters in {store.folder} belong to the base {store.base.digest}, this "
                f"network is {given.digest}. Load the weights that they were trained on."
            )
        self.store = store
        self._rank, self._slots = check_count("rank", rank), check_count("slots", slots)
        self._network = copy.deepcopy(network).eval()
        self._here = _Here()
        linear = {
            name: layer
            for name, layer in self._network.named_modules()
            if type(layer) is nn.Linear and name
        }
        for part in self._network.modules():
            if isinstance(part, nn.TransformerEncoderLayer):
                # Its fused path reads the weights of its layers and would pass over their adapters.
                part.activation_relu_or_gelu = 0
        updated = [name for name in linear if name not in heads] if layers is None else list(layers)
        self._layers: dict[str, _AdaptedLinear] = {}
        for name in [*updated, *heads]:
            if name not in linear:
                raise InputError(
                    f"The network has no linear layer {name!r}.{did_you_mean(name, linear)}"
                )
            layer = _AdaptedLinear(name, linear[name], self._here, whole=name in heads, int8=int8)
            _replace(self._network, name, layer)
            self._layers[name] = layer

    def __call__(self, rows: Tensor, *, adapters: str | Sequence[str | None] | None) -> Tensor:
        """Answer rows.

        Parameters
        ----------
        rows : Tensor, shape (n, …)
        adapters : str, None or a sequence of n of them
            One for all rows, or one for each; None is the base alone.

        Raises
        ------
        InputError
            For unknown or damaged adapters, those that do not fit, too many in one batch.
        """
        single = adapters is None or isinstance(adapters, str)
        names: list[Any] = [adapters] if single else list(adapters or ())
        if not single and len(names) != len(rows):
            came = f"{counted(len(rows), 'row')} came with {counted(len(names), 'adapter')}"
            raise InputError(f"{came}; give one each.")
        bank = self._bank()
        slots = bank.place({name: self.store.get(name) for name in dict.fromkeys(names) if name})
        places = [slots[name] if name else _BASE_SLOT for name in names]
        mixed = len(set(places)) > 1
        bank.slot = _BASE_SLOT if mixed or not places else places[0]
        bank.rows = torch.tensor(places, device=rows.device) if mixed else None
        with torch.no_grad():
            answer: Tensor = self._network(rows)
        return answer

    def _bank(self) -> _Bank:
        if self._here.bank is None:
            self._here.bank = _Bank(self._layers, rank=self._rank, slots=self._slots)
        return self._here.bank


def merge_adapter(network: nn.Module, adapter: Adapter) -> nn.Module:
    """Return a copy of the network with the adapter in its weights, for export or further training.

    Raises
    ------
    InputError
        When the adapter belongs to another network or does not fit.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from lifecycle import Adapter, Base, merge_adapter
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 4))
    >>> one = Adapter(Base.of(network).digest, {"0": (np.ones((1, 4)), np.ones((4, 1)))})
    >>> merged = merge_adapter(network, one)
    >>> torch.allclose(merged[0].weight, network[0].weight + 1)
    True
    """
    if (given := Base.of(network)).digest != adapter.base:
        raise InputError(f"The adapter belongs to the base {adapter.base}, got {given.digest}.")
    merged = copy.deepcopy(network)
    modules = dict(merged.named_modules())
    with torch.no_grad():
        for name in [*adapter.low_rank, *adapter.whole]:
            layer = modules.get(name)
            if not isinstance(layer, nn.Linear):
                raise InputError(f"The network has no linear layer {name!r} for the adapter.")
            if name in adapter.low_rank:
                down, up = adapter.low_rank[name]
                _check_fit(name, down, up, layer)
                layer.weight += torch.tensor(up @ down).to(layer.weight)
            else:
                weight, bias = map(torch.tensor, adapter.whole[name])
                own = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
                own.weight = nn.Parameter(weight.to(layer.weight))
                own.bias = nn.Parameter(bias.to(layer.weight))
                _replace(merged, name, own)
    return merged


class _Here(threading.local):
    """What the layers look at during a call; each thread sees its own."""

    bank: _Bank | None = None


class _Bank:
    """Buffers of one thread, and which adapter lies in which slot.

    Attributes
    ----------
    slot : int
        Of all rows of the call.
    rows : Tensor or None
        Slots of the rows where they differ.
    buffers : dict of str to (Tensor, Tensor)
        Of each layer, by slot.
    """

    def __init__(self, layers: dict[str, _AdaptedLinear], *, rank: int, slots: int) -> None:
        self.slot = _BASE_SLOT
        self.rows: Tensor | None = None
        self.buffers = {name: layer.allocate(rank, slots + 1) for name, layer in layers.items()}
        self._layers, self._rank, self._slots = layers, rank, slots
        self._free = list(range(1, slots + 1))
        self._placed: OrderedDict[Adapter, int] = OrderedDict()

    def place(self, wanted: dict[str, Adapter]) -> dict[str, int]:
        """Copy those that are not there into slots, in place of the ones used longest ago."""
        if len(wanted) > self._slots:
            raise InputError(
                f"The batch names {counted(len(wanted), 'adapter')} and there are "
                f"{counted(self._slots, 'slot')}; raise `slots`, or split the batch."
            )
        missing = [adapter for adapter in wanted.values() if adapter not in self._placed]
        for name, adapter in wanted.items():
            if adapter in self._placed:
                self._placed.move_to_end(adapter)
            else:
                self._check(name, adapter)
        for adapter in missing:
            slot = self._free.pop() if self._free else self._placed.popitem(last=False)[1]
            for name, layer in self._layers.items():
                layer.load(self.buffers[name], slot, adapter)
            self._placed[adapter] = slot
        return {name: self._placed[adapter] for name, adapter in wanted.items()}

    def _check(self, name: str, adapter: Adapter) -> None:
        """Refuse, before anything is copied, what does not fit."""
        if adapter.rank > self._rank:
            raise InputError(
                f"The adapter {name!r} has rank {adapter.rank}; this network takes up to "
                f"{self._rank}. Make it with `rank={adapter.rank}`."
            )
        for layer in [*adapter.low_rank, *adapter.whole]:
            whole = layer in adapter.whole
            if layer not in self._layers or self._layers[layer].whole != whole:
                raise InputError(
                    f"The adapter {name!r} changes layer {layer!r}, which is not among this "
                    f"network's `{'heads' if whole else 'layers'}`."
                )
            self._layers[layer].check(adapter)


class _AdaptedLinear(nn.Module):
    """A linear layer that adds the update of the slot, or of each row's slot."""

    def __init__(self, name: str, base: nn.Linear, here: _Here, *, whole: bool, int8: bool) -> None:
        super().__init__()
        self.name, self.whole = name, whole
        self._here, self._base, self._integers = here, base, None
        if int8 and not whole:
            weight = base.weight.detach()
            self._scale = weight.abs().amax(1).clamp_min(torch.finfo(weight.dtype).tiny) / _STEPS
            self._integers = (weight / self._scale[:, None]).round().to(torch.int8)
            self._bias = base.bias
            self._base = nn.Linear(base.in_features, base.out_features, device="meta")

    def allocate(self, rank: int, slots: int) -> tuple[Tensor, Tensor]:
        """Return the two buffers; slot 0 is the base alone."""
        inputs, outputs = self._base.in_features, self._base.out_features
        if not self.whole:
            like = self._scale if self._integers is not None else self._base.weight.detach()
            return like.new_zeros(slots, rank, inputs), like.new_zeros(slots, outputs, rank)
        weight, bias = self._base.weight.detach(), self._base.bias
        none = weight.new_zeros(outputs)
        biases = (none if bias is None else bias.detach()).repeat(slots, 1)
        return weight.repeat(slots, 1, 1), biases

    def load(self, buffers: tuple[Tensor, Tensor], slot: int, adapter: Adapter) -> None:
        """Copy this layer's part of an adapter into a slot, or that it has none."""
        first, second = buffers[0][slot], buffers[1][slot]
        if self.name in adapter.low_rank:
            down, up = map(torch.tensor, adapter.low_rank[self.name])
            first.zero_()[: len(down)] = down
            second.zero_()[:, : len(down)] = up
        elif self.name in adapter.whole:
            weight, bias = map(torch.tensor, adapter.whole[self.name])
            first.zero_()[: len(weight)] = weight
            second.fill_(-torch.inf)[: len(weight)] = bias
        else:
            first.copy_(buffers[0][_BASE_SLOT])
            second.copy_(buffers[1][_BASE_SLOT])

    def check(self, adapter: Adapter) -> None:
        """Refuse other shapes than this layer's."""
        if not self.whole:
            _check_fit(self.name, *adapter.low_rank[self.name], self._base)
            return
        outputs, inputs = adapter.whole[self.name][0].shape
        if inputs != self._base.in_features or outputs > self._base.out_features:
            raise InputError(
                f"The head {self.name!r} has {counted(outputs, 'class', 'classes')} of {inputs:,}; "
                f"the network takes {self._base.out_features} of {self._base.in_features} inputs."
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """Answer with the adapter of the call, or of each row."""
        bank = self._here.bank
        assert bank is not None  # set by the call that led here
        first, second = bank.buffers[self.name]
        if bank.rows is None:
            first, second = first[bank.slot], second[bank.slot]
            if self.whole:
                return functional.linear(inputs, first, second)
            update = functional.linear(functional.linear(inputs, first), second)
            return self._plain(inputs).add_(update)
        return self._mixed(inputs, first[bank.rows], second[bank.rows])

    def _plain(self, inputs: Tensor) -> Tensor:
        if self._integers is None:
            answer: Tensor = self._base(inputs)
            return answer
        found = functional.linear(inputs, self._integers.to(inputs.dtype)).mul_(self._scale)
        return found if self._bias is None else found.add_(self._bias)

    def _mixed(self, inputs: Tensor, first: Tensor, second: Tensor) -> Tensor:
        rows = len(first)
        if len(inputs) != rows:
            raise InputError(
                f"Layer {self.name!r} got {counted(len(inputs), 'row')} where the batch has "
                f"{rows}, so that it cannot be told which is whose; give one adapter for all rows."
            )
        wide = inputs.reshape(rows, -1, inputs.shape[-1])
        shape = (*inputs.shape[:-1], second.shape[1])
        if self.whole:
            return torch.baddbmm(second[:, None], wide, first.transpose(1, 2)).reshape(shape)
        update = torch.bmm(torch.bmm(wide, first.transpose(1, 2)), second.transpose(1, 2))
        return self._plain(inputs).add_(update.reshape(shape))


def _check_fit(name: str, down: np.ndarray, up: np.ndarray, layer: nn.Linear) -> None:
    if down.shape[1] != layer.in_features or up.shape[0] != layer.out_features:
        raise InputError(
            f"The adapter of layer {name!r} has {counted(down.shape[1], 'input')} and "
            f"{counted(up.shape[0], 'output')}, the layer {layer.in_features} and "
            f"{layer.out_features}."
        )


def _replace(network: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, layer)

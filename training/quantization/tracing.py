"""From any module to a plain graph with batch norm folded and dropout gone (torch.fx)."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection
from typing import Any

from torch import fx, nn

from thresher.core.errors import InputError

from .folding import called_module, fold_norms, reorder_pools

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.Identity)


class _Tracer(fx.Tracer):
    def __init__(self, whole: Collection[str]) -> None:
        super().__init__()
        self.whole = whole

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Keep the named modules whole, beside those of torch.nn."""
        if module_qualified_name in self.whole:
            return True
        return bool(super().is_leaf_module(m, module_qualified_name))


def trace(model: nn.Module, *, whole: Collection[str] = ()) -> fx.GraphModule:
    """Return a copy of `model` as a graph in evaluation mode.

    Parameters
    ----------
    model : nn.Module
        Unchanged. Its ``forward`` takes one tensor; further arguments keep their defaults.
    whole : collection of str
        Names of submodules that are not looked into.

    Raises
    ------
    InputError
        When the forward pass depends on values, so that it is no fixed graph.
    """
    copied = copy.deepcopy(model).eval()
    known = dict(copied.named_modules())
    for name in whole:
        if name not in known:
            listed = ", ".join(list(known)[1:12])
            raise InputError(f"`keep_float` names no module of the model: {name!r}. Has: {listed}…")
    tracer = _Tracer(whole)
    try:
        graph = tracer.trace(copied, concrete_args=_defaults(copied))
    except (fx.proxy.TraceError, TypeError, RuntimeError, NotImplementedError) as error:
        raise InputError(
            f"{type(model).__name__} cannot be turned into a graph ({error}). Name the submodule "
            "whose forward pass depends on values in `keep_float`; it then stays as it is."
        ) from error
    module = fx.GraphModule(copied, graph, type(model).__name__)
    _drop_identities(module)
    reorder_pools(module)
    fold_norms(module)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module.eval()


def _defaults(model: nn.Module) -> dict[str, Any]:
    parameters = list(inspect.signature(model.forward).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _drop_identities(graph: fx.GraphModule) -> None:
    for node in list(graph.graph.nodes):
        if isinstance(called_module(graph, node), _DROPOUTS):
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)

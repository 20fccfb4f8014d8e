"""The first and the last layers of a network, where few bits cost most.

What the first one rounds is the input itself, and what the last one rounds is the answer, so that
both keep more bits than the rest (Choi et al. 2018, "PACT"; Esser et al. 2020, "Learned step size
quantization", section 3). They hold few of the weights.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import fx, nn

from .folding import called_module

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear, nn.Embedding)
_WEIGHTED = ("conv", "linear")


def end_layers(
    graph: fx.GraphModule, kinds: Mapping[fx.Node, str], *, keep_float: Collection[str] = ()
) -> list[fx.Node]:
    """Return the convolutions and linear layers that nothing with weights comes before or after.

    Parameters
    ----------
    graph : fx.GraphModule
    kinds : mapping of fx.Node to str
        As `kinds.kind` tells them.
    keep_float : collection of str
        Modules that are called whole.

    Returns
    -------
    list of fx.Node
        In the order of the graph. None where nothing lies between them: then few bits would hold
        for no layer. A table of tokens lies before the layers that read it, and is no end itself.
    """
    nodes = list(graph.graph.nodes)

    def is_layer(node: fx.Node) -> bool:
        return isinstance(called_module(graph, node), _LAYERS) or str(node.target) in keep_float

    raw: set[fx.Node] = set()
    for node in nodes:
        from_raw = all(source in raw for source in node.all_input_nodes)
        if node.op != "output" and from_raw and not is_layer(node):
            raw.add(node)
    final: set[fx.Node] = set()
    for node in reversed(nodes):
        if not is_layer(node) and all(user in final for user in node.users):
            final.add(node)
    weighted = [node for node in nodes if kinds[node] in _WEIGHTED]
    ends = [
        node
        for node in weighted
        if node.args[0] in raw or all(user in final for user in node.users)
    ]
    holds = [node for node in nodes if kinds[node] in (*_WEIGHTED, "embedding")]
    return ends if len(ends) < len(holds) else []

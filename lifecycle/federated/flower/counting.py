"""What a round sends, and who did not answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .library import load_flower


class CountedGrid:
    """Flower's connection to the clients during a round, with bytes and errors counted.

    Attributes
    ----------
    down, up : int
        Bytes that were sent to clients and that came from them, as they go over the wire.
    errors : dict of str to str
        Clients whose answer was an error, or that gave none in time, and which.
    """

    def __init__(self, grid: Any) -> None:
        self._grid = grid
        self.down = self.up = 0
        self.errors: dict[str, str] = {}

    def send_and_receive(
        self, messages: Iterable[Any], *, timeout: float | None = None
    ) -> list[Any]:
        """Send messages and return what has come until the time is over."""
        sent = list(messages)
        self.down += sum(_size(message) for message in sent)
        replies = list(self._grid.send_and_receive(sent, timeout=timeout))
        nodes = {each.metadata.message_id: each.metadata.dst_node_id for each in sent}
        waiting = {each.metadata.dst_node_id for each in sent}
        for reply in replies:
            # What the server's own machinery says of a lost client has not that as its source.
            source = reply.metadata.src_node_id
            node = source if source in waiting else nodes.get(reply.metadata.reply_to_message_id)
            waiting.discard(node)
            if reply.has_error():
                self.errors[str(node)] = _why(str(reply.error.reason))
            else:
                self.up += _size(reply)
        for node in waiting:
            self.errors[str(node)] = f"did not answer within {timeout:g} s"
        return replies


def _size(message: Any) -> int:
    return int(load_flower().to_proto(message.content).ByteSize())


def _why(reason: str) -> str:
    """Return an error's own words, without the class and the trace that Flower and Ray add."""
    inner = reason.removesuffix("'>").partition(":<'")[2] or reason
    return inner.rpartition("Message: ")[2].strip()

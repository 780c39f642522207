"""A proxy that understands PostgreSQL's messages, and cuts a connection between two of them."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Side = Literal["client", "server"]
SIDES: tuple[Side, Side] = ("client", "server")
_PIECE = 1 << 16


@dataclass
class Cut:
    """A proxy that cuts one connection after so many messages of one side (None: never).

    Attributes:
        upstream: The URL of the server, or of a pooler.
        side: The side that sends the last message.
        after: How many messages of that side are let through.
        connection: Which connection is cut, from 1.
        counts: How many messages each side has sent over it.
        is_done: Whether it was cut.
    """

    upstream: str
    side: Side = "client"
    after: int | None = None
    connection: int = 1
    counts: Counter[Side] = field(default_factory=Counter)
    is_done: bool = False
    _seen: int = 0

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Listen, and yield the URL."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            host, port = listener.getsockname()
            yield make_conninfo(self.upstream, host=host, port=port, sslmode="disable", gssencmode="disable")
            listener.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._seen += 1
                server = self._connected()
                for each in (client, server):
                    if each.family == socket.AF_INET:
                        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for side, source, target in (("client", client, server), ("server", server, client)):
                    arguments = (side, source, target, self._seen == self.connection)
                    threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _connected(self) -> socket.socket:
        named = conninfo_to_dict(self.upstream)
        host, port = str(named["host"]), str(named["port"])
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _forward(self, side: Side, source: socket.socket, target: socket.socket, is_cut: bool) -> None:  # noqa: FBT001
        limit = self.after if is_cut and side == self.side else None
        arrived, is_first = b"", side == "client"
        with suppress(OSError):
            while more := source.recv(_PIECE):
                arrived += more
                left = None if limit is None else limit - self.counts[side]
                count, end = _whole(arrived, left, is_first=is_first)
                target.sendall(arrived[:end])
                self.counts[side] += count * is_cut
                if count == left and end < len(arrived):
                    self.is_done = True
                    break
                arrived, is_first = arrived[end:], is_first and not count
        for socket_ in (source, target):
            with suppress(OSError):  # the other direction may have ended before
                socket_.shutdown(socket.SHUT_RDWR)
            socket_.close()


def _whole(arrived: bytes, most: int | None, *, is_first: bool) -> tuple[int, int]:
    """Count the messages that have arrived as a whole, at most so many; gives their number, and where they end.

    A message is a type, a length, and the rest; the client's first has no type.
    https://www.postgresql.org/docs/current/protocol-message-formats.html
    """
    count = end = 0
    while most is None or count < most:
        begin = end if is_first and not count else end + 1
        if begin + 4 > len(arrived):
            break
        after = begin + int.from_bytes(arrived[begin : begin + 4])
        if after > len(arrived):
            break
        count, end = count + 1, after
    return count, end


def after_each(counts: Counter[Side], every: int = 1) -> list[tuple[Side, int]]:
    """Give the points of a connection: before its first message, and after each of each side."""
    return [(side, after) for side in SIDES for after in range(0, counts[side] + 1, every)]

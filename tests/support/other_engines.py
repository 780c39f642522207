"""A server that speaks the start of PostgreSQL's protocol and answers as another database does.

libpq connects to it on a real socket. It sends the parameters that it is given, answers ``version()``, and refuses all
else with SQLSTATE 42883, as a database does that lacks a function of PostgreSQL.

https://www.postgresql.org/docs/current/protocol-flow.html
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import BinaryIO, Self

_ENCRYPT = (80877103, 80877104)  # SSLRequest, GSSENCRequest
_TEXT = 25


class OtherEngine:
    """The server: listens while the block lasts, one thread a connection.

    Attributes:
        place: Its host and port, as messages name it.
        asked: The statements that it was sent.

    Args:
        parameters: What it sends at the start, such as ``server_version``.
        version: What it answers to ``version()``; empty if it does not know that function.
        identity: The answer to the first request of ours that has ``version()`` in it, if it knows all of that.
    """

    def __init__(
        self, parameters: Mapping[str, str], version: str = "", identity: tuple[str | None, ...] | None = None
    ) -> None:
        self._parameters = {"client_encoding": "UTF8", "standard_conforming_strings": "on", **parameters}
        self._version = version
        self._identity = identity
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._is_open = True
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"postgresql://app@{self.place}/app"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_open = False
        socket.create_connection(self._listener.getsockname()).close()  # wakes the thread that accepts
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if not self._is_open:
                client.close()
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as said:
            while (code := struct.unpack("!I", _body(said.read(4), said)[:4])[0]) in _ENCRYPT:
                client.sendall(b"N")
            assert code == 3 << 16, "protocol 3.0"
            client.sendall(_message(b"R", struct.pack("!I", 0)))
            for name, value in self._parameters.items():
                client.sendall(_message(b"S", _string(name) + _string(value)))
            client.sendall(_message(b"K", struct.pack("!II", 1, 1)) + _READY)
            self._answer(client, said)

    def _answer(self, client: socket.socket, said: BinaryIO) -> None:
        sql, has_failed = "", False
        while (kind := said.read(1)) not in (b"", b"X"):
            body = _body(said.read(4), said)
            if kind == b"Q":
                client.sendall(self._result(body[:-1].decode())[1] + _READY)
            elif kind == b"S":
                has_failed = False
                client.sendall(_READY)
            elif has_failed:
                continue
            elif kind == b"P":
                sql = body.split(b"\0")[1].decode()
                client.sendall(_message(b"1", b""))
            elif kind == b"B":
                client.sendall(_message(b"2", b""))
            elif kind == b"E":
                has_failed, answer = self._result(sql)
                client.sendall(answer)

    def _result(self, sql: str) -> tuple[bool, bytes]:
        """Return whether a statement fails, and the answer to it."""
        self.asked.append(sql)
        if sql == "select version()" and self._version:
            return False, _row((self._version,))
        if "version()" in sql and self._identity:
            return False, _row(self._identity)
        if self._identity or sql.startswith(("begin", "rollback")):
            return False, _message(b"C", _string("OK"))
        return True, _message(b"E", b"SERROR\0C42883\0Munknown function\0\0")


_READY = b"Z" + struct.pack("!I", 5) + b"I"


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", 4 + len(body)) + body


def _string(text: str) -> bytes:
    return text.encode() + b"\0"


def _body(length: bytes, said: BinaryIO) -> bytes:
    return said.read(struct.unpack("!I", length)[0] - 4)


def _row(values: tuple[str | None, ...]) -> bytes:
    """Return a description of text columns, one row, and the end of the answer."""
    column = struct.pack("!IhIhih", 0, 0, _TEXT, -1, -1, 0)
    described = struct.pack("!h", len(values)) + b"".join(_string("v") + column for _ in values)
    row = struct.pack("!h", len(values)) + b"".join(
        struct.pack("!i", -1) if value is None else struct.pack("!i", len(value.encode())) + value.encode()
        for value in values
    )
    return _message(b"T", described) + _message(b"D", row) + _message(b"C", _string("SELECT 1"))

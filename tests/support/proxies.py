"""Proxies between a client and its server: one counts how often the client waits, one is far away, one falls silent.

They listen on 127.0.0.1 and lead any number of connections to a server, on TCP or on a Unix socket::

    with TurnCounter(url) as proxy, psycopg.connect(proxy.url) as conn:
        conn.execute("select 1")
    assert proxy.turns == 1
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

WISHES_TO_ENCRYPT = (80877103, 80877104)  # SSLRequest, GSSENCRequest


@dataclass(eq=False)
class Flow:
    """One direction of a connection, and the chunks that are on their way, each with the time of its arrival."""

    source: socket.socket
    sink: socket.socket
    chunks: deque[tuple[float, bytes]] = field(default_factory=deque)
    has_ended: bool = False
    is_closed: bool = False

    def receive(self) -> bytes:
        data = self.source.recv(65536)
        if data:
            self.chunks.append((time.monotonic(), data))
        self.has_ended = not data
        return data

    def deliver(self) -> None:
        arrived, data = self.chunks.popleft()
        sent = self.sink.send(data)
        if sent < len(data):
            self.chunks.appendleft((arrived, data[sent:]))

    def close(self) -> None:
        if self.has_ended and not self.chunks and not self.is_closed:
            self.sink.shutdown(socket.SHUT_WR)
            self.is_closed = True


class Connection:
    """One connection through a proxy, which passes everything on at once; a proxy says what is different with it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.there = Flow(client, server)
        self.back = Flow(server, client)

    def begin(self) -> None:
        """Do what is to be done before anything is passed on."""

    def received(self, flow: Flow, data: bytes) -> None:
        """Take note of a chunk that has arrived."""

    def wait(self, flow: Flow) -> float:  # noqa: ARG002 - the others' question
        """Say for how many seconds the next chunk is to be kept back."""
        return 0

    def delivering(self, flow: Flow) -> None:
        """Take note of a chunk that is about to be passed on."""

    def run(self) -> None:
        self.begin()
        flows = (self.there, self.back)
        for flow in flows:
            flow.source.setblocking(False)
        while not self.back.is_closed:
            self._step(flows)

    def _step(self, flows: tuple[Flow, Flow]) -> None:
        waits = {flow: self.wait(flow) for flow in flows if flow.chunks}
        due = [flow.sink for flow, seconds in waits.items() if seconds <= 0]
        open_ = [flow.source for flow in flows if not flow.has_ended]
        soonest = min((seconds for seconds in waits.values() if seconds > 0), default=None)
        readable, writable, _ = select.select(open_, due, [], soonest)
        for flow in flows:
            if flow.source in readable:
                self.received(flow, flow.receive())
            if flow.sink in writable and self.wait(flow) <= 0:  # what has just arrived may have changed that
                self.delivering(flow)
                flow.deliver()
            flow.close()


class Proxy:
    """The door that the proxies share: listens while the block lasts, one thread a connection."""

    def __init__(self, upstream: str) -> None:
        self._upstream = conninfo_to_dict(upstream)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._is_open = True

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where the upstream database is to be had through this proxy."""
        named = {name: quote(str(self._upstream.get(name) or ""), safe="") for name in ("user", "password", "dbname")}
        password = f":{named['password']}" if named["password"] else ""
        return f"postgresql://{named['user']}{password}@127.0.0.1:{self.port}/{named['dbname']}"

    def connection(self, client: socket.socket, server: socket.socket) -> Connection:
        return Connection(client, server)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_open = False
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes the thread that accepts
        self._threads[0].join()
        self._listener.close()
        for one in self._sockets:
            _shut(one)
        for thread in self._threads:
            thread.join()

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
            self._sockets.append(client)
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = self._connect()
            except OSError:  # the client sees what it would see without a proxy: no server
                return
            self._sockets.append(server)
            with server:
                for end in (client, server):
                    if end.family != socket.AF_UNIX:
                        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    self.connection(client, server).run()
                except OSError:  # one of the two hung up
                    return

    def _connect(self) -> socket.socket:
        host, port = str(self._upstream.get("host", "localhost")), int(self._upstream.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(f"{host}/.s.PGSQL.{port}")
        except OSError:
            server.close()
            raise
        return server


class TurnCounter(Proxy):
    """Counts turns on the wire: how often a client cannot go on before it has heard from the server.

    What the client sends is passed on at once. An answer is kept here until the client has been silent for `quiet`
    seconds: only then does it wait for it, and that is one turn, however many chunks, messages and statements it
    sent before, and however much comes back. So a pipeline of 200 statements is one turn, although the server
    answers the first while the client sends the last. What the server sends unasked, and what is never answered
    (Terminate), is not a turn. All connections are counted together.

    `turns` begins after the server's first ReadyForQuery; what it takes to get there is counted in `connect_turns`
    (asking for encryption, which is declined here, start-up, password). A counter is raised before the answer is
    let through, so a client that has its answer finds it counted.

    The count depends on time in one way only: a client that thinks for longer than `quiet`, in the middle of what it
    could have sent at once, is taken to wait. A machine that stands still does not count as silence.
    """

    def __init__(self, upstream: str, quiet: float = 0.025) -> None:
        super().__init__(upstream)
        self.quiet = quiet
        self._lock = threading.Lock()
        self.connections = 0
        self.reset()

    def reset(self) -> None:
        """Set all counts to 0; connections stay open."""
        with self._lock:
            self.turns = self.connect_turns = self.bytes_sent = self.bytes_received = 0

    def connection(self, client: socket.socket, server: socket.socket) -> Connection:
        with self._lock:
            self.connections += 1
        return _Counted(client, server, self)

    def count(self, *, turns: int = 0, connect_turns: int = 0, sent: int = 0, received: int = 0) -> None:
        with self._lock:
            self.turns += turns
            self.connect_turns += connect_turns
            self.bytes_sent += sent
            self.bytes_received += received


class _Counted(Connection):
    def __init__(self, client: socket.socket, server: socket.socket, counter: TurnCounter) -> None:
        super().__init__(client, server)
        self.counter = counter
        self.is_connecting = True
        self.greeting = b""  # what the server has said while connecting, cut at its messages
        self.asks = False  # has the client sent something that is not answered yet?
        self.silence = 0.0
        self.looked = 0.0

    def begin(self) -> None:
        """Decline encryption, since what is encrypted cannot be counted."""
        while len(packet := self.client.recv(8, socket.MSG_WAITALL)) == 8:
            if int.from_bytes(packet[4:]) not in WISHES_TO_ENCRYPT:
                self.there.chunks.append((0, packet))
                break
            self.counter.count(connect_turns=1, sent=8, received=1)
            self.client.sendall(b"N")
        self.counter.count(sent=len(packet))
        self.asks = True

    def received(self, flow: Flow, data: bytes) -> None:
        if flow is self.there:
            self.counter.count(sent=len(data))
            self.asks, self.silence = True, 0.0
            return
        self.counter.count(received=len(data))
        if self.is_connecting:
            self.greeting += data

    def wait(self, flow: Flow) -> float:
        if flow is self.there or self.is_connecting or not self.asks:
            return 0
        now, step = time.monotonic(), self.counter.quiet / 5
        self.silence += 0 if self.there.chunks else min(now - self.looked, step)
        self.looked = now
        rest = self.counter.quiet - self.silence
        return min(rest, step)

    def delivering(self, flow: Flow) -> None:
        if flow is self.there:
            return
        turn, self.asks = int(self.asks), False
        if self.is_connecting:
            self.counter.count(connect_turns=turn)
            self.is_connecting = not self._is_ready()
        else:
            self.counter.count(turns=turn)

    def _is_ready(self) -> bool:
        """Whether ReadyForQuery is among what the server has said; the messages before it are dropped."""
        while len(self.greeting) >= 5:
            kind, length = self.greeting[:1], int.from_bytes(self.greeting[1:5])
            if kind == b"Z":
                return True
            if len(self.greeting) <= length:
                break
            self.greeting = self.greeting[1 + length :]
        return False


class Delay(Proxy):
    """A network between client and server: every chunk arrives half of `round_trip` seconds later, in order.

    As on a network, many chunks are on their way at once, so that throughput is not throttled; the opening of the
    connection itself (TCP's handshake) is not delayed. `delivered` holds the direction of each chunk that has arrived
    (``there`` or ``back``) and for how many seconds it was on its way, `most_on_their_way` how many were at once.
    """

    def __init__(self, upstream: str, round_trip: float = 0.020) -> None:
        super().__init__(upstream)
        self.round_trip = round_trip
        self.delivered: list[tuple[str, float]] = []
        self.most_on_their_way = 0

    def connection(self, client: socket.socket, server: socket.socket) -> Connection:
        return _Delayed(client, server, self)


class _Delayed(Connection):
    def __init__(self, client: socket.socket, server: socket.socket, delay: Delay) -> None:
        super().__init__(client, server)
        self.delay = delay

    def received(self, flow: Flow, data: bytes) -> None:  # noqa: ARG002 - how much it is does not matter
        self.delay.most_on_their_way = max(self.delay.most_on_their_way, len(flow.chunks))

    def wait(self, flow: Flow) -> float:
        arrived, _ = flow.chunks[0]
        return arrived + self.delay.round_trip / 2 - time.monotonic()

    def delivering(self, flow: Flow) -> None:
        arrived, _ = flow.chunks[0]
        self.delay.delivered.append(("there" if flow is self.there else "back", time.monotonic() - arrived))


class Silent(Proxy):
    """A host that leads some connections to a server, and lets all that come after them wait until `answer` is called.

    Attributes:
        waiting: How many connections have had to wait.
    """

    def __init__(self, upstream: str, answered: int) -> None:
        super().__init__(upstream)
        self._answered = answered
        self._is_answering = threading.Event()
        self.waiting = 0

    def answer(self) -> None:
        self._is_answering.set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_answering.set()
        super().__exit__(kind, error, traceback)

    def _serve(self, client: socket.socket) -> None:
        self._answered -= 1
        if self._answered < 0:
            self.waiting += 1
            self._is_answering.wait()
        super()._serve(client)


def _shut(one: socket.socket) -> None:
    """Wake the thread that waits on a socket, if the socket is still open."""
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

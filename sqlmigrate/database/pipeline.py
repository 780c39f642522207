"""libpq's pipeline mode: requests in segments, and their answers one by one.

Several segments may be on their way at once. An error ends all up to the next Sync, not what is behind it
(https://www.postgresql.org/docs/current/libpq-pipeline-mode.html). Reading goes on while a segment is written: a server
that cannot send its answers does not read.

A pooler gives the server to another client after the answer to a Sync. Some do so although more was sent, and the other
client gets our answers (https://github.com/pgbouncer/pgbouncer/issues/759). So behind a pooler all that is on its way
together has one Sync, at its end.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

import psycopg
from psycopg import pq, waiting
from psycopg.errors import error_from_result

# So often a Flush is sent while an answer is awaited: proxies and balancers cut connections that are idle, most after a
# minute or more. It asks for nothing new, and is allowed at any time in a pipeline
# (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY).
_HEARTBEAT_SECONDS = 30.0
_WAKE_SECONDS = 0.1  # so often Ctrl-C is noticed while nothing arrives
_NEVER = float("inf")
_ROWS_AT_ONCE = 20  # of those that are dropped; they may be wide
_CHUNKED = 170000  # the first libpq that gives more than one row at once
_GIVES_CHUNKS = pq.version() >= _CHUNKED
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)
_PART_OF_ROWS = (pq.ExecStatus.SINGLE_TUPLE, pq.ExecStatus.TUPLES_CHUNK)
_T = TypeVar("_T")


class Request(NamedTuple):
    """One statement to send; a large file has thousands.

    Attributes:
        sql: The statement.
        params: Its parameters, as text.
        data: The data that follow a ``COPY … FROM stdin``: a text, or what gives them in pieces.
        quiet: Whether its answer may arrive together with the next one.
        drops_rows: Whether its rows are dropped as they arrive, so that a million of them takes no memory.
        name: What it is prepared as, the first time that it is sent; empty if it is not.
    """

    sql: str
    params: tuple[str | None, ...] = ()
    data: str | Iterable[bytes] | None = None
    quiet: bool = False
    drops_rows: bool = False
    name: str = ""


@dataclass(frozen=True)
class Answer:
    """The answer of the server to one request.

    Attributes:
        index: The index of the request in its turn.
        rows: The rows, as text.
        error: The error, if the request failed.
    """

    index: int
    rows: list[list[str | None]]
    error: psycopg.Error | None = None


class Pipeline:
    """The pipeline of one connection."""

    def __init__(self, pgconn: pq.abc.PGconn) -> None:
        self._pgconn = pgconn
        # The segments that no answer was read of; whether each request is prepared as well. None stands for a Sync.
        self._sent: deque[list[tuple[Request, bool]] | None] = deque()
        self._syncs = 0
        self._is_open = False  # whether something was sent that no Sync is behind yet
        self._prepared: set[str] = set()
        self._last_written = self._last_read = time.monotonic()
        self._generation = 0  # of the names: one that may be gone, or may still be there, is not used again

    @property
    def is_empty(self) -> bool:
        """Whether all answers were read."""
        return not (self._syncs or self._is_open)

    @property
    def silent_seconds(self) -> float:
        """For how long nothing was sent, and nothing arrived."""
        return time.monotonic() - max(self._last_written, self._last_read)

    def note_writing(self) -> None:
        """Note that something was sent just now, past the pipeline: the data of a COPY."""
        self._last_written = time.monotonic()

    def send(self, requests: Sequence[Request], *, goes_on: bool = False) -> None:
        """Send a segment; what cannot be written at once is written while answers are read.

        If it `goes_on`, the next is sent without a Sync between: `end` has to be called before answers are read.
        """
        pgconn = self._pgconn
        self._last_written = time.monotonic()
        pgconn.enter_pipeline_mode()
        self._is_open = True
        sent: list[tuple[Request, bool]] = []
        try:
            for request in requests:
                sent.append((request, self._send(request)))
                if not request.quiet:
                    pgconn.send_flush_request()  # its answer at once, not all of them at the end
        finally:  # Ctrl-C may come in between: what was sent is a segment all the same, and can be read to its end
            self._sent.append(sent)
            if not goes_on:
                self.end()
        if goes_on:
            pgconn.flush()

    def end(self) -> None:
        """Send a Sync behind what was sent."""
        if self._is_open:
            self._is_open = False
            self._syncs += 1
            self._sent.append(None)
            try:
                self._pgconn.pipeline_sync()
            except psycopg.OperationalError as error:  # its message is "no pipeline"; libpq has the cause
                why = self._pgconn.error_message.decode(errors="replace")
                raise psycopg.OperationalError(why or str(error)) from None
            self._pgconn.flush()

    def _send(self, request: Request) -> bool:
        """Send a request; tells whether it is prepared as well."""
        params = [None if value is None else value.encode() for value in request.params] if request.params else ()
        if not request.name:
            self._pgconn.send_query_params(request.sql.encode(), params)
            return False
        name = f"{request.name}_{self._generation}".encode()
        if is_new := request.name not in self._prepared:
            self._pgconn.send_prepare(name, request.sql.encode())
            self._prepared.add(request.name)
        self._pgconn.send_query_prepared(name, params)
        return is_new

    def prepare_again(self) -> None:
        """Prepare each request with a name again: what was prepared so far may be gone."""
        self._prepared.clear()
        self._generation += 1

    def answers(self, tick: float | None = None) -> Iterator[Answer | None]:
        """Yield the answer to each request of the oldest segment as it arrives; an error is the last.

        While no answer arrives, it yields None every `tick` seconds. A Sync behind the segment is read as well. After
        an error, what was sent up to the next Sync is dropped: the server skips it.
        """
        for index, (request, is_prepared) in enumerate(self._sent.popleft() or ()):
            if request.drops_rows:
                self._give_rows_as_they_come()
            result: pq.abc.PGresult | None = None
            for _ in range(1 + is_prepared):
                while not (result := self._ready(self._next_result(), tick)):
                    yield None
                self._pgconn.get_result()  # the empty one that ends the answer; what follows is set only after it
                if result.status in _FAILED:
                    self.prepare_again()  # what follows in the segment is not even prepared
                    while self._sent and self._sent.popleft() is not None:
                        pass
                    with suppress(psycopg.OperationalError):  # the connection is lost: the error says so
                        self._read_to_sync()
                    yield Answer(index, [], error_from_result(result, "utf-8"))
                    return
            yield Answer(index, _rows(result) if result else [])
        if self._sent and self._sent[0] is None:
            self._sent.popleft()
            self._read_to_sync()

    def drain(self, seconds: float | None = None) -> None:
        """Read all that was sent to its end, and drop it; stop if a result takes longer than `seconds`."""
        self.end()
        self._sent.clear()
        while self._syncs and self._read_to_sync(seconds):
            pass

    def flushed(self, seconds: float | None = None) -> bool:
        """Write what is not written yet; false if that takes longer than `seconds`."""
        return bool(self._ready(self._flush(), seconds))

    def _read_to_sync(self, seconds: float | None = None) -> bool:
        """Read to the end of a segment: the server skips what follows an error; false if that takes too long."""
        while result := self._ready(self._next_result(), seconds):
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                self._syncs -= 1
                if not self._syncs:
                    self._pgconn.exit_pipeline_mode()
                return True
        return False

    def _ready(self, generator: psycopg.abc.PQGen[_T], seconds: float | None) -> _T | None:
        """Return the generator's result, or None after `seconds`; it has no state, so it can be started again."""
        try:
            awaited = next(generator)
        except StopIteration as ended:  # most answers of a pipeline are here already
            return cast("_T", ended.value)
        interval = min(_WAKE_SECONDS, seconds or _WAKE_SECONDS)
        return waiting.wait(_within(generator, awaited, seconds), self._pgconn.socket, interval=interval)

    def _flush(self) -> psycopg.abc.PQGen[bool]:
        while self._pgconn.flush():
            ready = yield waiting.WAIT_RW
            if ready & waiting.READY_R:
                self._consume()
        return True

    def _consume(self) -> None:
        self._pgconn.consume_input()
        self._last_read = time.monotonic()

    def _next_result(self) -> psycopg.abc.PQGen[pq.abc.PGresult]:
        """Return the next result.

        The empty result with which libpq ends each request is skipped. So are rows that libpq gives as they come, and
        the output of a ``COPY … TO stdout``.
        """
        pgconn = self._pgconn
        while pgconn.status == pq.ConnStatus.OK:
            while pgconn.is_busy():
                ready = yield (waiting.WAIT_RW if pgconn.flush() else waiting.WAIT_R)
                if ready & waiting.READY_R:
                    self._consume()
                else:
                    self._keep_alive()
            result = pgconn.get_result()
            if result and result.status == pq.ExecStatus.COPY_OUT:
                while (size := pgconn.get_copy_data(1)[0]) >= 0:
                    if not size and (yield waiting.WAIT_R):
                        self._consume()
            elif result and result.status not in _PART_OF_ROWS:
                return result
        raise psycopg.OperationalError("the connection to the server is lost")

    def _keep_alive(self) -> None:
        """Send a Flush if nothing was sent for a while, so that nothing in between takes the connection for unused."""
        now = time.monotonic()
        if now - self._last_written >= _HEARTBEAT_SECONDS and not self.is_empty:
            self._last_written = now
            self._pgconn.send_flush_request()

    def _give_rows_as_they_come(self) -> None:
        """Have libpq give the rows of the next answer as they come, not all of them at its end.

        https://www.postgresql.org/docs/current/libpq-single-row-mode.html
        """
        if _GIVES_CHUNKS:
            self._pgconn.set_chunked_rows_mode(_ROWS_AT_ONCE)
        else:
            self._pgconn.set_single_row_mode()


def _within(
    generator: psycopg.abc.PQGen[_T], awaited: waiting.Wait, seconds: float | None
) -> psycopg.abc.PQGen[_T | None]:
    """Continue a generator that waits, for `seconds` at most; returns None if it has not ended by then.

    `waiting.wait` wakes it up with nothing to read or write at least once in its interval.
    """
    deadline = time.monotonic() + (_NEVER if seconds is None else seconds)
    try:
        while True:
            ready = yield awaited
            awaited = generator.send(ready)
            if time.monotonic() >= deadline:
                return None
    except StopIteration as ended:
        return cast("_T", ended.value)


def _rows(result: pq.abc.PGresult) -> list[list[str | None]]:
    if result.status != pq.ExecStatus.TUPLES_OK:
        return []
    return [[_text(result.get_value(row, column)) for column in range(result.nfields)] for row in range(result.ntuples)]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")  # a file may have set another client_encoding

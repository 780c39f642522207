"""A connection that sends many requests in one round trip."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

import psycopg
from psycopg import pq, waiting
from psycopg.errors import error_from_result

from sqlmigrate.config.passwords import redacted, secrets_of
from sqlmigrate.errors import ConnectError, ServerError, SqlmigrateError

from . import connect_errors, pooler_messages
from .connect import open_connection

_WAKE_SECONDS = 0.1  # so often Ctrl-C is noticed while nothing arrives
_DRAIN_SECONDS = 1.0
_CANCEL_TRIES = 5
_RECONNECT_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.5)
_NEVER = float("inf")
_ROWS_AT_ONCE = 20  # of those that are dropped; they may be wide
_CHUNKED = 170000  # the first libpq that gives more than one row at once
_GIVES_CHUNKS = pq.version() >= _CHUNKED
_PIECE = 65536  # characters of a COPY that are sent at once; after each piece its progress may be shown
_T = TypeVar("_T")
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)
_PART_OF_ROWS = (pq.ExecStatus.SINGLE_TUPLE, pq.ExecStatus.TUPLES_CHUNK)


class Request(NamedTuple):
    """One statement to send; a large file has thousands.

    Attributes:
        sql: The statement.
        params: Its parameters, as text.
        data: The data that follow a ``COPY … FROM stdin``.
        quiet: Whether its answer may arrive together with the next one.
        drops_rows: Whether its rows are dropped as they arrive, so that a million of them takes no memory.
    """

    sql: str
    params: tuple[str | None, ...] = ()
    data: str | None = None
    quiet: bool = False
    drops_rows: bool = False


BEGIN_READ_ONLY = Request("begin read only", quiet=True)
COMMIT = Request("commit", quiet=True)


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


class Session:
    """A connection in autocommit mode. Requests are sent in turns: one round trip for any number of them.

    Attributes:
        url: The database.
        notices: Severity and message of the server's notices that have not been read yet, the oldest first.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.notices: list[tuple[str, str]] = []
        self._connect()

    def reconnect(self) -> None:
        """Connect again after the connection was lost; tries for some seconds, because the server may be restarting.

        Raises as `connect`.
        """
        self.close()
        for pause in _RECONNECT_PAUSES:
            with suppress(ConnectError):
                self._connect()
                return
            time.sleep(pause)
        self._connect()

    def _connect(self) -> None:
        self.conn = open_connection(self.url)
        self.pid = self.conn.info.backend_pid  # the server's process; libpq forgets it when the connection is lost
        self._syncs = 0
        self.conn.add_notice_handler(self._noticed)

    @property
    def major(self) -> int:
        """The major version of the server."""
        return self.conn.info.server_version // 10000

    @property
    def database_encoding(self) -> str | None:
        """PostgreSQL's name of the encoding in which the database stores text; None if a pooler does not say it."""
        return self.conn.info.parameter_status("server_encoding")

    def _noticed(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self.notices.append((diagnostic.severity or "", diagnostic.message_primary or ""))

    @property
    def last_words(self) -> str:
        """What the server, or a pooler, said unasked when it closed the connection; empty if it said nothing."""
        fatal = [message for severity, message in self.notices if severity == "FATAL"]
        return fatal[-1] if fatal else ""

    @property
    def is_usable(self) -> bool:
        """Whether the connection is open."""
        return self.conn.pgconn.status == pq.ConnStatus.OK

    def close(self) -> None:
        """Close the connection; the server rolls back an open transaction and releases all locks."""
        self.conn.close()

    def ask(self, *requests: Request) -> list[list[list[str | None]]]:
        """Send requests in one turn and return the rows of each; raises psycopg's error for the first that fails.

        The rest of a failed turn is read, so that the next request gets its own answer.
        """
        answers = [answer for answer in self.turn(requests) if answer]
        if answers and (error := answers[-1].error):
            with suppress(psycopg.OperationalError):  # the connection is lost: the error says so
                self._drain(_DRAIN_SECONDS)
            raise error
        return [answer.rows for answer in answers]

    def ask_within(
        self, requests: Sequence[Request], seconds: float, late: SqlmigrateError
    ) -> list[list[list[str | None]]]:
        """Send requests in one turn and return the rows of each; raises `late` if an answer takes more than `seconds`.

        Raises psycopg's error for the first request that fails. After an error the session can only be closed.
        """
        found = []
        for answer in self.turn(requests, seconds):
            if answer is None:
                raise late
            if answer.error:
                raise answer.error
            found.append(answer.rows)
        return found

    def turn(self, requests: Sequence[Request], tick: float | None = None) -> Iterator[Answer | None]:
        """Send requests together and yield the answer to each as it arrives; the first error is the last answer.

        While no answer arrives, it yields None every `tick` seconds. Each ``COPY … FROM stdin`` takes an additional
        turn, because data cannot be sent in a pipeline.
        """
        start = 0
        for index, request in enumerate((*requests, None)):
            if request is not None and request.data is None:
                continue
            for answer in self._pipeline(requests[start:index], start, tick):
                yield answer
                if answer and answer.error:
                    return
            if request is not None:
                for answer in self._copy(request, index, tick):
                    yield answer
                    if answer and answer.error:
                        return
            start = index + 1

    def _pipeline(self, requests: Sequence[Request], start: int, tick: float | None) -> Iterator[Answer | None]:
        if not requests:
            return
        pgconn = self.conn.pgconn
        pgconn.enter_pipeline_mode()
        for request in requests:
            params = [None if value is None else value.encode() for value in request.params] if request.params else ()
            pgconn.send_query_params(request.sql.encode(), params)
            if not request.quiet:
                pgconn.send_flush_request()  # its answer at once, not all of them at the end
        pgconn.pipeline_sync()
        self._syncs += 1
        while not self._ready(_flushed(pgconn), tick):
            yield None
        failed = False
        for index, request in enumerate(requests, start):
            if request.drops_rows and not failed:
                _give_rows_as_they_come(pgconn)
            while not (result := self._ready(_next_result(pgconn), tick)):
                yield None
            pgconn.get_result()  # the empty one that ends the answer; the mode of the next is set only after it
            if failed:
                continue
            failed = result.status in _FAILED
            yield Answer(index, _rows(result), error_from_result(result, "utf-8") if failed else None)
        self._drain()

    def _drain(self, seconds: float | None = None) -> None:
        """Read to the end of the turn and leave pipeline mode; stop if a result takes longer than `seconds`."""
        pgconn = self.conn.pgconn
        while self._syncs:
            if not (result := self._ready(_next_result(pgconn), seconds)):
                return
            self._syncs -= result.status == pq.ExecStatus.PIPELINE_SYNC
        if pgconn.pipeline_status:
            pgconn.exit_pipeline_mode()

    def _ready(self, generator: psycopg.abc.PQGen[_T], seconds: float | None) -> _T | None:
        """Return the generator's result, or None after `seconds`; it has no state, so it can be started again."""
        try:
            awaited = next(generator)
        except StopIteration as ended:  # most answers of a pipeline are here already
            return cast("_T", ended.value)
        interval = min(_WAKE_SECONDS, seconds or _WAKE_SECONDS)
        return waiting.wait(_within(generator, awaited, seconds), self.conn.pgconn.socket, interval=interval)

    def _copy(self, request: Request, index: int, tick: float | None) -> Iterator[Answer | None]:
        try:
            with self.conn.cursor() as cursor, cursor.copy(request.sql.encode()) as copy:
                yield from self._pieces(copy, request.data or "", tick)
        except psycopg.Error as error:
            yield Answer(index, [], error)
        else:
            yield Answer(index, [])

    def _pieces(self, copy: psycopg.Copy, data: str, tick: float | None) -> Iterator[None]:
        """Send the data of a COPY piece by piece; yields None every `tick` seconds."""
        told = time.monotonic()
        try:
            for start in range(0, len(data), _PIECE):
                copy.write(data[start : start + _PIECE].encode())
                while not self._ready(_flushed(self.conn.pgconn), tick) or time.monotonic() - told >= (tick or _NEVER):
                    yield None
                    told = time.monotonic()
        except (GeneratorExit, KeyboardInterrupt):  # a server that hangs would not take the end of the data
            with suppress(psycopg.errors.CancellationTimeout):
                self.conn.cancel_safe(timeout=_DRAIN_SECONDS)
            raise

    def abort(self) -> None:
        """Cancel what is being executed until the server answers, and roll back an open transaction.

        Raises `psycopg.OperationalError` if the connection is lost or the server does not answer in time.
        """
        tries = 0
        while self._syncs:
            if tries == _CANCEL_TRIES:
                raise psycopg.OperationalError("the server does not answer, even to a cancel request")
            tries += 1
            with suppress(psycopg.errors.CancellationTimeout):
                self.conn.cancel_safe(timeout=_DRAIN_SECONDS)
            if self._ready(_flushed(self.conn.pgconn), _DRAIN_SECONDS):
                self._drain(_DRAIN_SECONDS)
        if self.conn.pgconn.pipeline_status:
            self.conn.pgconn.exit_pipeline_mode()
        if self.conn.info.transaction_status != pq.TransactionStatus.IDLE:
            self.ask(Request("rollback"))


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


def _flushed(pgconn: pq.abc.PGconn) -> psycopg.abc.PQGen[bool]:
    """Send what is queued and read meanwhile: a server that cannot send its answers does not read."""
    while pgconn.flush():
        ready = yield waiting.WAIT_RW
        if ready & waiting.READY_R:
            pgconn.consume_input()
    return True


def _next_result(pgconn: pq.abc.PGconn) -> psycopg.abc.PQGen[pq.abc.PGresult]:
    """Return the next result.

    The empty result with which libpq ends each request is skipped. So are rows that libpq gives as they come, and the
    output of a ``COPY … TO stdout``.
    """
    while pgconn.status == pq.ConnStatus.OK:
        while pgconn.is_busy():
            if (yield waiting.WAIT_R):
                pgconn.consume_input()
        result = pgconn.get_result()
        if result and result.status == pq.ExecStatus.COPY_OUT:
            while (size := pgconn.get_copy_data(1)[0]) >= 0:
                if not size and (yield waiting.WAIT_R):
                    pgconn.consume_input()
        elif result and result.status not in _PART_OF_ROWS:
            return result
    raise psycopg.OperationalError("the connection to the server is lost")


def _give_rows_as_they_come(pgconn: pq.abc.PGconn) -> None:
    """Have libpq give the rows of the next answer as they come, not all of them at its end.

    https://www.postgresql.org/docs/current/libpq-single-row-mode.html
    """
    if _GIVES_CHUNKS:
        pgconn.set_chunked_rows_mode(_ROWS_AT_ONCE)
    else:
        pgconn.set_single_row_mode()


def _rows(result: pq.abc.PGresult) -> list[list[str | None]]:
    if result.status != pq.ExecStatus.TUPLES_OK:
        return []
    return [[_text(result.get_value(row, column)) for column in range(result.nfields)] for row in range(result.ntuples)]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")  # a file may have set another client_encoding


@contextmanager
def connect(url: str) -> Iterator[Session]:
    """Connect to the database that `url` names (or libpq's variables, if it is empty) until the end of the block.

    Raises `ConfigError` for a URL that libpq does not accept, `ConnectError` if the connection fails or is lost,
    `ServerError` for a server that is too old or refuses a request of ours. No message contains the password.
    """
    session = Session(url)
    try:
        yield session
    except psycopg.Error as error:
        raise _refused(error, secrets_of(url), session.last_words) from None
    finally:
        session.close()


def _refused(error: psycopg.Error, secrets: Sequence[str], last_words: str) -> SqlmigrateError:
    """Return the error for a request of ours: the connection was lost, or the server refused it.

    `last_words` is what the server, or a pooler, said when it closed the connection.
    """
    is_lost = isinstance(error, psycopg.OperationalError) and (error.sqlstate or "08")[:2] in ("08", "57")
    message = "the connection was lost" if is_lost else "the server refused a request of sqlmigrate"
    reason = error.diag.message_primary or (is_lost and last_words) or connect_errors.reason(error)
    code = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    detail = [redacted(text, secrets) for text in (error.diag.message_detail, error.diag.context) if text]
    kind = ConnectError if is_lost else ServerError
    hint = error.diag.message_hint or (pooler_messages.cure_of(reason) if is_lost else None)
    return kind(f"{message}: {redacted(reason, secrets)}{code}", detail=detail, hint=hint)

"""A connection that sends many requests in one round trip."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import psycopg
from psycopg import pq

from sqlmigrate.config.passwords import redacted, secrets_of
from sqlmigrate.errors import ConnectError, ServerError, SqlmigrateError

from . import connect_errors, pooler_messages
from .connect import open_connection
from .pipeline import Answer, Pipeline, Request

__all__ = ["BEGIN_READ_ONLY", "COMMIT", "ON_PRIMARY", "Answer", "NotSent", "Request", "Session", "connect", "new_run"]

_CANCEL_SECONDS = 1.0
_LEAVE_SECONDS = 1.0
_CANCEL_TRIES = 10
_FIRST_CANCEL_PAUSE = 0.01
_RECONNECT_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.5)
_NEVER = float("inf")
_IDLE_TOO_LONG = "57P05"  # idle_session_timeout
_PIECE = 65536  # characters of a COPY that are sent at once; after each piece its progress may be shown

BEGIN_READ_ONLY = Request("begin read only", quiet=True)
COMMIT = Request("commit", quiet=True)
# How a query begins that pgpool-II is not to send to a standby, which may be behind. It does so with queries of tables
# in read-only transactions, not with those of the catalog.
# https://www.pgpool.net/docs/43/en/html/runtime-config-load-balancing.html
ON_PRIMARY = "/*NO LOAD BALANCE*/ "


def new_run() -> str:
    """Return a new name for a run: twelve digits that no other run has."""
    return os.urandom(6).hex()


class NotSent(psycopg.DataError):
    """The data of a COPY could not be read to their end, so the server was told to refuse them.

    Attributes:
        why: The error of what reads them.
    """

    def __init__(self, why: SqlmigrateError) -> None:
        super().__init__(why.message)
        self.why = why


class Session:
    """A connection in autocommit mode. Requests are sent in turns: one round trip for any number of them.

    Attributes:
        url: The database.
        schema: The schema that files are executed in, as it is; None for that of the connection's own `search_path`.
        run: What the history's log calls the run that this session belongs to.
        connections: How many connections it has had; more than one after the first was lost.
        notices: Severity and message of the server's notices that have not been read yet, the oldest first.
    """

    def __init__(self, url: str, schema: str | None = None, run: str | None = None) -> None:
        self.url = url
        self.schema = schema
        self.run = run or new_run()
        self.notices: list[tuple[str, str]] = []
        self.connections = 0
        self._connect()

    def reconnect(self) -> None:
        """Connect again after the connection was lost; tries for some seconds, because the server may be restarting.

        Raises as `connect`.
        """
        self.close()
        was_standby = self._is_standby
        for pause in _RECONNECT_PAUSES:
            with suppress(ConnectError):
                self._connect()
                if was_standby or not self._is_standby:
                    return
                self.close()  # it may be promoted in a moment
            time.sleep(pause)
        self._connect()

    def _connect(self) -> None:
        self.conn = open_connection(self.url)
        self.connections += 1
        # From PostgreSQL 14 on. Where it has to be known, pg_is_in_recovery() is asked.
        self._is_standby = self.conn.info.parameter_status("in_hot_standby") == "on"
        self.pid = self.conn.info.backend_pid  # the server's process; libpq forgets it when the connection is lost
        self.pipeline = Pipeline(self.conn.pgconn)
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
        said = diagnostic.message_primary or ""
        if diagnostic.severity_nonlocalized == "WARNING" and diagnostic.message_detail:
            said += f": {diagnostic.message_detail}"  # of a COMMIT whose wait was cancelled: it has committed
        self.notices.append((diagnostic.severity or "", said))

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

    def leave(self) -> None:
        """Close the connection, and wait until its process at the server has ended: until then it counts there.

        It waits for a second at most.
        """
        if not self.is_usable:
            self.close()
            return
        with socket.socket(fileno=os.dup(self.conn.pgconn.socket)) as kept:  # which stays open until the server ends it
            kept.settimeout(_LEAVE_SECONDS)
            self.close()
            with suppress(OSError):
                while kept.recv(_PIECE):
                    pass

    def ask(self, *requests: Request) -> list[list[list[str | None]]]:
        """Send requests in one turn and return the rows of each; raises psycopg's error for the first that fails."""
        answers = [answer for answer in self.turn(requests) if answer]
        if answers and (error := answers[-1].error):
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
            if start < index:
                self.pipeline.send(requests[start:index])
                for answer in self.pipeline.answers(tick):
                    yield replace(answer, index=start + answer.index) if answer and start else answer
                    if answer and answer.error:
                        return
            if request is not None:
                for answer in self._copy(request, index, tick):
                    yield answer
                    if answer and answer.error:
                        return
            start = index + 1

    def _copy(self, request: Request, index: int, tick: float | None) -> Iterator[Answer | None]:
        try:
            with self.conn.cursor() as cursor, cursor.copy(request.sql.encode()) as copy:
                yield from self._pieces(copy, request.data or "", tick)
        except psycopg.Error as error:
            yield Answer(index, [], error)
        except SqlmigrateError as error:
            yield Answer(index, [], NotSent(error))
        else:
            yield Answer(index, [])

    def _pieces(self, copy: psycopg.Copy, data: str | Iterable[bytes], tick: float | None) -> Iterator[None]:
        """Send the data of a COPY piece by piece; yields None every `tick` seconds."""
        told = time.monotonic()
        try:
            for piece in _encoded(data) if isinstance(data, str) else data:
                copy.write(piece)
                self.pipeline.note_writing()
                while not self.pipeline.flushed(tick) or time.monotonic() - told >= (tick or _NEVER):
                    yield None
                    told = time.monotonic()
        except (GeneratorExit, KeyboardInterrupt):  # a server that hangs would not take the end of the data
            with suppress(psycopg.errors.CancellationTimeout):
                self.conn.cancel_safe(timeout=_CANCEL_SECONDS)
            raise

    def abort(self) -> None:
        """Cancel what is being executed until the server answers, and roll back an open transaction.

        Raises `psycopg.OperationalError` if the connection is lost or the server does not answer in time.
        """
        tries = 0
        while not self.pipeline.is_empty:
            if tries == _CANCEL_TRIES:
                raise psycopg.OperationalError("the server does not answer, even to a cancel request")
            tries += 1
            with suppress(psycopg.errors.CancellationTimeout):
                self.conn.cancel_safe(timeout=_CANCEL_SECONDS)
            # A request that reaches the server between two statements cancels nothing; what was sent ahead goes on.
            pause = min(_CANCEL_SECONDS, _FIRST_CANCEL_PAUSE * 2**tries)
            if self.pipeline.flushed(_CANCEL_SECONDS):
                self.pipeline.drain(pause)
        if self.conn.info.transaction_status != pq.TransactionStatus.IDLE:
            self.ask(Request("rollback"))


def _encoded(data: str) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE].encode()


@contextmanager
def connect(url: str, schema: str | None = None, *, leaves: bool = False, run: str | None = None) -> Iterator[Session]:
    """Connect to the database that `url` names (or libpq's variables, if it is empty) until the end of the block.

    `schema` is the schema to work in; `history.read.find` sets it for the session. `run` is what the log calls the run
    that the session belongs to; None for a new name. With `leaves`, the end of the block waits until the server counts
    the connection no more.

    Raises `ConfigError` for a URL that libpq does not accept, `ConnectError` if the connection fails or is lost,
    `ServerError` for a server that is too old or refuses a request of ours. No message contains the password.
    """
    session = Session(url, schema, run)
    try:
        yield session
    except psycopg.Error as error:
        raise _refused(error, secrets_of(url), session.last_words) from None
    finally:
        session.leave() if leaves else session.close()


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
    if error.sqlstate == _IDLE_TOO_LONG:
        hint = "idle_session_timeout has ended the session while it waited: raise it for this role"
    return kind(f"{message}: {redacted(reason, secrets)}{code}", detail=detail, hint=hint)

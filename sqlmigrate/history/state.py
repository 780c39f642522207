"""What is read from the history: its rows, and the state of a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmigrate.database.blocker import Blocker
from sqlmigrate.database.server import Server
from sqlmigrate.files.migration import version_number

from .table import History


@dataclass(frozen=True)
class Execution:
    """A row of the history.

    Attributes:
        version: The version, as written in the file name.
        name: The name, as written in the file name.
        status: `executed`, `failed`, `running` or `baseline`.
        checksum: The checksum of the up file that was executed.
        statements: How many statements the up file had.
        statements_done: How many of them are executed.
        unfinished: Set while a statement runs outside of a transaction: its number, and how its object was found
            before (see `executor/resume.py`).
        executed_at: When it was executed, in UTC.
        duration_ms: How long that took, in milliseconds by the server's clock.
        executed_by: The role that executed it.
        error: The message of the last failure.
        logged: The number of its entry in the log, which tells the order of executions; None if it was not read, or if
            the log has no entry of it.
    """

    version: str
    name: str
    status: str
    checksum: str | None = None
    statements: int = 0
    statements_done: int = 0
    unfinished: str | None = None
    executed_at: datetime | None = None
    duration_ms: int | None = None
    executed_by: str = ""
    error: str | None = None
    logged: int | None = None

    @property
    def number(self) -> int:
        """The version as it is compared."""
        return version_number(self.version)

    @property
    def label(self) -> str:
        """Version and name as in the file name."""
        return f"{self.version}_{self.name}"


@dataclass(frozen=True)
class Obstacle:
    """Why the history cannot be written as it is, although this role has the rights.

    Attributes:
        problem: What is wrong with the table, or with its log.
        cure: The SQL that mends it.
    """

    problem: str
    cure: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """What a database is, and what was executed there.

    Attributes:
        server: The server and the session.
        history: Where the history is.
        executions: The rows of the history, in the order of execution.
        is_writable: Whether this role may write the history, or create it where it does not exist.
        may_alter: Whether this role may alter the history table.
        obstacles: What keeps the history from being written, although this role may write it.
        is_pooled: Whether a pooler may give our session to others between transactions.
        is_log_read: Whether the executions have their numbers in the log.
        run: Who holds the run's lock, if that was asked for and someone does.
    """

    server: Server
    history: History
    executions: tuple[Execution, ...] = ()
    is_writable: bool = True
    may_alter: bool = True
    obstacles: tuple[Obstacle, ...] = ()
    is_pooled: bool = False
    is_log_read: bool = False
    run: Blocker | None = None

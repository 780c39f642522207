"""What is read from the history: its rows, and the state of a database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlmigrate.database.blocker import Blocker
from sqlmigrate.database.server import Server
from sqlmigrate.files.naming import version_number

from .surroundings import Surroundings
from .table import History

# Begin the error of a migration that did not fail by itself: the connection was lost, or the run was stopped.
LOST, INTERRUPTED = "the connection was lost", "interrupted"
ADOPTED = ", adopted"  # ends the version of sqlmigrate in rows of what another tool has executed
_UNDOING = re.compile(r"down (\d+) of (\d+)(?:; (.+))?")


@dataclass(frozen=True)
class Undoing:
    """How far a down without a transaction is.

    Attributes:
        done: How many statements of the down are executed.
        total: How many there are.
        mark: How the object of the next statement was found before it began, as in `Execution.unfinished`.
    """

    done: int
    total: int
    mark: str | None = None

    def __str__(self) -> str:
        return f"down {self.done} of {self.total}" + (f"; {self.mark}" if self.mark else "")


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
            before (see `executor/resume.py`). Of an executed migration: how far a down without a transaction is.
        executed_at: When it was executed, in UTC.
        duration_ms: How long that took, in milliseconds by the server's clock.
        executed_by: The role that executed it.
        tool_version: The version of sqlmigrate that recorded it; of an adopted one with `ADOPTED` at its end.
        error: The message of the last failure, of an executed migration that of its down.
        logged: The number of its entry in the log, which tells the order of executions; None if it was not read, or if
            the log has no entry of it.
        written_by: The number of the transaction that has written the row last; empty if the table is distributed.
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
    tool_version: str = ""
    error: str | None = None
    logged: int | None = None
    written_by: str = ""

    @property
    def number(self) -> int:
        """The version as it is compared."""
        return version_number(self.version)

    @property
    def is_adopted(self) -> bool:
        """Whether another tool has executed it, and it was taken over."""
        return self.tool_version.endswith(ADOPTED)

    @property
    def is_cut_short(self) -> bool:
        """Whether the last failure was none of the file: the connection was lost, or the run was interrupted."""
        return self.error is not None and self.error.startswith((LOST, INTERRUPTED))

    @property
    def undoing(self) -> Undoing | None:
        """How far a down without a transaction is; None unless one has begun and has not ended."""
        found = _UNDOING.fullmatch(self.unfinished or "") if self.status == "executed" else None
        return Undoing(int(found[1]), int(found[2]), found[3]) if found else None

    @property
    def is_half_undone(self) -> bool:
        """Whether a down without a transaction has undone a part of it."""
        return self.undoing is not None and bool(self.undoing.done or self.undoing.mark)

    @property
    def is_half_done(self) -> bool:
        """Whether an up without a transaction has executed a part of it, or may have left something behind."""
        return self.status in ("failed", "running") and bool(self.statements_done or self.unfinished)

    @property
    def leaves_something(self) -> bool:
        """Whether the database has this migration or a part of it, as far as the history says."""
        return self.status in ("executed", "baseline", "running") or self.is_half_done

    @property
    def is_begun(self) -> bool:
        """Whether an up or a down without a transaction has begun and has not ended; its run may be dead."""
        return self.status == "running" or (self.undoing is not None and self.error is None)

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
        has_tables: Whether the database has any table that is not one of the server.
        may_alter: Whether this role may alter the history table.
        obstacles: What keeps the history from being written, although this role may write it.
        is_pooled: Whether a pooler may give our session to others between transactions.
        holds_lock: Whether this run has taken its lock; each step then checks that it is still there. A run behind a
            pooler that shares sessions has none, and a review needs none.
        is_log_read: Whether the executions have their numbers in the log.
        run: Who holds the run's lock, if that was asked for and someone does.
        surroundings: What the database holds already, if there is no history yet and that was asked for.
        behind: How far a standby is behind its primary, in a few words; empty if it was not asked for.
        present: Which sorts of object the schema has, of those that not every database has, as far as it is known:
            see `catalog.presence`. None if that was not asked for.
    """

    server: Server
    history: History
    executions: tuple[Execution, ...] = ()
    is_writable: bool = True
    has_tables: bool = True
    may_alter: bool = True
    obstacles: tuple[Obstacle, ...] = ()
    is_pooled: bool = False
    holds_lock: bool = False
    is_log_read: bool = False
    run: Blocker | None = None
    surroundings: Surroundings | None = None
    behind: str = ""
    present: frozenset[str] | None = None

    @property
    def has_something(self) -> bool:
        """Whether anything of the files is in the database, as far as the history says."""
        return any(each.leaves_something for each in self.executions)

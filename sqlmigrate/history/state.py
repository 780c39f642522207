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
    """A row of the history. `executed_at` is in UTC; `duration_ms` in milliseconds by the server's clock.

    `making` is set while a statement runs in no transaction: its number, and how its object was found before.
    """

    version: str
    name: str
    status: str
    checksum: str | None
    statements: int
    statements_done: int
    making: str | None
    executed_at: datetime | None
    duration_ms: int | None
    executed_by: str
    tool_version: str
    error: str | None

    @property
    def number(self) -> int:
        """The version as it is compared."""
        return version_number(self.version)

    @property
    def label(self) -> str:
        """Version and name as in the file name."""
        return f"{self.version}_{self.name}"


@dataclass(frozen=True)
class State:
    """What a database is, and what was executed there, in the order of execution.

    `is_pooled` says that a pooler may give the session to others between transactions. `run` says who holds the run's
    lock, where that was asked for and somebody does.
    """

    server: Server
    history: History
    executions: tuple[Execution, ...] = ()
    is_writable: bool = True
    is_pooled: bool = False
    run: Blocker | None = None

"""Everything that can go wrong, one family with hint and exit code.

::

    SqlmigrateError          1
    ├── ConfigError          2   a setting, a flag, or a folder that cannot be what is meant
    ├── MigrationError       1   a file is malformed
    ├── HistoryError         1   files and history disagree: changed, missing, out of order
    ├── StatementError       1   PostgreSQL refused a statement
    ├── LockError            4   another run holds the lock
    ├── ConnectError         5   the server cannot be reached, or sends us away
    └── ServerError          1   the server is reached, but cannot be used as it is

An error is fields, not a formatted string: `report` draws it, as a screen or as JSON. Whoever catches the family has
caught everything that is not our own bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from .source import Span


class SqlmigrateError(Exception):
    """The family's head.

    `message` says what happened, in one sentence. `span` is the place in a file, where there is one. `detail` holds
    further lines, among them the state the database is in. `hint` is the likely cure. `next_steps` are what to do now,
    as commands to paste where there are any. `others` are errors found together with this one, each drawn as well.
    `state` is the state of the database in a sentence, set by whoever knows what was done before.
    """

    exit_code: ClassVar[int] = 1

    def __init__(  # noqa: PLR0913 - the fields of a report, all but the first by name
        self,
        message: str,
        span: Span | None = None,
        *,
        detail: Sequence[str] = (),
        hint: str | None = None,
        next_steps: Sequence[str] = (),
        others: Sequence[SqlmigrateError] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.detail = tuple(detail)
        self.hint = hint
        self.next_steps = tuple(next_steps)
        self.others = tuple(others)
        self.state: str | None = None

    @property
    def tells_state(self) -> bool:
        """Whether the error says by itself that nothing was done."""
        return any("nothing " in line for line in (self.message, *self.detail))

    def __str__(self) -> str:
        return f"{self.span}: {self.message}" if self.span else self.message


class ConfigError(SqlmigrateError):
    """A setting, a flag, or a folder that cannot be what is meant."""

    exit_code = 2


class MigrationError(SqlmigrateError):
    """A file is malformed."""


class HistoryError(SqlmigrateError):
    """Files and history disagree: changed, missing, out of order."""


class StatementError(SqlmigrateError):
    """PostgreSQL refused a statement.

    `fields` are the server's own, word for word, in the order in which they are shown: detail, hint, context, code …
    """

    def __init__(
        self,
        message: str,
        span: Span | None = None,
        *,
        fields: Sequence[tuple[str, str]] = (),
        sqlstate: str | None = None,
        next_steps: Sequence[str] = (),
    ) -> None:
        super().__init__(message, span, next_steps=next_steps)
        self.fields = tuple(fields)
        self.sqlstate = sqlstate


class LockError(SqlmigrateError):
    """Another run holds the lock."""

    exit_code = 4


class ConnectError(SqlmigrateError):
    """The server cannot be reached, or sends us away."""

    exit_code = 5


class ServerError(SqlmigrateError):
    """The server is reached, but cannot be used as it is."""


def gather(errors: Sequence[SqlmigrateError]) -> SqlmigrateError:
    """Make one error of several: the first, with the rest in its `others`."""
    flat = [part for error in errors for part in (error, *error.others)]
    first = errors[0]
    first.others = tuple(flat[1:])
    for other in flat[1:]:
        other.others = ()
    return first

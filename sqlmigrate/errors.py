"""All errors of the program: one family, with fields and an exit code.

::

    SqlmigrateError          1
    ├── ConfigError          2   a wrong setting, flag or folder
    ├── MigrationError       1   a file is malformed
    ├── HistoryError         1   files and history disagree: changed, missing, out of order
    ├── StatementError       1   PostgreSQL refused a statement
    ├── LockError            4   another run holds the lock
    ├── ConnectError         5   the server cannot be reached, or refuses the connection
    └── ServerError          1   the server was reached, but cannot be used as it is

An error is fields, not a formatted string: `output/report.py` draws it as text or as JSON. Catching `SqlmigrateError`
catches everything except our own bugs.

Code that has to tell errors apart compares `kind`. No code reads the sentences of an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, Final, Self, TypedDict, Unpack

from .source import Span


class Kind(StrEnum):
    """The errors that code tells apart, as short words for programs."""

    SHARED_VERSION = "shared-version"
    """Two migrations have the same version."""
    NO_UP_FILE = "no-up-file"
    """A down file has no up file."""
    FOREIGN_STAMP = "foreign-stamp"
    """A file name has the time stamp of another tool, of which only the first part is read as the version."""
    WRONG_RANGE = "wrong-range"
    """The directive `replaces` of a squashed migration, or its list, does not say which migrations are replaced."""
    REPLACED = "replaced"
    """A migration is in the folder together with the squashed one that replaces it."""
    SQUASHED_TWICE = "squashed-twice"
    """Two squashed migrations replace the same ones."""
    OLDER_FOLDER = "older-folder"
    """The folder has what a squashed migration replaces, and the database has the squashed one."""
    CHANGED_ARCHIVE = "changed-archive"
    """A file of the archive is not the text that was squashed."""
    TRANSACTION_CONTROL = "transaction-control"
    """A file begins or ends a transaction where it may not."""
    OUTSIDE_TRANSACTION = "outside-transaction"
    """A file has a statement that PostgreSQL refuses in a transaction, and is executed in one."""
    BOTH_DIRECTIONS = "both-directions"
    """A file of another tool holds what makes a change together with what undoes it."""
    CHANGED = "changed"
    """A file is not what the database has executed."""
    RENAMED = "renamed"
    """A file has the text that the database has executed, and another name."""
    FAILED_AND_MISSING = "failed-and-missing"
    """A migration has failed, nothing of it is in the database, and its files are gone."""
    OUT_OF_ORDER = "out-of-order"
    """A migration is older than the newest one that the database has executed."""
    CHANGED_BY_HAND = "changed-by-hand"
    """The schema is not what the last run has left; `detail` says what differs, a line each."""
    TRANSACTION_ENDED = "transaction-ended"
    """A file has ended the transaction that it shares with its history row."""


# The usual values of `state`.
NOTHING_EXECUTED = "nothing was executed"
NOTHING_EXECUTED_BY_THIS_RUN = "nothing was executed by this run"
NOTHING_CHANGED = "nothing was changed"
# Before a command: it is to be called there, not for the database of this call.
ON_PRIMARY = "on the primary: "


class _Extra(TypedDict, total=False):
    """The fields that are given by name."""

    kind: Kind | None
    detail: Sequence[str]
    hint: str | None
    state: str | None
    next_steps: Sequence[str]
    others: Sequence[SqlmigrateError]


class _Fields(_Extra, total=False):
    """All fields, as `SqlmigrateError.with_` takes them."""

    message: str
    span: Span | None


class SqlmigrateError(Exception):
    """The base of all our errors. Its fields cannot be assigned; `with_` makes a changed copy.

    Attributes:
        message: What happened, in one sentence.
        span: The place in a file, if there is one.
        kind: A short word by which programs recognise the error, if one has to.
        detail: Further lines.
        hint: The likely cure.
        state: The state of the database, in one sentence; None where whoever raises the error does not know it.
        next_steps: What to do now, as commands to paste where possible.
        others: Errors found together with this one; each is drawn as well.

    """

    exit_code: ClassVar[int] = 1

    def __init__(  # noqa: PLR0913 - the fields of a report, all but the first by name
        self,
        message: str,
        span: Span | None = None,
        *,
        kind: Kind | None = None,
        detail: Sequence[str] = (),
        hint: str | None = None,
        state: str | None = None,
        next_steps: Sequence[str] = (),
        others: Sequence[SqlmigrateError] = (),
    ) -> None:
        super().__init__(message)
        self.message: Final = message
        self.span: Final = span
        self.kind: Final = kind
        self.detail: Final = tuple(detail)
        self.hint: Final = hint
        self.state: Final = state
        self.next_steps: Final = tuple(next_steps)
        self.others: Final = tuple(others)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to assign a field a second time; Python itself sets `__traceback__` and its like."""
        if name in vars(self) and not name.startswith("__"):
            raise AttributeError(f"errors are frozen: make a copy with with_({name}=…)")
        super().__setattr__(name, value)

    def with_(self, **changes: Unpack[_Fields]) -> Self:
        """Return a copy with other values in some fields, as `dataclasses.replace` does."""
        fields = {name: value for name, value in vars(self).items() if not name.startswith("__")}
        return type(self)(**{**fields, **changes})

    def __str__(self) -> str:
        return f"{self.span}: {self.message}" if self.span else self.message


class ConfigError(SqlmigrateError):
    """A setting, a flag or a folder is wrong."""

    exit_code = 2


class MigrationError(SqlmigrateError):
    """A file is malformed."""


class HistoryError(SqlmigrateError):
    """Files and history disagree: changed, missing, out of order."""


class StatementError(SqlmigrateError):
    """PostgreSQL refused a statement.

    Attributes:
        fields: The server's own fields as (name, value), word for word, in the order in which they are shown: detail,
            hint, query, context, code.
        sqlstate: The server's code, five characters; None where the server sent none.
        named: What the error is about as (kind, name), as far as the server says it: schema, table, column, constraint,
            datatype. The names are plain, without quotes.

    """

    def __init__(
        self,
        message: str,
        span: Span | None = None,
        *,
        fields: Sequence[tuple[str, str]] = (),
        sqlstate: str | None = None,
        named: Sequence[tuple[str, str]] = (),
        **others: Unpack[_Extra],
    ) -> None:
        super().__init__(message, span, **others)
        self.fields: Final = tuple(fields)
        self.sqlstate: Final = sqlstate
        self.named: Final = tuple(named)


class LockError(SqlmigrateError):
    """Another run holds the lock."""

    exit_code = 4


class ConnectError(SqlmigrateError):
    """The server cannot be reached, or refuses the connection."""

    exit_code = 5


class ServerError(SqlmigrateError):
    """The server was reached, but cannot be used as it is."""


def gather(errors: Sequence[SqlmigrateError]) -> SqlmigrateError:
    """Make one error of several: the first, with the rest in its `others`."""
    first, *rest = (part.with_(others=()) for error in errors for part in (error, *error.others))
    return first.with_(others=rest)

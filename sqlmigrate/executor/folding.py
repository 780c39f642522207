"""Folds: the rows of executed migrations become the row of the squashed one that replaces them.

One transaction, under the lock of the run. Only the history is written.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import psycopg
from psycopg import errors as pg

from sqlmigrate.database import run_lock
from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.session import COMMIT, Request, Session
from sqlmigrate.errors import ConnectError, MigrationError, ServerError
from sqlmigrate.history import write
from sqlmigrate.history.state import State
from sqlmigrate.history.table import widen_log
from sqlmigrate.plan.squashed import Fold
from sqlmigrate.plan.up import read_script

from . import batch

_SCHEMA_STAYS = "the schema was not touched, and the history has all its rows"


# changed: a row is not as it was read. locked out: another run has the lock by now.
Outcome = Literal["done", "changed", "locked out"]


def fold(session: Session, state: State, fold: Fold, lock_timeout: str, *, dry_run: bool = False) -> Outcome:
    """Fold; in a dry run in the transaction that is open.

    Raises:
        ServerError: PostgreSQL refused it.
        ConnectError: The connection was lost, and it is not known whether the rows are folded: the next `up` looks.
    """
    bound = Request(f"set local lock_timeout to '{lock_timeout}'", quiet=True)
    key = batch.lock_key(state)
    requests = (
        *(() if dry_run else (batch.BEGIN, *batch.as_asked(state), bound)),
        *(() if key is None or dry_run else (run_lock.require(key),)),
        widen_log(state.history),
        write.fold(state.history, fold.migration, _statements(fold), fold.rows, _detail(fold)),
        *(() if dry_run else (COMMIT,)),
    )
    try:
        session.ask(*requests)
    except psycopg.OperationalError as error:
        if not isinstance(error, (pg.LockNotAvailable, pg.DeadlockDetected)):
            raise _lost(fold, error) from None
        session.abort()
        raise _refused(fold, error) from None
    except psycopg.Error as error:
        session.abort()
        if run_lock.is_taken(error):
            return "locked out"
        if write.missing_row(error):
            return "changed"
        raise _refused(fold, error) from None
    return "done"


def _statements(fold: Fold) -> int:
    with suppress(MigrationError):  # nothing of the file is executed, so its faults are not looked at
        return len(read_script(fold.migration.up).statements)
    return 0


def _detail(fold: Fold) -> str:
    return f"folded {fold.what} into this one"


def _refused(fold: Fold, error: psycopg.Error) -> ServerError:
    return ServerError(
        f"the history rows that {fold.migration.label} replaces could not be folded: {reason(error)}",
        state=_SCHEMA_STAYS,
        hint="try again; if it is about rights, as the owner of the history table",
        next_steps=["sqlmigrate up"],
    )


def _lost(fold: Fold, error: psycopg.Error) -> ConnectError:
    return ConnectError(
        f"the connection was lost while the history was folded into {fold.migration.label}: {reason(error)}",
        state="only the history is concerned: either all rows are folded, or none is; the next `up` finds out",
        next_steps=["sqlmigrate up"],
    )

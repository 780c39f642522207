"""What `status`, `verify` and `drift` find out about one target. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmigrate.catalog.drift import summary
from sqlmigrate.catalog.read import forget
from sqlmigrate.errors import ConnectError, HistoryError, SqlmigrateError, gather
from sqlmigrate.files.migration import Folder
from sqlmigrate.operations import drift as drift_operations, status as status_operations
from sqlmigrate.plan.plan import DriftPolicy, Planned
from sqlmigrate.plan.rows import Row

from .advice import for_target
from .target import Target

SETTLED = ("executed", "baseline")
_ATTENTION = ("failed", "changed", "missing", "out of order")


@dataclass(frozen=True)
class Standing:
    """Where a target stands.

    Attributes:
        newest: The label of its newest executed migration; empty if none is executed.
        number: The version of that as a number; -1 if none is executed.
        pending: How many migrations `up` would execute.
        attention: The states that need attention, each with the number of migrations.
        error: Why it is not known; None if it is.
    """

    newest: str = ""
    number: int = -1
    pending: int = 0
    attention: tuple[tuple[str, int], ...] = ()
    error: SqlmigrateError | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the target is up to date, and nothing needs attention."""
        return self.error is None and not self.pending and not self.attention

    @property
    def is_unreachable(self) -> bool:
        """Whether the target could not be reached."""
        return isinstance(self.error, ConnectError)


def status(target: Target, migrations: Folder, table: str) -> tuple[Standing, Planned | None]:
    """Return where a target stands, and what `status` shows of it."""
    try:
        planned = status_operations.status(target.url, migrations, table=table, schema=target.schema, leaves=True)
    except SqlmigrateError as error:
        return Standing(error=for_target(error, target, table)), None
    return standing(planned.plan.rows), planned


def standing(rows: Sequence[Row]) -> Standing:
    """Return where a target with these rows stands."""
    executed = [row for row in rows if row.is_executed]
    counts = ((state, sum(row.state == state for row in rows)) for state in _ATTENTION)
    return Standing(
        executed[-1].executed_label if executed else "",
        executed[-1].number if executed else -1,
        sum(row.is_pending for row in rows),
        tuple((state, count) for state, count in counts if count),
    )


def verify(target: Target, migrations: Folder, table: str) -> SqlmigrateError | None:
    """Return how a target differs from the files; None if it does not."""
    try:
        _, errors = status_operations.verify(target.url, migrations, table=table, schema=target.schema, leaves=True)
    except SqlmigrateError as error:
        return for_target(error, target, table)
    return for_target(gather(errors), target, table) if errors else None


@dataclass(frozen=True)
class Drifted:
    """What was changed by hand in a target.

    Attributes:
        changes: What differs, a line each.
        error: Why it is not known; None if it is.
    """

    changes: tuple[str, ...] = ()
    error: SqlmigrateError | None = None


def drift(target: Target, policy: DriftPolicy, table: str) -> Drifted:
    """Return what was changed by hand since the last run."""
    try:
        compared = drift_operations.drift(target.url, policy, table=table, schema=target.schema, leaves=True).compared
    except SqlmigrateError as error:
        return Drifted(error=error)
    finally:
        forget()
    if compared.problem or compared.drift is None:
        return Drifted(error=compared.problem or HistoryError("there is nothing to compare with"))
    return Drifted(tuple(summary(compared.drift.differences)))

"""Refuses to plan: missing files, a folder older than the database, half-done work, wrong order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlmigrate.errors import NOTHING_EXECUTED, HistoryError

from .rows import Row, missing_after, missing_inside


def refuse_missing(rows: Sequence[Row]) -> None:
    """Raise `HistoryError` where an executed migration inside the folder's range has no file."""
    if missing := missing_inside(rows):
        names = ", ".join(row.label for row in missing)
        raise HistoryError(
            f"{names}: executed on this database, but there is no such file",
            state=NOTHING_EXECUTED,
            hint="bring the file back (git log -- sql/), or let the history forget it",
            next_steps=[f"sqlmigrate repair {row.version}" for row in missing],
        )


def refuse_ahead(rows: Sequence[Row]) -> None:
    """Raise `HistoryError` where the history goes on after the newest file."""
    if missing := missing_after(rows):
        names = ", ".join(row.label for row in missing)
        raise HistoryError(
            f"{names}: executed on this database, after the newest file: this folder is older than the database",
            state=NOTHING_EXECUTED,
            hint="take the folder's newer state (git pull); or let the history forget what is gone for good",
            next_steps=[f"sqlmigrate repair {row.version}" for row in missing],
        )


def refuse_begun_and_missing(rows: Sequence[Row]) -> None:
    """Raise `HistoryError` where the history keeps a failure whose file is gone."""
    if missing := [row for row in rows if row.migration is None and not row.is_executed]:
        names = ", ".join(row.label for row in missing)
        raise HistoryError(
            f"{names}: failed on this database, and there is no such file any more",
            state=NOTHING_EXECUTED,
            hint="bring the file back (git log -- sql/), or let the history forget it",
            next_steps=[f"sqlmigrate repair {row.version}" for row in missing],
        )


def refuse_out_of_order(rows: Sequence[Row], pending: Sequence[Row] | None = None) -> None:
    """Raise `HistoryError` where one of the pending (all, or those given) is older than the newest executed."""
    executed = [row for row in rows if row.is_executed]
    chosen = [row for row in rows if row.is_pending] if pending is None else pending
    late = [row for row in chosen if executed and row.number < executed[-1].number]
    if not late:
        return
    newest = executed[-1].execution
    who = f"executed by {newest.executed_by} on {moment(newest.executed_at)} UTC" if newest else ""
    raise HistoryError(
        f"{', '.join(row.label for row in late)}: out of order, pending below {executed[-1].label}, which was {who}",
        state=NOTHING_EXECUTED,
        hint="give it a number after the newest (both files of the pair), or execute it where it stands",
        next_steps=["sqlmigrate up --out-of-order"],
    )


def moment(time: datetime | None) -> str:
    """Give a time as it is shown, in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if time else "an unknown day"

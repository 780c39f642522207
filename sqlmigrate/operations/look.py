"""The look at the schema before a run. What compares two schemas is loaded only if they differ."""

from __future__ import annotations

import psycopg

from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.session import Session
from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.history.state import State
from sqlmigrate.plan.plan import DriftPolicy

from .snapshot import Expected, read_now

Looked = tuple[tuple[SqlmigrateError, ...], Expected | None]


def look(session: Session, state: State, policy: DriftPolicy, *, may_refuse: bool) -> Looked:
    """Look before a run whether the schema was changed by hand; returns notes, and what was expected instead.

    Raises `HistoryError` if it was and the policy is to refuse, `ConfigError` for an entry of what is ignored that
    begins with no known kind.
    """
    if state.history.snapshots not in ("readable", "writable"):
        return (), None  # the run takes the first snapshot, or says why it cannot
    try:
        now = read_now(session, state)
        if now.is_as_kept(state.server.major) and now.found.snapshot and now.found.snapshot.tie.is_same(now.found.tie):
            return (), None
        from .drift import what_changed  # noqa: PLC0415 - only if something has

        return what_changed(session, state, policy, now, may_refuse=may_refuse)
    except psycopg.Error as error:
        session.abort()
        return (SqlmigrateError(f"not looked for changes by hand: {reason(error)}"),), None

"""The look at the schema before a run. What compares two schemas is loaded only if they differ."""

from __future__ import annotations

import psycopg

from sqlmigrate.database.connect_errors import reason
from sqlmigrate.database.session import Session
from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, HistoryError, SqlmigrateError
from sqlmigrate.history.state import State
from sqlmigrate.plan.plan import DriftPolicy

from .snapshot import Expected, read_now

Looked = tuple[tuple[SqlmigrateError, ...], Expected | None]


def look(session: Session, state: State, policy: DriftPolicy, *, may_refuse: bool) -> Looked:
    """Look before a run whether the schema was changed by hand; returns notes, and what was expected instead.

    Raises `HistoryError` if it was, or if that cannot be known, and the policy is to refuse; `ConfigError` for an entry
    of what is ignored that begins with no known kind.
    """
    must_know = may_refuse and policy.answer == "refuse" and state.has_something
    if state.history.snapshots not in ("readable", "writable"):
        if must_know:
            raise _unknown(state, "no snapshot of the schema is kept")
        return (), None  # the run takes the first snapshot, or says why it cannot
    try:
        now = read_now(session, state)
        if now.is_known(state.server.major):
            return (), None
        if now.found.snapshot is None and not state.has_something:
            return (), None  # there was no run that would have taken one
        from .drift import what_changed  # noqa: PLC0415 - only if something has

        notes, expected, is_known = what_changed(session, state, policy, now, may_refuse=may_refuse)
    except psycopg.Error as error:
        session.abort()
        notes, is_known = (SqlmigrateError(f"not looked for changes by hand: {reason(error)}"),), False
        expected = Expected(None, None, is_unsure=True) if state.has_something else None
    if must_know and not is_known:
        raise _unknown(state, notes[0].message)
    return notes, expected


def _unknown(state: State, why: str) -> HistoryError:
    from .drift import against_files  # noqa: PLC0415 - only for an error

    comparing = against_files(state)
    return HistoryError(
        'the setting drift is "refuse", and it is not known whether the schema was changed by hand',
        detail=[why],
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint=f"{'compare the schema with the files; ' if comparing else ''}"
        "to expect it as it is from now on: --accept; or go on: --drift warn",
        next_steps=[*comparing, "sqlmigrate drift --accept"],
    )

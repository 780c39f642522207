"""Plans, events and errors as JSON values: what `--format json` writes.

Keys are only added, never removed or renamed. Times are ISO 8601 in UTC, durations are milliseconds, lines and columns
count from 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmigrate.database.blocker import Blocker
from sqlmigrate.database.run_lock import GONE
from sqlmigrate.errors import SqlmigrateError, StatementError
from sqlmigrate.history.log import LogEntry
from sqlmigrate.history.surroundings import OtherHistory
from sqlmigrate.plan.first_run import baseline_of, first_run_errors
from sqlmigrate.plan.plan import Planned
from sqlmigrate.plan.rows import Row, count_states, renumbered_file, renumbered_label
from sqlmigrate.plan.squashed import Fold

if TYPE_CHECKING:
    from sqlmigrate.executor import events
    from sqlmigrate.parsing.script import Script


_ATTENTION = ("failed", "changed", "missing", "out of order")
_UNSEEN = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # json.dumps itself escapes what is below U+0020


def line(value: Any) -> str:
    """Return a value as one line of JSON, without characters that act on a terminal."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def iso(time: datetime | None) -> str | None:
    """Return a time in ISO 8601."""
    return time.isoformat() if time else None


def blocker_value(blocker: Blocker | None) -> dict[str, Any] | None:
    """Return another session as a value; None if there is none."""
    return asdict(blocker) | {"since": iso(blocker.since)} if blocker else None


def _row_value(rows: Sequence[Row], row: Row, run: Blocker | None) -> dict[str, Any]:
    """Return a row of `status`; its keys are the same in every state."""
    execution = row.execution
    undoing = execution.undoing if execution and row.is_half_undone else None
    moved = renumbered_file(rows, row)
    renumbered = moved.label if moved else renumbered_label(rows, row) if row.state == "changed" else None
    return {
        "version": row.version,
        "name": row.label.removeprefix(row.version + "_"),
        "state": row.state,
        "file": row.migration.up.path if row.migration else None,
        "checksum": row.migration.checksum if row.migration else execution.checksum if execution else None,
        "executed_at": iso(execution.executed_at) if execution else None,
        "duration_ms": execution.duration_ms if execution else None,
        "executed_by": execution.executed_by if execution else None,
        "error": execution.error if execution else None,
        "statements": execution.statements if execution else None,
        "statements_done": execution.statements_done if execution else None,
        "down_statements": undoing.total if undoing else None,
        "down_statements_done": undoing.done if undoing else None,
        "under_way": run.brief if run and row.is_begun else None,
        "replaces": str(row.migration.replaces) if row.migration and row.migration.replaces else None,
        "executed_as": row.executed_label if row.is_renamed else None,
        "renumbered_to": renumbered,
    }


def status_value(planned: Planned, directory: str) -> dict[str, Any]:
    """Return what `status` shows.

    `states` counts every migration once. The older keys `executed`, `pending`, `failed` … count some of them twice: a
    failed migration is also pending.
    """
    rows, run = planned.plan.rows, planned.state.run
    states = count_states(rows, is_run_under_way=run is not None)
    return {
        "database": planned.state.server.where,
        "standby": planned.state.behind or None,
        "directory": directory,
        "history": planned.state.history.name,
        "migrations": [_row_value(rows, row, run) for row in rows],
        "total": len(rows),
        "executed": sum(row.is_executed for row in rows),
        "pending": sum(row.is_pending for row in rows),
        **{name.replace(" ", "_"): sum(row.state == name for row in rows) for name in _ATTENTION},
        "states": {name.replace(" ", "_"): count for name, count in states.items()},
        "run": blocker_value(run),
        "existing": existing_value(planned),
        "folds": [fold_value(each) for each in planned.plan.folds],
        "opened": [
            {**fold_value(each.fold), "executed": each.executed, "error": each.error and error_value(each.error)}
            for each in planned.plan.opened
        ],
        **notes_value(planned.plan.notes),
    }


def existing_value(planned: Planned) -> dict[str, Any] | None:
    """Return what the database holds already; None if there is a history."""
    found, rows = planned.state.surroundings, planned.plan.rows
    if found is None:
        return None
    return {
        "histories": [_history_value(each, baseline_of(each, rows)) for each in found.histories],
        "tables": list(found.tables),
        "stops_up": bool(first_run_errors(found, rows)),
    }


def _history_value(history: OtherHistory, baseline: Row | None) -> dict[str, Any]:
    return {
        "tool": history.tool,
        "table": f"{history.schema}.{history.name}",
        "versions": list(history.versions) if history.is_readable else None,
        "failed": history.trouble,
        "baseline": baseline.version if baseline else None,
    }


def script_value(script: Script) -> dict[str, Any]:
    """Return the statements of a file."""
    return {
        "file": script.source.path,
        "mode": script.mode,
        "statements": [
            {
                "line": each.line, "column": each.span.column, "end_line": each.span.end_line, "start": each.start,
                "end": each.end, "verb": each.kind.verb, "object": each.object_name, "text": each.text,
                "runs_in_transaction": each.kind.runs_in_transaction, "data": each.data.text if each.data else None,
            }
            for each in script.statements
        ],
    }  # fmt: skip


def log_value(entry: LogEntry) -> dict[str, Any]:
    """Return an entry of the log."""
    return {
        "at": iso(entry.logged_at), "action": entry.action, "version": entry.version, "name": entry.name,
        "duration_ms": entry.duration_ms, "executed_by": entry.executed_by, "host": entry.host, "detail": entry.detail,
        "run": entry.run,
    }  # fmt: skip


def event_value(happened: events.Event, *, dry_run: bool) -> dict[str, Any]:
    """Return one event of a run; the plan and the end of each step say whether it is a dry run."""
    value = _event_value(happened)
    is_marked = value["event"] in ("planned", "finished", "failed", "not_tried", "folded")
    return value | ({"dry_run": dry_run} if is_marked else {})


def _event_value(happened: events.Event) -> dict[str, Any]:  # noqa: C901, PLR0911, PLR0912 - one for each event
    from sqlmigrate.executor import events  # noqa: PLC0415 - only where something is executed

    match happened:
        case Planned():
            return _planned_value(happened)
        case events.Waiting(holder, seconds):
            return {
                "event": "waiting", "holder": str(holder or GONE), "lock_wait_ms": round(seconds * 1000),
                "session": blocker_value(holder),
            }  # fmt: skip
        case events.Noted(notes):
            return {"event": "noted", **notes_value(notes)}
        case events.Began(step):
            return {"event": "began", "migration": step.label, "notes": list(step.notes)}
        case events.StatementOpen(step, number) | events.StatementAlone(step, number):
            name = "executed" if isinstance(happened, events.StatementOpen) else "sent_alone"
            return {"event": name, "migration": step.label, "statement": number}
        case events.StatementDone(step, number, total):
            return {"event": "statement_done", "migration": step.label, "statement": number, "statements": total}
        case events.Noticed(step, severity, message):
            return {"event": "noticed", "migration": step.label, "severity": severity, "message": message}
        case events.Finished(step, statements, duration):
            return {"event": "finished", "migration": step.label, "statements": statements, "duration_ms": duration}
        case events.Progress(step, number, total, duration, activity):
            return {
                "event": "watched", "migration": step.label, "statement": number, "statements": total,
                "duration_ms": duration, "waits_for": activity.waits_for, "progress": activity.progress,
                "blockers": [blocker_value(each) for each in activity.blockers],
            }  # fmt: skip
        case events.Blocked(step, number, tries, most, pause, next_try, message, blockers):
            return {
                "event": "blocked", "migration": step.label, "statement": number, "message": message, "try": tries,
                "tries": most, "pause_ms": round(pause * 1000), "next_try": iso(next_try),
                "blockers": [blocker_value(each) for each in blockers],
            }  # fmt: skip
        case events.Pausing(next_try):
            return {"event": "pausing", "next_try": iso(next_try)}
        case events.Recovered(step, number, message):
            return {"event": "recovered", "migration": step.label, "statement": number, "message": message}
        case events.Folded(fold):
            return {"event": "folded", **fold_value(fold)}
        case events.NotTried(step, reason):
            return {"event": "not_tried", "migration": step.label, "reason": reason}
        case events.Failed():
            return _failed_value(happened)


def _failed_value(event: events.Failed) -> dict[str, Any]:
    return {
        "event": "failed", "migration": event.step.label, "statement": event.number, "statements": event.total,
        "duration_ms": event.duration_ms, "kept": list(event.kept), "gone": [each.label for each in event.gone],
        "now_at": event.now_at,
        "error": error_value(event.error),
    }  # fmt: skip


def _planned_value(planned: Planned) -> dict[str, Any]:
    plan = planned.plan
    return {
        "event": "planned",
        "database": planned.state.server.where,
        "direction": plan.direction,
        "migrations": [step.label for step in plan.steps],
        **({"folds": [fold_value(each) for each in plan.folds]} if plan.folds else {}),
        **notes_value(plan.notes),
    }


def fold_value(fold: Fold) -> dict[str, Any]:
    """Return the migrations whose rows become that of a squashed one."""
    return {"migration": fold.migration.label, "replaces": list(fold.labels)}


def notes_value(notes: Sequence[SqlmigrateError]) -> dict[str, Any]:
    """Return the key `notes` with the notes on a folder; nothing if there are none."""
    return {"notes": [error_value(note) for note in notes]} if notes else {}


def error_value(error: SqlmigrateError) -> dict[str, Any]:
    """Return an error, without the others found together with it."""
    value: dict[str, Any] = {"kind": type(error).__name__, "message": error.message, "exit_code": error.exit_code}
    value |= {"reason": error.kind.value} if error.kind else {}
    if error.span:
        value |= {"file": error.span.source.path, "line": error.span.line, "column": error.span.column}
    fields: dict[str, Any] = {}
    if isinstance(error, StatementError):
        value["sqlstate"], fields = error.sqlstate, dict(error.fields)
    detail = [*([fields.pop("detail")] if "detail" in fields else []), *error.detail]
    value |= {"detail": detail} if detail else {}
    value |= {"state": error.state} if error.state else {}
    return value | {"hint": error.hint, "next": list(error.next_steps)} | fields

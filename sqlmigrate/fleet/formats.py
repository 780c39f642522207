"""What `fleet` writes as JSON: the events of each target, and a summary at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.output import json_values
from sqlmigrate.plan.plan import Planned

from . import standings
from .inspection import Drifted, Standing, Verified
from .results import WITH_ERROR, Ended, FleetEvent, Group, Looked, Queued, Started, Summary
from .target import Target

MOST_SLOWEST = 5


def event_value(target: Target, event: FleetEvent, *, dry_run: bool) -> dict[str, Any]:
    """Return an event of a target."""
    return {"target": target.name, **_event_value(event, dry_run=dry_run)}


def _event_value(event: FleetEvent, *, dry_run: bool) -> dict[str, Any]:
    match event:
        case Looked(look):
            return {
                "event": "looked", "state": look.state.replace(" ", "_"), "migrations": list(look.needs),
                "error": look.error and json_values.error_value(look.error),
            }  # fmt: skip
        case Started():
            return {"event": "started"}
        case Queued(pause, next_try):
            return {"event": "queued", "pause_ms": round(pause * 1000), "next_try": json_values.iso(next_try)}
        case Ended(state, executed, error, migration, duration, kept, not_tried, _):
            return {
                "event": "ended", "state": state.replace(" ", "_"), "executed": list(executed),
                "migration": migration or None, "kept": list(kept),
                "not_tried": [each.step.label for each in not_tried],
                "duration_ms": duration, "error": error and json_values.error_value(error),
            }  # fmt: skip
        case _:
            return json_values.event_value(event, dry_run=dry_run)


def slowest(summary: Summary) -> list[tuple[str, Ended]]:
    """Return the targets whose run took longest, the slowest first."""
    ran = [(name, ended) for name, ended in summary.ended.items() if ended.duration_ms]
    return sorted(ran, key=lambda each: -each[1].duration_ms)[:MOST_SLOWEST]


def summary_value(summary: Summary) -> dict[str, Any]:
    """Return what a run has done, by the names of the targets."""
    states = Counter(summary.state(target) for target in summary.targets)
    return {
        "summary": {
            "targets": len(summary.targets),
            "states": {state.replace(" ", "_"): count for state, count in sorted(states.items())},
            "executed": sum(len(ended.executed) for ended in summary.ended.values()),
            "not_tried": sum(len(ended.not_tried) for ended in summary.ended.values()),
            "failed": list(summary.named(*WITH_ERROR, "interrupted")),
            "left": list(summary.named("left out", "not begun")),
            "groups": [_group_value(each) for each in summary.groups(*WITH_ERROR, "left out")],
            "slowest": [{"target": name, "duration_ms": ended.duration_ms} for name, ended in slowest(summary)],
            "stopped": summary.stopped or None,
            "run": summary.run,
        }
    }


def _group_value(group: Group) -> dict[str, Any]:
    own = {name: json_values.error_value(error) for name, error in group.own}
    return {"error": json_values.error_value(group.error), "targets": list(group.names), "own": own}


def status_value(target: Target, standing: Standing, planned: Planned | None, directory: str) -> dict[str, Any]:
    """Return what `status` says of a target; only the error if it is not known."""
    if planned is None:
        return {"target": target.name, "error": standing.error and json_values.error_value(standing.error)}
    return {"target": target.name, **json_values.status_value(planned, directory)}


def status_summary(
    found: Mapping[str, Standing], notes: Sequence[SqlmigrateError], ask_all: str = ""
) -> dict[str, Any]:
    """Return the number of targets at each version, and which of them need attention, with the reasons."""
    known = [each for each in found.values() if each.error is None]
    groups = (*standings.troubles(found, ask_all), *standings.stops(found))
    return {
        "summary": {
            "targets": len(found),
            "versions": dict(Counter(each.newest for each in sorted(known, key=lambda each: each.number))),
            "settled": sum(each.is_settled for each in known),
            "unreachable": [name for name, each in found.items() if each.is_unreachable],
            "failed": [name for name, each in found.items() if each.error or each.attention],
            "under_way": [name for name, each in found.items() if each.run],
            "groups": [_group_value(each) for each in groups],
            **json_values.notes_value(notes),
        }
    }


def verify_value(
    found: Mapping[str, Verified], groups: Sequence[Group], notes: Sequence[SqlmigrateError]
) -> dict[str, Any]:
    """Return which targets differ from the files, by the difference; and the notes on the files."""
    failed = [name for name, each in found.items() if each.errors]
    return {
        "summary": {
            "targets": len(found),
            "failed": failed,
            "groups": [_group_value(each) for each in groups],
            "existing": [name for name, each in found.items() if each.stops],
            **json_values.notes_value(notes),
        }
    }


def accepted_value(answers: Mapping[str, SqlmigrateError | None]) -> dict[str, Any]:
    """Return of which targets a new snapshot was taken, and why not of the others."""
    failed = {name: json_values.error_value(error) for name, error in answers.items() if error}
    return {"accepted": [name for name, error in answers.items() if error is None], "not_accepted": failed}


def drift_value(found: Mapping[str, Drifted]) -> dict[str, Any]:
    """Return what was changed by hand, by the names of the targets; and which have the same changes."""
    return {
        "summary": {
            "targets": len(found),
            "failed": [name for name, each in found.items() if each.changes or each.error],
            "changed": {name: list(each.changes) for name, each in found.items() if each.changes},
            "unknown": {
                name: json_values.error_value(each.error) for name, each in found.items() if each.error is not None
            },
            "groups": [{"changes": list(changes), "targets": names} for changes, names in standings.together(found)],
        }
    }

"""The events of a run as lines: what it waits for, where it continues, how far it is, how each migration ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap

from sqlmigrate.database.activity import SYNCHRONOUS, Activity
from sqlmigrate.database.blocker import Blocker
from sqlmigrate.database.run_lock import GONE
from sqlmigrate.executor.events import (
    Began,
    Blocked,
    Event,
    Failed,
    Finished,
    Folded,
    Noticed,
    NotTried,
    Pausing,
    Progress,
    Recovered,
    Waiting,
)
from sqlmigrate.plan.plan import Step
from sqlmigrate.times import duration, seconds_until

from .excerpt import Line, fitted, printable

_INDENT = "   "


def progress(event: Event, width: int) -> list[Line]:
    """Return the lines of an event during the run; most statements have none."""
    match event:
        case Waiting():
            return _waiting(event, width)
        case Began(step):
            return [*_resumed(step), *([("", f"note: {step.label}: {note}")] for note in step.notes)]
        case Noticed(_, severity, message):
            return [[("dim", f"{_INDENT}{severity.lower()}: {printable(message)}")]]
        case Recovered(message=message):
            return _prose(message, width)
        case Blocked():
            return _blocked(event, width)
        case _:
            return []


def _waiting(event: Waiting, width: int) -> list[Line]:
    """Say that another run holds the lock: which session, what it does, and how long we wait for it."""
    head: Line = [("yellow", "⏳"), ("", f" another run holds the lock, waiting up to {event.seconds:g} s for it:")]
    return [head, *_session_lines(event.holder.lines if event.holder else [GONE], width)]


def _resumed(step: Step) -> list[Line]:
    if step.script.mode == "transaction" or not (step.done_before or step.mark):
        return []
    number, total = step.done_before + 1, len(step.script.statements)
    where = f"at statement {number} of {total}" if number <= total else "at its end"
    return [[("yellow", "↪️"), ("", f" {step.label} stopped {where} in the last run, and goes on there")]]


def not_tried(event: NotTried, label_width: int) -> Line:
    """Say that a dry run cannot try a step, and why."""
    return [("yellow", "⏸️"), ("", f" {event.step.label:<{label_width}}   not tried: {event.reason}")]


def finished(event: Finished, label_width: int) -> Line:
    """Say that a step is executed: how many statements, how long."""
    mark = "✅" if event.step.direction == "up" else "↩️"
    count = f"{event.statements:,} statement{'s' * (event.statements != 1)}"
    return [("green", mark), ("", f" {event.step.label:<{label_width}}   {count:<16} {event.duration_ms:>7,} ms")]


def folded(event: Folded, label_width: int) -> Line:
    """Say that rows of the history became the row of a squashed migration."""
    said = f"{event.fold.what} are one row of the history now" if len(event.fold.labels) > 1 else event.fold.what
    return [("green", "✅"), ("", f" {event.fold.migration.label:<{label_width}}   folded: {said}")]


def failed(event: Failed, label_width: int) -> Line:
    """Say that a step failed: at which statement, after how long."""
    where = f"statement {event.number} of {event.total}" if event.number else "at its end"
    return [("red", "❌"), ("", f" {event.step.label:<{label_width}}   {where:<16} {event.duration_ms:>7,} ms")]


def total(executed: Sequence[Step], failed: Failed | None, folded: int, *, dry_run: bool) -> Line:
    """Count what a run did."""
    is_down = bool(executed) and executed[0].direction == "down"
    count = len(executed) + (folded if dry_run else 0)
    word = "tried and rolled back" if dry_run else "undone" if is_down else "executed"
    counts = [f"{count} {word}"] if count else []
    counts += [f"{folded} folded"] if folded and not dry_run else []
    counts += ["1 failed"] if failed else []  # a run ends at its first failure
    return [("bold", " · ".join(counts))]


def _blocked(event: Blocked, width: int) -> list[Line]:
    """Say that a step did not get its locks: who blocked it, and when it is tried again."""
    where = f"statement {event.number}" if event.number else "its history row"
    tries = f" (try {event.repetition} of {event.repetitions})" if event.number else ""
    return [
        [("yellow", "⏳"), ("", f" {event.step.label}: {where}: {printable(event.message)}")],
        *(line for blocker in event.blockers for line in _blocker_lines(blocker, width)),
        [("", f"{_INDENT}rolled back, trying again in {event.pause:.1f} s{tries}")],
    ]


def _blocker_lines(blocker: Blocker, width: int) -> list[Line]:
    """Say who blocks a step, what that session does, and how to end it."""
    return _session_lines([f"blocked by {blocker.who}", blocker.doing, *blocker.ending], width)


def _session_lines(lines: Sequence[str], width: int) -> list[Line]:
    """Return the lines about another session: who it is, folded; the rest cut at `width`, except commands."""
    who, *others = lines
    shown = (f"{_INDENT}{line}" if line.endswith(";") else fitted(f"{_INDENT}{line}", width) for line in others)
    return [*_prose(who, width), *([("", line)] for line in shown)]


def under_way(event: Progress, width: int) -> list[Line]:
    """Say what is being executed, for how long, how far it is, and what it waits for."""
    return [[("dim", text) for _, text in line] for line in _prose(f"{event.step.label}: {_seen(event)}", width)]


def live(event: Progress | Pausing, width: int) -> str:
    """Say the same in one line, the most important first; if the name is long, the version stands for it."""
    if isinstance(event, Pausing):
        return fitted(f"{_INDENT}trying again in {math.ceil(seconds_until(event.next_try))} s", width)
    step, activity = event.step, event.activity
    name = step.label if len(step.label) <= width // 4 else step.version
    said = [f"{_INDENT}{name}: {_under_way(event)}"]
    if activity.blockers:
        first = activity.blockers[0]
        said += [f"waits for {first.name}{_more(activity)}"]
        said += [_lock(activity), first.doing]
    elif activity.waits_for:
        said += [_waiting_for(activity)]
    return fitted(", ".join(said), width)


def _seen(event: Progress) -> str:
    said, activity = [_under_way(event)], event.activity
    if activity.blockers:
        first = activity.blockers[0]
        said += [f"waits for {_lock(activity)}: {first.who}{_more(activity)}, {first.doing}"]
    elif activity.waits_for:
        said += [_waiting_for(activity)]
    return ", ".join(said)


def _lock(activity: Activity) -> str:
    return "a lock on a worker" if activity.is_on_workers else activity.waits_for or "a lock"


def _waiting_for(activity: Activity) -> str:
    """Say what a session waits for, where no session is in its way."""
    if activity.waits_for == SYNCHRONOUS:
        return f"its COMMIT waits for a synchronous standby: {activity.standbys}"
    if activity.is_on_workers:
        return "its COMMIT waits for the workers" if activity.is_commit else "executed on the workers"
    return f"waits for {activity.waits_for}"


def _under_way(event: Progress) -> str:
    time = duration(event.duration_ms // 1000)
    if event.activity.is_commit and event.step.script.mode == "transaction":
        return f"{event.total} of {event.total} statements done, {time}"
    said = f"statement {event.number} of {event.total}, {time}"
    return f"{said}, {event.activity.progress}" if event.activity.progress else said


def _more(activity: Activity) -> str:
    others = len(activity.blockers) - 1
    return f" and {others} more" if others else ""


def _prose(text: str, width: int) -> list[Line]:
    lines = wrap(printable(text), width, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False)
    return [[("", line)] for line in lines]

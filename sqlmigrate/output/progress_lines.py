"""What is told while a run is under way: for whom it waits, what it goes on with, how far it is.

Lines of text that fit into the width of the screen; `report` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from sqlmigrate.database.activity import Activity, Blocker
from sqlmigrate.executor.events import Blocked, Recovered, Waiting, Watched
from sqlmigrate.plan.plan import Step

from .excerpt import Line, fitted, printable

_INDENT = "   "
_MINUTE = 60
_IN_SECONDS = 100  # up to here a duration is told in seconds alone


def waiting(event: Waiting, width: int) -> list[Line]:
    """Say that another run holds the lock: who, and how long it is waited for."""
    head: Line = [("yellow", "⏳"), ("", f" another run holds the lock, waiting up to {event.seconds:g} s:")]
    return [head, *_prose(event.holder, width)]


def began(step: Step) -> list[Line]:
    """Say that a step without a transaction has been begun before, and where it stopped."""
    execution = step.execution
    if step.script.mode == "transaction" or step.direction == "down" or execution is None:
        return []
    if not (step.done_before or execution.making):
        return []
    where = f"statement {step.done_before + 1} of {len(step.script.statements)}"
    return [[("yellow", "↪️"), ("", f" {step.label} stopped at {where} last time")]]


def recovered(event: Recovered, width: int) -> list[Line]:
    """Say what an earlier run had left behind, and what is done about it."""
    return _prose(event.message, width)


def blocked(event: Blocked, width: int) -> list[Line]:
    """Say that a step did not get its locks: who stood in the way, and when it is tried again."""
    where = f"statement {event.number}" if event.number else "its history row"
    tries = ": try {} of {}".format(*event.tries) if event.number else ""
    return [
        [("yellow", "⏳"), ("", f" {event.step.label}: {where}: {printable(event.message)}")],
        *(line for blocker in event.blockers for line in _in_the_way(blocker, width)),
        [("", f"{_INDENT}rolled back, again in {event.pause:.1f} s{tries}")],
    ]


def _in_the_way(blocker: Blocker, width: int) -> Iterator[Line]:
    yield from _prose(f"in the way: {blocker.who}", width)
    yield [("", fitted(f"{_INDENT}{blocker.doing}", width))]


def watched(event: Watched, width: int) -> list[Line]:
    """Say what is under way, for how long, how far it is, and for whom it waits."""
    return [[("dim", text) for _, text in line] for line in _prose(f"{event.step.label}: {_seen(event)}", width)]


def live(event: Watched, width: int) -> str:
    """Say the same in one line, what matters most first: where the name is long, the version stands for it."""
    step, sight = event.step, event.sight
    name = step.label if len(step.label) <= width // 4 else step.version
    said = [f"{_INDENT}{name}: {_under_way(event)}"]
    if sight.blockers:
        first = sight.blockers[0]
        said += [f"waits for {first.application or first.user} (process {first.pid}){_more(sight)}"]
        said += [sight.waits_for or "a lock", first.doing]
    elif sight.waits_for:
        said += [f"waits for {sight.waits_for}"]
    return fitted(", ".join(said), width)


def duration(seconds: int) -> str:
    """Give seconds in words: ``95 s``, ``12 min 5 s``."""
    return f"{seconds} s" if seconds < _IN_SECONDS else f"{seconds // _MINUTE} min {seconds % _MINUTE} s"


def _seen(event: Watched) -> str:
    said, sight = [_under_way(event)], event.sight
    if sight.blockers:
        first = sight.blockers[0]
        said += [f"waits for {sight.waits_for or 'a lock'}: {first.who}{_more(sight)}, {first.doing}"]
    elif sight.waits_for:
        said += [f"waits for {sight.waits_for}"]
    return ", ".join(said)


def _under_way(event: Watched) -> str:
    said = f"statement {event.number} of {event.total}, {duration(event.duration_ms // 1000)}"
    return f"{said}, {event.sight.progress}" if event.sight.progress else said


def _more(sight: Activity) -> str:
    others = len(sight.blockers) - 1
    return f" and {others} more" if others else ""


def _prose(text: str, width: int) -> list[Line]:
    lines = wrap(printable(text), width, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False)
    return [[("", line)] for line in lines]

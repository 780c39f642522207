"""Errors as lines: the message, the place in the file, what the server said, what to do; and how a run failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from sqlmigrate.errors import SqlmigrateError, StatementError

from .excerpt import Line, draw, printable
from .wrapping import folded, line_width
from .writer import Stream, terminal_width, width as screen_width

if TYPE_CHECKING:
    from sqlmigrate.executor.events import Failed
    from sqlmigrate.plan.plan import Step

AsCalled = Callable[[str], str]  # turns `sqlmigrate up` into the command as this user has to type it

# the columns where a message, a field, and the words after `what happened` begin
_AFTER_ERROR, _AFTER_NAME, _AFTER_WORDS = 7, 11, 16
_DIFF_MARKS = ("+", "-", " ", "@")  # how lines of a diff begin; they are shown to the letter


def error_lines(
    error: SqlmigrateError, as_called: AsCalled, stream: Stream = "stderr", indent: int = 0
) -> Iterator[Line]:
    """Draw one error, folded to the width of a stream, and an empty line after it; not the others found with it.

    `indent` is the number of cells that the caller puts before each line.
    """
    room = terminal_width(stream)
    room = None if room is None else room - indent
    head: Line = [("bold red", "error"), ("bold", f": {printable(error.message)}")]
    yield from folded(head, room, _AFTER_ERROR)
    if error.span and (error.span.end or error.span.start):
        yield from draw(error.span, screen_width())
    elif error.span:
        yield [("dim", "  ──▶ "), ("bold", error.span.source.path)]
    for name, value in _fields(error):
        yield from _field_lines(name, value, room)
    if not isinstance(error, StatementError):
        for index, step in enumerate(error.next_steps):
            yield [("bold", f"   {'next' if not index else '':<8}"), ("cyan", printable(as_called(step)))]
    yield []


def _fields(error: SqlmigrateError) -> Iterator[tuple[str, str]]:
    yield from (("", line) for line in error.detail)
    if error.state:
        yield "", error.state
    if isinstance(error, StatementError):
        yield from error.fields
    if error.hint:
        yield "hint", error.hint


def _field_lines(name: str, value: str, room: int | None) -> Iterator[Line]:
    if not name:
        style = {"+": "green", "-": "red"}.get(value[:1], "")
        is_diff = value[:1] in _DIFF_MARKS
        yield from folded([(style, f"   {printable(value)}")], None if is_diff else room, 3)
        return
    for index, line in enumerate(value.splitlines() or [""]):
        field: Line = [("bold", f"   {name if not index else '':<8}"), ("", printable(line))]
        yield from folded(field, room if name == "hint" else None, _AFTER_NAME)


def failure_lines(failed: Failed, executed: Sequence[Step], as_called: AsCalled, *, dry_run: bool) -> Iterator[Line]:
    """Say what a failed step has left in the database, and what to do now.

    `executed` are the steps of the run that succeeded before it; `dry_run` says that everything was rolled back.
    """
    happened = what_happened(failed)
    if dry_run:
        happened = ["the dry run was rolled back: the database is unchanged"]
    else:
        happened += _before(failed, [step for step in executed if step not in failed.gone])
    room = terminal_width("stderr")
    for index, line in enumerate(happened):
        yield from folded(_told("what happened", line, index), room, _AFTER_WORDS)
    steps = failed.error.next_steps or (f"fix the file, then: sqlmigrate {failed.step.direction}",)
    for index, step in enumerate(steps):
        yield from _what_now(_told("what now", as_called(step), index), room)


def _before(failed: Failed, executed: Sequence[Step]) -> Iterator[str]:
    """Say what became of the steps before the one that failed."""
    is_up = failed.step.direction == "up"
    if failed.gone:
        labels = ", ".join(step.label for step in failed.gone)
        was, is_ = ("was", "is") if len(failed.gone) == 1 else ("were", "are")
        said = f"{was} executed and {is_} not there any more" if is_up else f"{was} undone and {is_} there again"
        place = f" at {failed.now_at}" if failed.now_at else ""
        yield f"{labels} {said}: another server answers now{place}, which did not get that"
    elif failed.now_at:
        yield f"another server answers now: {failed.now_at}"
    if executed:
        yield f"{executed[-1].label} before it {'stays executed' if is_up else 'is undone'}"


def _told(name: str, words: str, index: int) -> Line:
    return [("bold", f"{'' if index else name:<{_AFTER_WORDS}}"), ("", words)]


def _what_now(line: Line, room: int | None) -> list[Line]:
    """Fold before the command, which is to be pasted and stays in one piece."""
    head, (style, words) = line
    before, colon, command = words.partition(": ")
    if room is None or not colon or line_width(line) <= room:
        return [line]
    return [*folded([head, (style, before + ":")], room, _AFTER_WORDS), [("", " " * _AFTER_WORDS), (style, command)]]


def what_happened(failed: Failed) -> list[str]:
    """Say, sentence by sentence, what a failed step has left in the database."""
    step = failed.step
    if step.script.mode == "statements":
        stopped = f"{step.label} runs without a transaction; it stopped at statement {failed.number} of {failed.total}"
        return [stopped, *(failed.kept or _nothing(failed))]
    if failed.kept:
        return [*failed.kept]
    if step.direction == "down":
        return [f"the down file of {step.label} was rolled back: the migration stays executed"]
    return [f"{step.label} was rolled back: nothing of it is in the database"]


def _nothing(failed: Failed) -> list[str]:
    """Say that a file without a transaction has changed nothing, if that is certain."""
    if failed.number != 1:
        return []
    kind = failed.step.script.statements[0].kind
    if not kind.runs_in_transaction and kind.catalog_effect is None:
        return []
    if failed.step.direction == "down":
        return ["nothing of it is undone: the migration stays executed"]
    return ["nothing of it is in the database"]

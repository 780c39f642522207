"""Migrations that stopped in the middle, without a transaction: whether they can go on, and the errors if they cannot.

What is executed already must never be executed again, whatever has happened to the files since: the directive was
removed, the file was renumbered, deleted or edited, or another file has its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, HistoryError, MigrationError
from sqlmigrate.files.migration import Migration
from sqlmigrate.history.state import Execution
from sqlmigrate.history.texts import NOTHING, Recorded
from sqlmigrate.source import Source
from sqlmigrate.spelling import plural

from .checks import ways_back
from .plan import Direction
from .rows import Row, moves
from .up import read_script

if TYPE_CHECKING:
    from sqlmigrate.parsing.script import Script
    from sqlmigrate.parsing.statement import Statement

_DIRECTIVE = "-- sqlmigrate: no-transaction"
OR_FORGET = "or undo by hand what is executed, and let the history forget it"
OR_COUNT = "or bring back by hand what is undone, and let the history count it as executed"


def half_done_rows(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of which an up without a transaction has stopped in the middle."""
    return [row for row in rows if row.execution and row.execution.is_half_done]


def half_undone_error(rows: Iterable[Row]) -> HistoryError | None:
    """Return the error that names the migrations of which a down has stopped in the middle; None if there is none.

    `up` must not go on there: what is half undone may be needed by what it would execute.
    """
    stopped = [row for row in rows if row.is_half_undone]
    if not stopped:
        return None
    return HistoryError(
        "; ".join(f"the down of {row.label} stopped {_where(row.execution)}" for row in stopped),
        detail=["it is undone in part, and it is not pending"],
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint=f"go on with the down; {OR_COUNT}",
        next_steps=["sqlmigrate down", *(f"or: sqlmigrate repair {row.version}" for row in stopped)],
    )


def _where(execution: Execution | None) -> str:
    undoing = execution.undoing if execution else None
    done, total = (undoing.done, undoing.total) if undoing else (0, 0)
    return f"after statement {done} of {total}" if done else f"in statement 1 of {total}"


def resume_errors(rows: Sequence[Row], recorded: Mapping[str, Recorded]) -> list[HistoryError]:
    """Return an error for each half done migration that cannot go on with its file as it is now.

    `recorded` holds the texts of each version, as the history has recorded them.
    """
    errors = []
    for row in half_done_rows(rows):
        text = recorded.get(row.execution.version, NOTHING).statements if row.execution else ""
        if row.execution and (error := _resume_error(rows, row, row.execution, text)):
            errors.append(error)
    return errors


def _resume_error(rows: Sequence[Row], row: Row, execution: Execution, text: str) -> HistoryError | None:
    before = recorded_statements(execution.label, text)
    if row.migration is None:
        return _missing(rows, row, execution, before)
    if not execution.statements_done:
        return None  # what statement 1 has left behind is looked for before the file is executed
    script = read_script(row.migration.up)
    number = first_difference(before, script.statements, execution.statements_done)
    if number and execution.name != row.migration.name:
        return _another(rows, row, row.migration, execution, before)
    stopped = Stopped(row.label, row.version, "up", execution.statements_done, script)
    if number:
        return changed_beginning(stopped, number)
    return in_transaction(stopped) if script.mode == "transaction" else session_error(stopped)


def begun_statements(rows: Iterable[Row], recorded: Mapping[str, Recorded]) -> dict[str, tuple[Statement, ...]]:
    """Return the recorded statements of the half done rows, by the version in the history; `recorded` as above."""
    executions = [row.execution for row in half_done_rows(rows) if row.execution]
    return {
        each.version: recorded_statements(each.label, recorded.get(each.version, NOTHING).statements)
        for each in executions
    }


def recorded_statements(label: str, text: str) -> tuple[Statement, ...]:
    """Return the statements of a text that the history has recorded for `label`."""
    from sqlmigrate.parsing.splitter import split  # noqa: PLC0415 - loads the lexer, which looking does without

    return tuple(split(Source(f"history of {label}", text)))


def first_difference(before: Sequence[Statement], now: Sequence[Statement], done: int) -> int:
    """Return the number of the first of the `done` statements that has changed since; 0 if none has.

    Line ends, white space and comments in a statement make no difference.
    """
    from sqlmigrate.files.compare import is_same_statement  # noqa: PLC0415 - only where a run goes on

    pairs = zip_longest(before[:done], now[:done])
    differing = (n for n, (one, other) in enumerate(pairs, 1) if not (one and other and is_same_statement(one, other)))
    return next(differing, 0) or (len(before) + 1 if len(before) < done else 0)


@dataclass(frozen=True)
class Stopped:
    """A file of which an earlier run has executed the beginning.

    Attributes:
        label: Version and name of the migration.
        version: Its version.
        direction: The direction of the file.
        done: How many statements are executed.
        script: The file as it is now.
    """

    label: str
    version: str
    direction: Direction
    done: int
    script: Script

    @property
    def by_hand(self) -> str:
        """The way out that does not go on with the file."""
        return OR_FORGET if self.direction == "up" else OR_COUNT


def changed_beginning(stopped: Stopped, number: int) -> HistoryError:
    """Make the error for statement `number`, which was executed, and has another text now or is gone."""
    statements = stopped.script.statements
    return HistoryError(
        f"{stopped.label}: statement {number} was executed already, and its text has changed since",
        statements[number - 1].span if number <= len(statements) else stopped.script.source.span(0, 0),
        detail=[
            f"{_executed(stopped.done)}; it continues only if {'it is' if stopped.done == 1 else 'they are'} unchanged"
        ],
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint="put the text of that statement back; the statements after the failed one may be changed; "
        f"{stopped.by_hand}",
        next_steps=[
            f"sqlmigrate log {stopped.version} --sql {stopped.direction}",
            f"or: sqlmigrate repair {stopped.version}",
        ],
    )


def in_transaction(stopped: Stopped) -> HistoryError:
    """Make the error for a file of which a part is executed, and which would run in a transaction now, as a whole."""
    done, total = stopped.done, len(stopped.script.statements)
    file = "the file" if stopped.direction == "up" else "the down file"
    return HistoryError(
        f"{stopped.label}: {_statements(done)} of {total} {_are(done)} executed already and {_stay(done)}; "
        f"{file} runs in a transaction now, which would execute {'it' if done == 1 else 'them'} again",
        stopped.script.source.span(0, 0),
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint=f"put the directive back ({_DIRECTIVE}), and it goes on at statement {done + 1}; {stopped.by_hand}",
        next_steps=[f"sqlmigrate {stopped.direction}", f"or: sqlmigrate repair {stopped.version}"],
    )


def session_error(stopped: Stopped) -> HistoryError | None:
    """Return the error for what ended with the session of the earlier run and cannot be made again by us."""
    from sqlmigrate.parsing.session_objects import missing  # noqa: PLC0415 - only where a run goes on

    statements, done = stopped.script.statements, stopped.done
    for lost, user in missing(statements[:done], statements[done:]):
        number = statements.index(lost.maker) + 1
        return HistoryError(
            f"{stopped.label}: statement {number} made {lost.what}, which ended with the session of that run",
            user.span if user else lost.maker.span,
            detail=[
                f"{_executed(done)} and not sent again; "
                + (
                    f"statement {statements.index(user) + 1} needs it"
                    if user
                    else "the statements after it may need it"
                )
            ],
            state=NOTHING_EXECUTED_BY_THIS_RUN,
            hint=f"write what makes it again directly below statement {done} (line {statements[done - 1].line}), "
            f"and it goes on there; {stopped.by_hand}",
            next_steps=[f"sqlmigrate repair {stopped.version}"],
        )
    return None


def _missing(rows: Sequence[Row], row: Row, execution: Execution, before: Sequence[Statement]) -> HistoryError:
    now = _elsewhere(rows, row, execution, before)
    which = f", which is {now.label} now" if now else ""
    if now:
        back = f"rename the files back to {execution.label}, and it goes on {_at(execution)}"
    else:
        back = f"restore the file, and it goes on {_at(execution)}"
    return HistoryError(
        f"{_done_of(execution)}, and its file is missing{which}",
        now.up.span(0, 0) if now else None,
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint=f"{back}; {OR_FORGET}",
        next_steps=[
            *(moves(now, execution) if now else ways_back(rows, execution.label, execution.version)),
            f"or: sqlmigrate repair {row.version}",
        ],
    )


def _another(
    rows: Sequence[Row], row: Row, migration: Migration, execution: Execution, before: Sequence[Statement]
) -> HistoryError:
    now = _elsewhere(rows, row, execution, before)
    which = f", which is {now.label} now" if now else ""
    return HistoryError(
        f"{row.label}: another migration began with this number, {execution.label}{which}",
        migration.up.span(0, 0),
        detail=[_done_of(execution)],
        state=NOTHING_EXECUTED_BY_THIS_RUN,
        hint=f"rename the files of {row.label} to a free version, and give {execution.label} its number back, so that "
        f"it goes on {_at(execution)}; {OR_FORGET}",
        next_steps=["sqlmigrate up", f"or: sqlmigrate repair {row.version}"],
    )


def _elsewhere(rows: Sequence[Row], row: Row, begun: Execution, before: Sequence[Statement]) -> Migration | None:
    """Find the pending file that holds what has begun, under another number; None if no file does."""
    for each in rows:
        migration = each.migration
        if migration is None or each is row or each.execution:
            continue
        if migration.name == begun.name or migration.checksum == begun.checksum:
            return migration
        if begun.statements_done and _begins_with(migration, before, begun.statements_done):
            return migration
    return None


def _begins_with(migration: Migration, before: Sequence[Statement], done: int) -> bool:
    try:
        return not first_difference(before, read_script(migration.up).statements, done)
    except MigrationError:
        return False


def _done_of(execution: Execution) -> str:
    done, total = execution.statements_done, execution.statements
    if not done:
        return f"it is not known what statement 1 of {total} of {execution.label} has left behind"
    return f"{done} of {plural(total, 'statement')} of {execution.label} {_are(done)} executed"


def _at(execution: Execution) -> str:
    return f"at statement {min(execution.statements_done + 1, max(execution.statements, 1))}"


def _statements(done: int) -> str:
    return "statement 1" if done == 1 else f"statements 1 to {done}"


def _executed(done: int) -> str:
    return f"{_statements(done)} {_are(done)} executed"


def _are(done: int) -> str:
    return "is" if done == 1 else "are"


def _stay(done: int) -> str:
    return "stays" if done == 1 else "stay"


def said_of_rows(rows: Iterable[Row]) -> Iterator[str]:
    """Say of each half done row what stays in the database if the history forgets it."""
    for row in half_done_rows(rows):
        if row.execution:
            yield _done_of(row.execution)

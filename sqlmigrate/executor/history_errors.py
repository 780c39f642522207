"""Errors of a file that spoils its own history row: deletes it, changes it, or ends the transaction it belongs to."""

from __future__ import annotations

from sqlmigrate.errors import Kind, StatementError
from sqlmigrate.history.table import History
from sqlmigrate.history.write import MissingRow, missing_row
from sqlmigrate.plan.plan import Step
from sqlmigrate.source import Span

from .statement_errors import find_name, unplaced
from .step_run import Refusal

_UNDEFINED_TABLE = "42P01"
_READ_ONLY = "25006"  # read_only_sql_transaction
_LEAVE_ALONE = "take that statement out: sqlmigrate writes its history itself"
_MOVE = (
    "leave it where it is, and out of loops over all tables; a project that was not executed anywhere yet "
    "can keep it in a schema of its own: --table history.migrations"
)
_KEEP_OUT = "leave both tables of the history out of loops over all tables: {table} and {table}_log"
_OF_THE_TABLE = ("22", "23", "42", "44", "P0")  # how the codes of errors begin that the definition of a table causes
_NO_CONTROL = "take out what commits or rolls back, or let each statement run by itself: -- sqlmigrate: no-transaction"


def of_history_row(refusal: Refusal, step: Step, history: History, transaction: str = "") -> StatementError | None:
    """Make the error if a request of ours did not find the history row of `step`; None for any other failure.

    `transaction` is the number of the transaction that the step began in, empty for a step without a transaction.
    """
    if refusal.part.role not in ("begin", "note", "complete"):
        return None
    if refusal.error.sqlstate == _UNDEFINED_TABLE:
        message = f"{step.label}: something in the file drops or moves the history {history.name}"
        return StatementError(message, _place(step, history), hint=_MOVE)
    missing = missing_row(refusal.error)
    if missing is None:
        return _of_changed_table(refusal, step, history)
    if refusal.part.role == "begin":
        did = "executed" if step.direction == "up" else "rolled back"
        message = f"{step.label}: another run has {did} it in the meantime"
        return StatementError(message, step.script.source.span(0, 0))
    if transaction and missing.transaction != transaction:
        message = f"{step.label}: something in the file ended the transaction, which its history row belongs to"
        return StatementError(message, step.script.source.span(0, 0), kind=Kind.TRANSACTION_ENDED, hint=_NO_CONTROL)
    return _of_missing_row(missing, step, history)


def _of_changed_table(refusal: Refusal, step: Step, history: History) -> StatementError | None:
    """Make the error if our tables refuse the row: a column, a constraint or a trigger was added to them.

    So does a transaction that the file makes read-only: that cannot be undone.
    """
    if refusal.error.sqlstate == _READ_ONLY:
        made = "something in the file makes its transaction read-only"
        message = f"{step.label}: {made}, and the history row cannot be written"
        return StatementError(message, _last_place("transaction_read_only", step), hint="take that statement out")
    if not (refusal.error.sqlstate or "").startswith(_OF_THE_TABLE):
        return None
    error = unplaced(refusal.error, _place(step, history))
    is_of_log = refusal.error.diag.table_name == f"{history.table}_log"
    refuses = f"the log {history.log_name} did" if is_of_log else f"the history {history.name} did"
    message = f"{step.label}: {refuses} not take its entry: {error.message}"
    fields = [each for each in error.fields if each[0] != "detail"]  # it shows the row, with the text of the file
    hint = _KEEP_OUT.format(table=history.table)
    return StatementError(message, error.span, fields=fields, sqlstate=error.sqlstate, hint=hint)


def _of_missing_row(missing: MissingRow, step: Step, history: History) -> StatementError:
    if missing.why == "not logged":
        message = f"{step.label}: the log {history.log_name} did not take its entry"
        hint = f"look for a trigger, a rule or a policy on it: psql: \\d {history.quoted_log}"
        return StatementError(message, step.script.source.span(0, 0), hint=hint)
    does = "deletes" if missing.why == "gone" else "changes"
    message = f"{step.label}: something in the file {does} its row in the history {history.name}"
    return StatementError(message, _place(step, history), hint=_LEAVE_ALONE)


def _place(step: Step, history: History) -> Span:
    """Give the last place in the file that names the history table; the whole file if none does."""
    return _last_place(history.table, step)


def _last_place(name: str, step: Step) -> Span:
    places = (find_name(name, statement) for statement in reversed(step.script.statements))
    return next(filter(None, places), step.script.source.span(0, 0))

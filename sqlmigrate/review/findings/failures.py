"""Findings of statements that fail on the shadow server, or do nothing there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.errors import Kind, MigrationError, StatementError
from sqlmigrate.identifiers import plain
from sqlmigrate.review.measure.facts import FileRun, RowFailure, StatementFacts
from sqlmigrate.review.measure.made_up_rows import may_come_from_rows, may_need_rows
from sqlmigrate.review.rules import failures
from sqlmigrate.review.rules.rule import Finding, Rule

from .subject import MeasuredStatement, Subject

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_IN_TRANSACTION = "25001"
_NO_TRANSACTION = (_IN_TRANSACTION, "2D000", "25P01")
_PRIVILEGE = "42501"
_BAD_PARAMETER = "22023"
_UNKNOWN = ("42601", "42704", "42883", _BAD_PARAMETER)
_UNSAFE_ENUM = "55P04"
_NOT_SUPPORTED = "0A000"
_NO_EXTENSION = ("58P01", _NOT_SUPPORTED, "42704")
_NOT_NULL = "23502"

# Syntax that an older server does not know, and the major version that does.
_NEWER = (
    (18, re.compile(r"\bVIRTUAL\b|\bNOT ENFORCED\b|\bWITHOUT OVERLAPS\b|\bNOT NULL \w+ NOT VALID\b|\bUUIDV[47]\b"
                    r"|\bADD CONSTRAINT \S+ NOT NULL \w")),
    (17, re.compile(r"\bJSON_TABLE\b|\bWHEN NOT MATCHED BY SOURCE\b|\bSET EXPRESSION\b|\bGRANT MAINTAIN\b")),
    (16, re.compile(r"\bANY_VALUE\b|\bIS JSON\b|\bWITH (?:INHERIT|SET) (?:TRUE|FALSE|OPTION)\b")),
    (15, re.compile(r"\bNULLS NOT DISTINCT\b|^MERGE\b|\bSECURITY_INVOKER\b|\bON DELETE SET (?:NULL|DEFAULT) ?\("
                    r"|^CREATE PUBLICATION .*(?:\bWHERE\b|\bTABLES IN SCHEMA\b)|\bUNLOGGED SEQUENCE\b")),
    (14, re.compile(r"\bDETACH PARTITION\b.*\bCONCURRENTLY\b|\bCOMPRESSION\b|\bOR REPLACE TRIGGER\b|\bMULTIRANGE"
                    r"|^REINDEX ?\(.*\bTABLESPACE\b|\bBEGIN ATOMIC\b|\w+MULTIRANGE\b|\bPG_(?:READ|WRITE)_ALL_DATA\b")),
)  # fmt: skip


_RAISED = re.compile(r"(?:PL/pgSQL|SQL) (function (?!inline_code_block).+?(?: line \d+| statement \d+))")

# A setting of the application's own has a dot in its name. https://www.postgresql.org/docs/current/runtime-config-custom.html
_NO_SETTING = re.compile(r'unrecognized configuration parameter "[^".]+\.[^"]+"')
_SETTING_ELSEWHERE = (
    "production may have it, by ALTER DATABASE, ALTER ROLE or the options of the connection; set it in a migration, "
    "or name a server that has it: --shadow-url"
)

ASK_PRODUCTION = "ask production whether it has such rows:"
_NEEDS_ROWS = "it may need rows that only production has: give the review some of them with --seed"

# What to do now, in addition to the rule's text.
_ADVICE = {
    failures.FAILS_ON_DATA.name: _NEEDS_ROWS,
    failures.MISSING_EXTENSION.name: "name a server that has it: --shadow-url",
    failures.MISSING_ROLE.name: "create the role in a migration, or name a server that has it: --shadow-url",
    failures.NEEDS_MORE_RIGHTS.name: (
        "if you trust the new migrations, execute them as a superuser of the shadow server: --trusted"
    ),
}
_RULES_OF_KINDS: dict[Kind | None, Rule] = {
    Kind.TRANSACTION_CONTROL: failures.TRANSACTION_CONTROL_IN_FILE,
    Kind.OUTSIDE_TRANSACTION: failures.NOT_IN_TRANSACTION,
}


def find(subject: Subject) -> Iterator[Finding]:
    """Return the findings of an up file that failed, and of statements that did nothing."""
    run = subject.trip.up
    if run.error:
        yield finding_of_error(run, run.error, subject.major)
    yield from find_on_rows(subject, run)
    yield from find_lacked_rights(subject, run)
    for skipped in subject.trip.skipped:
        statement = subject.up.statements[skipped.number - 1]
        message = f"{skipped.difference}: the statement does nothing"
        yield subject.finding(failures.NO_EFFECT, statement.source.span(statement.start), message)


def find_on_rows(subject: Subject, run: FileRun) -> Iterator[Finding]:
    """Return the findings of statements that failed on generated rows, and were executed again without them."""
    for failure in subject.trip.row_failures:
        if failure.direction != run.direction:
            continue
        error = failure.error
        span = error.span or run.script.source.span(0, 0)
        if failure.is_certain:
            rule = failures.ADD_COLUMN_NOT_NULL_NO_DEFAULT
            yield Finding(rule, rule.severity, error.message, span, span.source.path)
            continue
        rule = failures.FAILS_ON_DATA
        rows = "on generated rows" if failure.tables else "without production's rows"
        message = f"it fails {rows}: {error.message}{_raised_in(error)}"
        about = failure.tables[0] if failure.tables else ""
        yield Finding(
            rule, rule.severity, message, span, span.source.path,
            what_now=_ask(failure), has_example=False, about=about,
        )  # fmt: skip


def find_lacked_rights(subject: Subject, run: FileRun) -> Iterator[Finding]:
    """Return the findings of statements that a file executes as a role which has no right to execute them.

    If the up file was executed without this role, its objects do not belong to it, which is not the down file's fault.
    """
    directions = [each.direction for each in subject.trip.lacked_rights]
    for lacked in subject.trip.lacked_rights:
        if lacked.direction == run.direction == directions[0]:
            span = lacked.error.span or run.script.source.span(0, 0)
            message = f"the file sets the role `{lacked.role}`, which lacks a right: {lacked.error.message}"
            yield Finding(
                failures.NEEDS_MORE_RIGHTS,
                "warning",
                message,
                span,
                span.source.path,
                what_now="grant it, or find out whether production has. The file was executed again without SET ROLE",
                about=lacked.role,
            )


def _ask(failure: RowFailure) -> str:
    """Say how to find out whether production has rows on which a statement fails."""
    if not failure.tables:
        return f"{_NEEDS_ROWS}. The rest of the file was executed without this statement"
    if failure.query.startswith("select count(") and "count(*)" not in failure.query:
        return f"ask production: this query fails too if there are such rows:\n{failure.query}"
    if failure.query:
        return f"{ASK_PRODUCTION}\n{failure.query}"
    return "the rows are generated: find out whether production has rows on which it fails"


def _raised_in(error: StatementError) -> str:
    raised = _RAISED.search(dict(error.fields).get("context", ""))
    return f" (raised in {raised[1]})" if raised else ""


def _message(error: StatementError) -> str:
    detail = "; ".join(value for name, value in error.fields if name == "detail")
    return error.message + (f" ({detail})" if detail else "")


def finding_of_error(run: FileRun, error: StatementError, major: int) -> Finding:
    """Make the finding of a statement that failed on a server of this major version."""
    failed = _failed_statement(run)
    rule = failures.HANGS if run.is_stopped else _rule(error, failed, major)
    message = _message(error)
    if run.is_stopped:
        message = "the statement was stopped by the review's timeout"
    span = error.span or run.script.source.span(0, 0)
    advice = _ADVICE.get(rule.name, "")
    if rule is failures.NEEDS_MORE_RIGHTS and failed and failed.statement.kind.verb == "CREATE EXTENSION":
        name = plain(failed.statement.object_name or "NAME")
        advice = f"let the server's administrator create it first: --extension {name}"
    if error.sqlstate == _IN_TRANSACTION:
        advice = error.hint or ""
    if rule is failures.STATEMENT_FAILS and may_come_from_rows(error):
        advice = "it fails without generated rows too"
    severity = rule.severity
    if rule is failures.STATEMENT_FAILS and _NO_SETTING.search(error.message):
        severity, advice = "warning", _SETTING_ELSEWHERE
    path = span.source.path
    return Finding(rule, severity, message, span, path, what_now=advice, has_example=rule is not failures.FAILS_ON_DATA)


def _failed_statement(run: FileRun) -> MeasuredStatement | None:
    if not run.failed_at:
        return None
    return MeasuredStatement(run.script.statements[run.failed_at - 1], StatementFacts(run.failed_at))


def _rule(error: StatementError, failed: MeasuredStatement | None, major: int) -> Rule:  # noqa: PLR0911 - a rule for each code
    state = error.sqlstate or ""
    is_closed = "foreign-data wrapper" in error.message and "has no handler" in error.message  # by the review
    if is_closed or (state == _PRIVILEGE and "row-level security" not in error.message):
        return failures.NEEDS_MORE_RIGHTS
    if state in _NO_TRANSACTION:
        return failures.NOT_IN_TRANSACTION
    if state == _UNSAFE_ENUM:
        return failures.ENUM_VALUE_USED_IN_SAME_TRANSACTION
    if state == _NOT_SUPPORTED and failed and failed.says("CONCURRENTLY") and "partitioned" in error.message:
        return failures.CONCURRENTLY_ON_PARTITIONED
    if state in _NO_EXTENSION and "extension" in error.message:
        return failures.MISSING_EXTENSION
    if re.match(r'role ".+" does not exist', error.message):
        return failures.MISSING_ROLE
    if state in _UNKNOWN and failed and _known_from(failed.text) > major:
        return failures.NEEDS_NEWER_SERVER
    if state == _NOT_NULL and failed and failed.says("ADD COLUMN", " ADD "):
        return failures.ADD_COLUMN_NOT_NULL_NO_DEFAULT
    return failures.FAILS_ON_DATA if may_need_rows(error, failed.text if failed else "") else failures.STATEMENT_FAILS


def _known_from(text: str) -> int:
    """Return the major version that knows the syntax of a statement; 0 for syntax that all versions know."""
    return next((major for major, words in _NEWER if words.search(text)), 0)


def findings_of_file(error: MigrationError) -> Iterator[Finding]:
    """Make the findings of a file that cannot be executed at all."""
    for each in (error, *error.others):
        rule = _RULES_OF_KINDS.get(each.kind, failures.STATEMENT_FAILS)
        path = each.span.source.path if each.span else ""
        yield Finding(rule, rule.severity, each.message, each.span, path, what_now=each.hint or "")

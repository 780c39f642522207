"""Findings of what fails on the shadow, or does nothing there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.errors import Kind, MigrationError, StatementError
from sqlmigrate.review.measure.facts import FileRun, StatementFacts
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Finding

from .subject import MeasuredStatement, Subject

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_NO_TRANSACTION = ("25001", "2D000", "25P01")
_PRIVILEGE = "42501"
_BAD_PARAMETER = "22023"
_UNKNOWN = ("42601", "42704", "42883", _BAD_PARAMETER)
_UNSAFE_ENUM = "55P04"
_NO_EXTENSION = ("58P01", "0A000", "42704")
_NOT_NULL = "23502"

# What the server may not know, and the major version that does.
_NEWER = (
    (18, re.compile(r"\bVIRTUAL\b|\bNOT ENFORCED\b|\bWITHOUT OVERLAPS\b|\bNOT NULL \w+ NOT VALID\b|\bUUIDV[47]\b")),
    (17, re.compile(r"\bJSON_TABLE\b|\bWHEN NOT MATCHED BY SOURCE\b|\bSET EXPRESSION\b|\bGRANT MAINTAIN\b")),
    (16, re.compile(r"\bANY_VALUE\b|\bIS JSON\b|\bWITH (?:INHERIT|SET) (?:TRUE|FALSE|OPTION)\b")),
    (15, re.compile(r"\bNULLS NOT DISTINCT\b|^MERGE\b|\bSECURITY_INVOKER\b|\bON DELETE SET (?:NULL|DEFAULT) ?\("
                    r"|^CREATE PUBLICATION .*(?:\bWHERE\b|\bTABLES IN SCHEMA\b)|\bUNLOGGED SEQUENCE\b")),
    (14, re.compile(r"\bDETACH PARTITION\b.*\bCONCURRENTLY\b|\bCOMPRESSION\b|\bOR REPLACE TRIGGER\b|\bMULTIRANGE"
                    r"|^REINDEX ?\(.*\bTABLESPACE\b|\bBEGIN ATOMIC\b|\w+MULTIRANGE\b|\bPG_(?:READ|WRITE)_ALL_DATA\b")),
)  # fmt: skip


def find(subject: Subject) -> Iterator[Finding]:
    """Give the failure of the up file, and the statements that did nothing."""
    done = subject.trip.up
    if done.error:
        yield of_error(done, done.error, subject.version)
    for number, message in subject.trip.skipped:
        statement = subject.up.statements[number - 1]
        yield subject.found("no-effect", statement.source.span(statement.start), message)


def of_error(done: FileRun, error: StatementError, version: int) -> Finding:
    """Make a finding of a statement that failed."""
    doing = (
        MeasuredStatement(done.script.statements[done.failed_at - 1], StatementFacts(done.failed_at))
        if done.failed_at
        else None
    )
    rule = "hangs" if done.is_stopped else _rule(error, doing, version)
    record = RULES[rule]
    detail = "; ".join(value for name, value in error.fields if name == "detail")
    message = error.message + (f" ({detail})" if detail else "")
    if done.is_stopped:
        message = "the statement was stopped by the review's timeout"
    span = error.span or done.script.source.span(0, 0)
    return Finding(record, record.severity, message, span, span.source.path, what_now=_HELP.get(rule, ""))


def _rule(error: StatementError, doing: MeasuredStatement | None, version: int) -> str:  # noqa: PLR0911 - a rule for each code
    state = error.sqlstate or ""
    if state == _PRIVILEGE and "row-level security" not in error.message:
        return "needs-more-rights"
    if state in _NO_TRANSACTION:
        return "not-in-transaction"
    if state == _UNSAFE_ENUM:
        return "enum-value-used-in-same-transaction"
    if state == "0A000" and doing and doing.says("CONCURRENTLY") and "partitioned" in error.message:
        return "concurrently-on-partitioned"
    if state in _NO_EXTENSION and "extension" in error.message:
        return "missing-extension"
    if re.match(r'role ".+" does not exist', error.message):
        return "missing-role"
    if state in _UNKNOWN and doing and _known_from(doing.text) > version // 10_000:
        return "needs-newer-server"
    if state == _NOT_NULL and doing and doing.says("ADD COLUMN", " ADD "):
        return "add-column-not-null-no-default"
    return "fails-on-data" if state[:2] in ("22", "23") and state != _BAD_PARAMETER else "statement-fails"


def _known_from(text: str) -> int:
    return next((major for major, words in _NEWER if words.search(text)), 0)


_HELP = {
    "fails-on-data": "the rows are made up, unless --seed brings yours: ask production whether it has such rows",
    "missing-extension": "name a server that has it: --shadow-url",
    "missing-role": "make the role in a migration, or name a server that has it: --shadow-url",
    "needs-more-rights": "the shadow has no superuser: name a server where the role may do it: --shadow-url",
}


_RULES_OF_KINDS: dict[Kind | None, str] = {
    Kind.TRANSACTION_CONTROL: "transaction-control-in-file",
    Kind.OUTSIDE_TRANSACTION: "not-in-transaction",
}


def of_file(error: MigrationError) -> Iterator[Finding]:
    """Make findings of a file that cannot be executed at all."""
    for each in (error, *error.others):
        record = RULES[_RULES_OF_KINDS.get(each.kind, "statement-fails")]
        path = each.span.source.path if each.span else ""
        yield Finding(record, record.severity, each.message, each.span, path, what_now=each.hint or "")

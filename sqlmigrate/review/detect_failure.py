"""Findings of what fails on the shadow, or does nothing there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.errors import MigrationError, StatementError

from .facts import Pass, StatementFacts
from .rule import Finding
from .rules import RULES
from .subject import Doing, Subject

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_NO_TRANSACTION = ("25001", "2D000", "25P01")
_PRIVILEGE = ("42501",)
_SYNTAX = "42601"
_UNSAFE_ENUM = "55P04"
_NO_EXTENSION = ("58P01", "0A000", "42704")
_NOT_NULL = "23502"

# What a syntax error may be about, and the major version that knows it.
_NEWER = (
    (18, re.compile(r"\bVIRTUAL\b|\bNOT ENFORCED\b|\bWITHOUT OVERLAPS\b|\bNOT NULL \w+ NOT VALID\b", re.IGNORECASE)),
    (17, re.compile(r"\bMERGE_PARTITIONS\b|\bJSON_TABLE\b|\bWHEN NOT MATCHED BY SOURCE\b", re.IGNORECASE)),
    (15, re.compile(r"\bNULLS NOT DISTINCT\b|^\s*MERGE\b|\bSECURITY_INVOKER\b", re.IGNORECASE)),
    (14, re.compile(r"\bDETACH PARTITION\b.*\bCONCURRENTLY\b|\bSET COMPRESSION\b", re.IGNORECASE | re.DOTALL)),
    (12, re.compile(r"\bREINDEX\b.*\bCONCURRENTLY\b|\bGENERATED ALWAYS AS \(", re.IGNORECASE | re.DOTALL)),
)  # fmt: skip
_SKIPPED = re.compile(r"^NOTICE: .*already exists, skipping$")


def find(subject: Subject) -> Iterator[Finding]:
    """Give the failure of the up file, and the statements that did nothing."""
    done = subject.trip.up
    if done.error:
        yield of_error(done, done.error, subject.version)
    for number, notice in done.notices:
        if _SKIPPED.match(notice) and 0 < number <= len(subject.up.statements):
            statement = subject.up.statements[number - 1]
            what = notice.removeprefix("NOTICE: ").removesuffix(", skipping")
            message = f"{what}: the statement does nothing, whatever shape it asks for"
            yield subject.found("no-effect", statement.source.span(statement.start), message)


def of_error(done: Pass, error: StatementError, version: int) -> Finding:
    """Make a finding of a statement that failed."""
    doing = (
        Doing(done.script.statements[done.failed_at - 1], StatementFacts(done.failed_at)) if done.failed_at else None
    )
    rule = "hangs" if done.is_stopped else _rule(error, doing, version)
    record = RULES[rule]
    detail = "; ".join(value for name, value in error.fields if name == "detail")
    message = error.message + (f" ({detail})" if detail else "")
    if done.is_stopped:
        message = "the statement was stopped by the review's timeout"
    span = error.span or done.script.source.span(0, 0)
    return Finding(record, record.severity, message, span, span.source.path, what_now=_HELP.get(rule, ""))


def _rule(error: StatementError, doing: Doing | None, version: int) -> str:  # noqa: PLR0911 - a rule for each code
    state = error.sqlstate or ""
    if state in _PRIVILEGE and re.match(r"permission denied|must be (owner|superuser)", error.message):
        return "needs-more-rights"
    if state in _NO_TRANSACTION:
        return "not-in-transaction"
    if state == _UNSAFE_ENUM:
        return "enum-value-used-in-same-transaction"
    if state == "0A000" and doing and doing.says("CONCURRENTLY") and "partitioned" in error.message:
        return "concurrently-on-partitioned"
    if state in _NO_EXTENSION and "extension" in error.message:
        return "missing-extension"
    if state == "42704" and error.message.startswith("role "):
        return "missing-role"
    if state == _SYNTAX and doing and _known_from(doing.statement.text) > version // 10_000:
        return "needs-newer-server"
    if state == _NOT_NULL and doing and doing.says("ADD COLUMN", " ADD "):
        return "add-column-not-null-no-default"
    return "fails-on-data" if state[:2] in ("22", "23") else "statement-fails"


def _known_from(text: str) -> int:
    return next((major for major, words in _NEWER if words.search(text)), 0)


_HELP = {
    "missing-extension": "name a server that has it: --shadow-url",
    "missing-role": "the role is made where it is only named; here it is needed with rights: --shadow-url",
    "needs-more-rights": "the shadow has no superuser: name a server where the role may do it: --shadow-url",
}


def of_file(error: MigrationError) -> Iterator[Finding]:
    """Make findings of a file that cannot be executed at all."""
    for each in (error, *error.others):
        rule = "statement-fails"
        if "transaction of the migration" in each.message or "second transaction" in each.message:
            rule = "transaction-control-in-file"
        elif "runs in no transaction" in each.message:
            rule = "not-in-transaction"
        record = RULES[rule]
        path = each.span.source.path if each.span else ""
        yield Finding(record, record.severity, each.message, each.span, path, what_now=each.hint or "")

"""Findings of the text only: the part of a review that needs no server."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.review.rules import constraints, failures, indexes, locks, partitions, removed, rewrites
from sqlmigrate.review.rules.rule import Finding, Rule

_NEW_TABLE = re.compile(r"^CREATE (?:UNLOGGED |TEMP(?:ORARY)? )?TABLE (?:IF NOT EXISTS )?([^\s;,(]+)")
_TABLE = re.compile(
    r"^(?:ALTER TABLE|DROP TABLE|TRUNCATE(?: TABLE)?|LOCK(?: TABLE)?) (?:IF EXISTS )?(?:ONLY )?([^\s;,(]+)"
)
_INDEXED = re.compile(r"\bON (?:ONLY )?([^\s;,(]+)")
_NOT_VALID = re.compile(r"\bADD CONSTRAINT (\S+) .*?\bNOT VALID\b")
_VALIDATED = re.compile(r"\bVALIDATE CONSTRAINT ([^\s;,]+)")

# The rule, what the statement contains, and what it does not contain. Tables that the new files create are left out.
_PATTERNS: tuple[tuple[Rule, str, str | None], ...] = (
    (indexes.CREATE_INDEX_BLOCKING, r"^CREATE (UNIQUE )?INDEX ", r"CONCURRENTLY"),
    (indexes.DROP_INDEX_BLOCKING, r"^DROP INDEX ", r"CONCURRENTLY"),
    (indexes.REINDEX_BLOCKING, r"^REINDEX ", r"CONCURRENTLY"),
    (rewrites.VACUUM_FULL_CLUSTER, r"^(VACUUM \(?.*\bFULL|CLUSTER)", None),
    (locks.LOCK_TABLE, r"^LOCK ", None),
    (removed.TRUNCATE, r"^TRUNCATE ", None),
    (removed.DROP_TABLE, r"^DROP TABLE ", None),
    (removed.DROP_VIEW, r"^DROP (MATERIALIZED )?VIEW ", None),
    (removed.DROP_FUNCTION, r"^DROP (FUNCTION|PROCEDURE|ROUTINE|AGGREGATE) ", None),
    (removed.DROP_TYPE, r"^DROP (TYPE|DOMAIN) ", None),
    (removed.DROP_COLUMN, r"^ALTER TABLE .*\bDROP ", r"ALTER (COLUMN )?\S+ DROP|DROP CONSTRAINT"),
    (removed.RENAME_COLUMN, r"^ALTER TABLE .*\bRENAME (COLUMN )?\S+ TO ", r"RENAME (CONSTRAINT|TO)"),
    (removed.RENAME_TABLE, r"^ALTER TABLE \S+ RENAME TO ", None),
    (removed.RENAME_SCHEMA, r"^ALTER SCHEMA \S+ RENAME TO ", None),
    (removed.RENAME_ENUM_VALUE, r"^ALTER TYPE .*\bRENAME VALUE ", None),
    (removed.SET_SCHEMA, r"^ALTER (TABLE|VIEW|TYPE|FUNCTION) .*\bSET SCHEMA ", None),
    (constraints.SET_NOT_NULL_SCAN, r"^ALTER TABLE .*\bSET NOT NULL\b", None),
    (constraints.CONSTRAINT_WITHOUT_NOT_VALID, r"^ALTER TABLE .*\bADD (CONSTRAINT \S+ )?CHECK\b", r"NOT VALID"),
    (constraints.FOREIGN_KEY_WITHOUT_NOT_VALID, r"^ALTER TABLE .*\bADD (CONSTRAINT \S+ )?FOREIGN KEY\b", r"NOT VALID"),
    (indexes.UNIQUE_CONSTRAINT_BUILDS_INDEX, r"^ALTER TABLE .*\bADD .*\b(UNIQUE|PRIMARY KEY)\b", r"USING INDEX"),
    (indexes.EXCLUSION_CONSTRAINT, r"^ALTER TABLE .*\bADD (CONSTRAINT \S+ )?EXCLUDE\b", None),
    (rewrites.TYPE_CHANGE_REWRITE, r"^ALTER TABLE .*\bALTER (COLUMN )?\S+ (SET DATA )?TYPE ", None),
    (failures.ADD_COLUMN_NOT_NULL_NO_DEFAULT, r"^ALTER TABLE .*\bADD .*\bNOT NULL\b",
     r"DEFAULT|GENERATED|SERIAL|CHECK|CONST"),
    (rewrites.ADD_COLUMN_SERIAL, r"^ALTER TABLE .*\bADD (COLUMN )?\S+ (BIG|SMALL)?SERIAL\b", None),
    (partitions.DETACH_PARTITION_BLOCKING, r"^ALTER TABLE .*\bDETACH PARTITION ", r"CONCURRENTLY"),
    (locks.REFRESH_MATVIEW_BLOCKING, r"^REFRESH MATERIALIZED VIEW ", r"CONCURRENTLY"),
)  # fmt: skip


def find(up: Script, new: set[str]) -> Iterator[Finding]:
    """Return the findings of an up file; tables that it creates are added to `new` and have no findings."""
    pending: set[str] = set()
    for statement in up.statements:
        text = _words(statement)
        if made := _NEW_TABLE.match(text):
            new.add(made[1])
        table = _TABLE.match(text) or _INDEXED.search(text)
        if table and table[1] in new:
            continue
        for rule, says, unless in _PATTERNS:
            if re.search(says, text) and not (unless and re.search(unless, text)):
                yield _finding(rule, statement, table[1].lower() if table else "")
        pending.update(_NOT_VALID.findall(text))
        if up.mode == "transaction" and any(name in pending for name in _VALIDATED.findall(text)):
            yield _finding(constraints.VALIDATE_SAME_TRANSACTION, statement, table[1].lower() if table else "")


def _words(statement: Statement) -> str:
    """Return the text in upper case, with one blank between its words, without comments and quoted text."""
    return " ".join(blanked(statement.text, "comment", "string", "body").upper().split())


def _finding(rule: Rule, statement: Statement, table: str) -> Finding:
    message = f"{rule.title}: found in the text, not by executing it"
    span = statement.source.span(statement.start)
    return Finding(rule, rule.severity, message, span, span.source.path, relation=table)

"""What the text alone shows: the part of the review that remains where there is no server."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Finding

_NEW_TABLE = re.compile(r"^CREATE (?:UNLOGGED |TEMP(?:ORARY)? )?TABLE (?:IF NOT EXISTS )?([^\s;,(]+)")
_TABLE = re.compile(
    r"^(?:ALTER TABLE|DROP TABLE|TRUNCATE(?: TABLE)?|LOCK(?: TABLE)?) (?:IF EXISTS )?(?:ONLY )?([^\s;,(]+)"
)
_INDEXED = re.compile(r"\bON (?:ONLY )?([^\s;,(]+)")
_NOT_VALID = re.compile(r"\bADD CONSTRAINT (\S+) .*?\bNOT VALID\b")
_VALIDATED = re.compile(r"\bVALIDATE CONSTRAINT ([^\s;,]+)")

# The rule, what the statement says, and what it may not say; only of what was there before the file.
_PATTERNS: tuple[tuple[str, str, str | None], ...] = (
    ("create-index-blocking", r"^CREATE (UNIQUE )?INDEX ", r"CONCURRENTLY"),
    ("drop-index-blocking", r"^DROP INDEX ", r"CONCURRENTLY"),
    ("reindex-blocking", r"^REINDEX ", r"CONCURRENTLY"),
    ("vacuum-full-cluster", r"^(VACUUM \(?.*\bFULL|CLUSTER)", None),
    ("lock-table", r"^LOCK ", None),
    ("truncate", r"^TRUNCATE ", None),
    ("drop-table", r"^DROP TABLE ", None),
    ("drop-view", r"^DROP (MATERIALIZED )?VIEW ", None),
    ("drop-function", r"^DROP (FUNCTION|PROCEDURE|ROUTINE|AGGREGATE) ", None),
    ("drop-type", r"^DROP (TYPE|DOMAIN) ", None),
    ("drop-column", r"^ALTER TABLE .*\bDROP ", r"ALTER (COLUMN )?\S+ DROP|DROP CONSTRAINT"),
    ("rename-column", r"^ALTER TABLE .*\bRENAME (COLUMN )?\S+ TO ", r"RENAME (CONSTRAINT|TO)"),
    ("rename-table", r"^ALTER TABLE \S+ RENAME TO ", None),
    ("rename-schema", r"^ALTER SCHEMA \S+ RENAME TO ", None),
    ("rename-enum-value", r"^ALTER TYPE .*\bRENAME VALUE ", None),
    ("set-schema", r"^ALTER (TABLE|VIEW|TYPE|FUNCTION) .*\bSET SCHEMA ", None),
    ("set-not-null-scan", r"^ALTER TABLE .*\bSET NOT NULL\b", None),
    ("constraint-without-not-valid", r"^ALTER TABLE .*\bADD (CONSTRAINT \S+ )?CHECK\b", r"NOT VALID"),
    ("foreign-key-without-not-valid", r"^ALTER TABLE .*\bADD (CONSTRAINT \S+ )?FOREIGN KEY\b", r"NOT VALID"),
    ("unique-constraint-builds-index", r"^ALTER TABLE .*\bADD .*\b(UNIQUE|PRIMARY KEY)\b", r"USING INDEX"),
    ("exclusion-constraint", r"^ALTER TABLE .*\bADD (CONSTRAINT \S+ )?EXCLUDE\b", None),
    ("type-change-rewrite", r"^ALTER TABLE .*\bALTER (COLUMN )?\S+ (SET DATA )?TYPE ", None),
    ("add-column-not-null-no-default", r"^ALTER TABLE .*\bADD .*\bNOT NULL\b", r"DEFAULT|GENERATED|SERIAL|CHECK|CONST"),
    ("add-column-serial", r"^ALTER TABLE .*\bADD (COLUMN )?\S+ (BIG|SMALL)?SERIAL\b", None),
    ("detach-partition-blocking", r"^ALTER TABLE .*\bDETACH PARTITION ", r"CONCURRENTLY"),
    ("refresh-matview-blocking", r"^REFRESH MATERIALIZED VIEW ", r"CONCURRENTLY"),
)  # fmt: skip


def find(up: Script, new: set[str]) -> Iterator[Finding]:
    """Give what the words of the statements show, but for tables that the new files make: those gather in `new`."""
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
            yield _finding("validate-same-transaction", statement, table[1].lower() if table else "")


def _words(statement: Statement) -> str:
    """Give the text in upper case, one blank between its words, without comments and what stands in quotes."""
    return " ".join(blanked(statement.text, "comment", "string", "body").upper().split())


def _finding(rule: str, statement: Statement, table: str) -> Finding:
    record = RULES[rule]
    message = f"{record.title}: judged by its words alone"
    span = statement.source.span(statement.start)
    return Finding(record, record.severity, message, span, span.source.path, relation=table)

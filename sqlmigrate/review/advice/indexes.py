"""What to write instead of indexes that are built, dropped or rebuilt while others wait.

https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.identifiers import IDENTIFIER, displayed
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.review.findings.subject import MeasuredStatement

from .case import Case, Edit
from .draft import Draft, Pair
from .names import beside, file_name, identifier

_CREATE_INDEX = re.compile(
    rf"(?P<create>create\s+(?:unique\s+)?index)\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?"
    rf"(?:(?!on\s)(?P<name>{IDENTIFIER})\s+)?on\s+(?:only\s+)?(?P<table>{IDENTIFIER}(?:\.{IDENTIFIER})*)"
    rf"(?P<rest>[\s(].*)",
    re.IGNORECASE | re.DOTALL,
)


def create_index(case: Case) -> Draft | None:
    """Build the index with CONCURRENTLY, in a file of its own."""
    return case.draft([edit for each in case.statements for edit in _concurrently(case, each)])


def _concurrently(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found = _CREATE_INDEX.fullmatch(blanked(measured.statement.text, "comment").strip())
    table = found and case.table(found["table"])
    if found is None or table is None:
        return
    built = [name for touch in measured.facts.touches for name in touch.built]
    name = found["name"] or (identifier(built[0]) if built else "")
    if name:
        index = beside(displayed(table.name), name)
        create = f"{found['create']} concurrently {name} on {found['table']}{found['rest']};\n"
        yield Edit(measured.facts.number, "", (concurrent(create, index),), (name,))


def concurrent(create: str, index: str) -> Pair:
    """Return the migration that builds an index with CONCURRENTLY."""
    return Pair(file_name("index", index), create, f"drop index concurrently {index};\n")

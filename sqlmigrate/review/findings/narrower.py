"""Findings of columns whose type is narrower than before: a shorter text, a smaller number.

Generated rows fit or do not, by chance. Production's rows are longer, or are not: only a query there can tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.catalog.objects import TABLES, Change
from sqlmigrate.identifiers import displayed, last_part, parts
from sqlmigrate.review.measure.conversions import is_narrower
from sqlmigrate.review.measure.offending_rows import retyped_columns_of
from sqlmigrate.review.measure.production_query import is_plain, of_column
from sqlmigrate.review.rules import failures
from sqlmigrate.review.rules.rule import Finding

from .failures import ASK_PRODUCTION
from .schema_changes import Column, SchemaChanges
from .subject import Subject

_CUTS = re.compile(r"\(\s*\d")  # a cast to a text of a length, or a function with a length, cuts off the rest
_LENGTH = r"(?:char_|character_)?length\(\(*{}\)*(?:::text)?\)*"


def find(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    """Return these findings of an up file, of columns on whose generated rows no statement failed."""
    told = {each.query for each in subject.trip.row_failures if each.query}
    narrowed = [
        (before, after)
        for before, after in changes.altered_columns()
        if subject.is_known(before.object) and is_narrower(before.type, after.type)
    ]
    names = {(before.object.table, before.object.path[-1]) for before, _ in narrowed}
    for before, after in narrowed:
        table, column = subject.trip.before.tables.get(before.object.table), parts(displayed(before.name))[-1]
        if table is None or table.kind not in TABLES or not _may_fail(subject, before, after):
            continue
        above = (table.attributes.get("parents") or "").split(", ")
        if any((each, before.object.path[-1]) in names for each in above):
            continue  # the query of the parent asks for its rows too
        query = of_column(displayed(before.object.table), column, (before.type, after.type), subject.version)
        if query and query not in told:
            message = f"`{displayed(after.name)}` is narrower now: it fails on a value that does not fit into"
            place = subject.place_of(Change("column", before.object, after.object, "altered"), "type")
            found = subject.finding(failures.FAILS_ON_DATA, place, f"{message} {after.type}")
            yield replace(
                found, what_now=f"{ASK_PRODUCTION}\n{query}", has_example=False, about=displayed(after.object.table)
            )


def _may_fail(subject: Subject, before: Column, after: Column) -> bool:
    """Return whether nothing proves that all values fit: neither a CHECK, nor an expression that cuts them off."""
    own = before.object.path[-1]
    for statement in subject.up.statements:
        for table, column, _, using in retyped_columns_of(statement):
            is_it = last_part(table).lower() == last_part(before.object.table).lower() and column.lower() == own.lower()
            if is_it and (not is_plain(using, column) or ("char" in after.type and _CUTS.search(using))):
                return False
    return not _is_proven(subject, before, after)


def _is_proven(subject: Subject, before: Column, after: Column) -> bool:
    """Return whether a validated CHECK permits only texts that are as short as the new type asks for."""
    most = re.search(r"\((\d+)\)", after.type)
    if most is None:
        return False
    length = re.compile(_LENGTH.format(re.escape(before.object.path[-1])) + r" (<=?) (\d+)")
    return any(
        int(found[2]) - (found[1] == "<") <= int(most[1])
        for each in subject.trip.before.objects.values()
        if each.kind == "constraint" and each.table == before.object.table and " OR " not in each.definition
        and each.definition.startswith("CHECK") and not each.definition.endswith((" NOT VALID", " NOT ENFORCED"))
        for found in length.finditer(each.definition)
    )  # fmt: skip

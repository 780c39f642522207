"""What to write instead of constraints that are checked while others wait.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import IDENTIFIER, displayed, last_part, parts
from sqlmigrate.review.findings.subject import MeasuredStatement

from . import alter_table
from .alter_table import AlterTable, NewColumn
from .case import Case, Edit
from .draft import NOTHING_TO_UNDO, Draft, Pair
from .names import file_name, made

_NAMED_NOT_NULL = 18  # the first version in which NOT NULL is a constraint that can be NOT VALID
_PARTITIONED_KEYS = 18  # the first version in which a partitioned table can have a foreign key that is NOT VALID
_SET_NOT_NULL = re.compile(rf"alter\s+(?:column\s+)?(?P<column>{IDENTIFIER})\s+set\s+not\s+null", re.IGNORECASE)
_VALIDATE = re.compile(rf"validate\s+constraint\s+(?P<name>{IDENTIFIER})", re.IGNORECASE)
_IS_NOT_VALID = re.compile(r"\bnot\s+valid\b", re.IGNORECASE)
_ADD = re.compile(
    rf"add\s+(?:constraint\s+(?P<name>{IDENTIFIER})\s+)?(?P<definition>(?P<kind>check|foreign\s+key)\b.*)",
    re.IGNORECASE | re.DOTALL,
)


def set_not_null(case: Case) -> Draft | None:
    """Prove it with a constraint that is added as NOT VALID and validated later."""
    return case.draft([edit for each in case.statements for edit in _not_null(case, each)])


def _not_null(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    alter = alter_table.read(measured.statement.text)
    table = case.table(alter.table) if alter else None
    if alter is None or table is None:
        return
    columns = [found["column"] for each in alter.actions if (found := _SET_NOT_NULL.fullmatch(each))]
    if not columns:
        return
    kept = [each for each in alter.actions if not _SET_NOT_NULL.fullmatch(each)]
    names = {column: made(table.name, column, "not_null") for column in columns}
    if case.version >= _NAMED_NOT_NULL and table.kind == "table":
        added = [f"add constraint {name} not null {column} not valid" for column, name in names.items()]
        validated = [validation(alter, name) for name in names.values()]
        yield Edit(measured.facts.number, alter.having([*kept, *added]), tuple(validated))
        return
    added = [f"add constraint {name} check ({column} is not null) not valid" for column, name in names.items()]
    again = ";\n".join(alter.having([each]) for each in added)
    checked = ";\n".join(alter.having([f"validate constraint {name}"]) for name in names.values())
    removed = alter.having([f"drop constraint {name}" for name in names.values()])
    nullable = alter.having([f"alter column {column} drop not null" for column in columns])
    required = alter.having([f"alter column {column} set not null" for column in columns])
    yield Edit(
        measured.facts.number,
        alter.having([*kept, *added]),
        (
            *(validation(alter, name) for name in names.values()),
            Pair(
                file_name(table.name, *columns, "set_not_null"),
                f"-- the validated constraint is the proof: no row is read\n{required};\n{removed};\n",
                f"-- sqlmigrate: no-transaction\n{nullable};\n{again};\n{checked};\n",
            ),
        ),
        swaps=tuple((f"alter {column} drop not null", f"drop constraint {name}") for column, name in names.items()),
    )


def not_valid(case: Case) -> Draft | None:
    """Add the constraints of these statements as NOT VALID, and validate each in another file."""
    return case.draft([edit for each in case.statements for edit in _added_not_valid(case, each)])


def _added_not_valid(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    alter = alter_table.read(measured.statement.text)
    table = case.table(alter.table) if alter else None
    if alter is None or table is None or not _can_be_not_valid(case, table, measured):
        return
    kept: list[str] = []
    added: list[tuple[str, str]] = []
    for action in alter.actions:
        found = _ADD.fullmatch(action)
        name = found and (found["name"] or _name_of(case, table, found["kind"]))
        column = alter_table.new_column(action)
        if found and name and not _IS_NOT_VALID.search(action):
            added.append((name, found["definition"]))
        elif column and (own := list(_of_column(table, column))):
            kept.append(column.without("check", "references"))
            added += own
        else:
            kept.append(action)
    if added:
        actions = [*kept, *(f"add constraint {name} {definition} not valid" for name, definition in added)]
        later = tuple(validation(alter, name) for name, _ in added)
        yield Edit(measured.facts.number, alter.having(actions), later)


def _can_be_not_valid(case: Case, table: Object, measured: MeasuredStatement) -> bool:
    """Return whether it can: a foreign key of a partitioned table cannot, before PostgreSQL 18."""
    is_key = measured.says("FOREIGN KEY", "REFERENCES")
    return case.version >= _PARTITIONED_KEYS or table.kind != "partitioned table" or not is_key


def _of_column(table: Object, column: NewColumn) -> Iterator[tuple[str, str]]:
    """Return name and definition of the constraints that a new column has."""
    for number, clause in enumerate(column.of("check"), 1):
        yield clause.name or made(table.name, column.name, f"check{number if number > 1 else ''}"), clause.text
    for clause in column.of("references"):
        yield clause.name or made(table.name, column.name, "fkey"), f"foreign key ({column.name}) {clause.text}"


def _name_of(case: Case, table: Object, kind: str) -> str | None:
    """Return the name that PostgreSQL has chosen for a new constraint, if there is one only of its kind."""
    found = case.new_constraints(displayed(table.name), " ".join(kind.upper().split()))
    return parts(found[0].name)[-1] if len(found) == 1 else None


def validate_later(case: Case) -> Draft | None:
    """Validate the constraints in another file."""
    return case.draft([edit for each in case.statements for edit in _validated_later(each)])


def _validated_later(measured: MeasuredStatement) -> Iterator[Edit]:
    alter = alter_table.read(measured.statement.text)
    if alter is None:
        return
    names = [found["name"] for each in alter.actions if (found := _VALIDATE.fullmatch(each))]
    kept = [each for each in alter.actions if not _VALIDATE.fullmatch(each)]
    if names:
        yield Edit(measured.facts.number, alter.having(kept), tuple(validation(alter, name) for name in names))


def validation(alter: AlterTable, name: str) -> Pair:
    """Return the migration that validates a constraint, in a transaction of its own."""
    statement = f"{alter.head} validate constraint {name};\n"
    return Pair(
        file_name("validate", last_part(name)),
        f"-- reads every row, and blocks neither reads nor writes\n{statement}",
        f"-- the constraint may stay validated\n{NOTHING_TO_UNDO}",
    )

"""What to write instead of constraints that are checked while others wait.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED, displayed, last_part, parts
from sqlmigrate.review.findings import created_again
from sqlmigrate.review.findings.listing import partition_parents
from sqlmigrate.review.findings.subject import MeasuredStatement, Subject

from . import alter_table
from .alter_table import AlterTable, NewColumn
from .case import Case
from .draft import NOTHING_TO_UNDO, Draft, Edit, Pair
from .edited import edited
from .names import file_name, made

_NAMED_NOT_NULL = 18  # the first version in which NOT NULL is a constraint that can be NOT VALID
PARTITIONED_KEYS = 18  # the first version in which a partitioned table can have a foreign key that is NOT VALID
_SET_NOT_NULL = re.compile(rf"alter\s+(?:column\s+)?(?P<column>{IDENTIFIER})\s+set\s+not\s+null", re.IGNORECASE)
_VALIDATE = re.compile(rf"validate\s+constraint\s+(?P<name>{IDENTIFIER})", re.IGNORECASE)
_IS_NOT_VALID = re.compile(r"\bnot\s+valid\b", re.IGNORECASE)
_DOMAIN_NOT_NULL = re.compile(rf"alter\s+domain\s+(?P<domain>{QUALIFIED})\s+set\s+not\s+null", re.IGNORECASE)
_NEW_VALUES = "-- holds for every new value; old values stay unchecked"
_ADD = re.compile(
    rf"add\s+(?:constraint\s+(?P<name>{IDENTIFIER})\s+)?(?P<definition>(?P<kind>check|foreign\s+key)\b.*)",
    re.IGNORECASE | re.DOTALL,
)


def set_not_null(case: Case) -> Draft | None:
    """Prove it with a constraint that is added as NOT VALID and validated later, after the rows have values."""
    draft = case.draft([edit for each in case.statements for edit in _not_null(case, each)])
    asked = tuple(sentence for each in case.statements for sentence in _values_needed(case, each))
    return replace(draft, before=(*draft.before, *asked)) if draft else None


def _values_needed(case: Case, measured: MeasuredStatement) -> Iterator[str]:
    """Say which rows need a value first: with the constraint, also an UPDATE of another column of such a row fails."""
    if found_table := case.altered(measured):
        alter, table = found_table
        columns = [found["column"] for each in alter.actions if (found := _SET_NOT_NULL.fullmatch(each))]
        name = displayed(table.name)
        yield from (
            f"first give {name}.{column} a value where it has none: select count(*) from {name} where {column} is null"
            for column in columns
        )


def _not_null(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found_table = case.altered(measured)
    if found_table is None:
        return
    alter, table = found_table
    columns = [found["column"] for each in alter.actions if (found := _SET_NOT_NULL.fullmatch(each))]
    if not columns:
        return
    kept = [each for each in alter.actions if not _SET_NOT_NULL.fullmatch(each)]
    first, *later = required(case, alter, displayed(table.name), columns)
    names = [made(table.name, column, "not_null") for column in columns]
    keeps = case.version >= _NAMED_NOT_NULL
    swaps = [_no_longer_required(*each) for each in zip(columns, names, strict=True)]
    added = alter_table.read(first.up.rstrip().removesuffix(";"))
    if added:
        up = alter.having([*kept, *added.actions])
        yield Edit(measured.facts.number, up, tuple(later), swaps=() if keeps else tuple(swaps))


def _no_longer_required(column: str, name: str) -> tuple[str, str]:
    return f"alter {column} drop not null", f"drop constraint {name}"


def required(case: Case, alter: AlterTable, table: str, columns: Sequence[str]) -> tuple[Pair, ...]:
    """Return the migrations that make columns NOT NULL and read the table without blocking.

    Args:
        case: The case.
        alter: A statement that alters the table.
        table: The table, as messages show it.
        columns: The columns, as SQL.
    """
    found = case.table(table)
    names = {column: made(table, column, "not_null") for column in columns}
    removed = alter.having([f"drop constraint {name}" for name in names.values()])
    validated = [validation(alter, name) for name in names.values()]
    title = file_name(table, *columns, "not_null")
    if case.version >= _NAMED_NOT_NULL and (found is None or found.kind == "table"):
        added = alter.having([f"add constraint {name} not null {column} not valid" for column, name in names.items()])
        return (Pair(title, f"{added};\n", f"{removed};\n"), *validated)
    checks = [f"add constraint {name} check ({column} is not null) not valid" for column, name in names.items()]
    validates = [f"validate constraint {name}" for name in names.values()]
    again = ";\n".join(alter.having([each]) for each in [*checks, *validates])
    nullable = alter.having([f"alter column {column} drop not null" for column in columns])
    not_null = alter.having([f"alter column {column} set not null" for column in columns])
    proven = Pair(
        file_name(table, *columns, "set_not_null"),
        f"-- the validated constraint is the proof: no row is read\n{not_null};\n{removed};\n",
        f"-- sqlmigrate: no-transaction\n{nullable};\n{again};\n",
    )
    return (Pair(title, f"{alter.having(checks)};\n", f"{removed};\n"), *validated, proven)


def not_valid(case: Case) -> Draft | None:
    """Add the constraints of these statements as NOT VALID, and validate each in another file."""
    return case.draft([edit for each in case.statements for edit in _added_not_valid(case, each)])


def _added_not_valid(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found_table = case.altered(measured)
    if found_table is None:
        return
    alter, table = found_table
    if not _can_be_not_valid(case, table, measured):
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
    return case.version >= PARTITIONED_KEYS or table.kind != "partitioned table" or not is_key


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


def domain(case: Case) -> Draft | None:
    """Add the constraint of the domain as NOT VALID: it applies to every new value."""
    return case.draft([edit for each in case.statements for edit in _domain_not_valid(each)])


def _domain_not_valid(measured: MeasuredStatement) -> Iterator[Edit]:
    text = measured.statement.text
    if re.fullmatch(r"alter\s+domain\s.+\sadd\s.*check\s*\(.*\)", text, re.IGNORECASE | re.DOTALL):
        yield Edit(measured.facts.number, f"{_NEW_VALUES}\n{text} not valid")
    elif found := _DOMAIN_NOT_NULL.fullmatch(text):
        name, domain = made(found["domain"], "not_null"), f"alter domain {found['domain']}"
        added = f"{domain} add constraint {name} check (value is not null) not valid"
        swap = (f"{domain} drop not null", f"{domain} drop constraint {name}")
        yield Edit(measured.facts.number, f"{_NEW_VALUES}\n{added}", swaps=(swap,))


def renamed(case: Case) -> Draft | None:
    """Rename what is dropped and created again, in both files."""
    trip = case.subject.trip
    parents = partition_parents(trip.before)
    pairs = created_again.without_partitions(created_again.created_again(trip), parents)
    up = _renamed(case.subject, [(displayed(old.table), old, new) for old, new in pairs])
    down = case.down_text
    if case.down and trip.down:
        back = replace(case.subject, up=case.down, trip=replace(trip, up=trip.down, changes=trip.down_changes))
        down = _renamed(back, [(displayed(old.table), new, old) for old, new in reversed(pairs)]) or down
    return Draft(Pair("", up, down)) if up else None


def _renamed(subject: Subject, renames: Sequence[tuple[str, Object, Object]]) -> str:
    """Return a file with renames in the place of the statements that create something again; empty if it has others.

    If a statement also changes something else, the text is empty.
    """
    statements = created_again.statements_of(subject, created_again.created_again(subject.trip))
    changes = [change for each in statements for change in each.facts.changes]
    if not statements or any(each.kind not in ("constraint", "index") for each in changes):
        return ""
    numbers = [each.facts.number for each in statements]
    text = ";\n".join(_rename(*each) for each in renames)
    return edited(subject.up, {number: text if number == numbers[0] else "" for number in numbers})


def _rename(table: str, old: Object, new: Object) -> str:
    before, after = parts(old.name)[-1], parts(new.name)[-1]
    if old.kind == "index":
        return f"alter index {displayed(old.name)} rename to {after}"
    return f"alter table {table} rename constraint {before} to {after}"

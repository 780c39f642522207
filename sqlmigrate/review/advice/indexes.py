"""What to write instead of indexes that are built, dropped or rebuilt while others wait.

https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED, displayed, last_part, parts
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.review.findings.subject import MeasuredStatement
from sqlmigrate.review.measure.facts import UnindexedKey

from . import alter_table
from .alter_table import AlterTable
from .case import Case
from .constraints import required
from .draft import NOTHING_TO_UNDO, Draft, Edit, Pair
from .edited import NO_TRANSACTION
from .names import file_name, identifier, in_schema_of, made

CREATE_INDEX = re.compile(
    rf"(?P<create>create\s+(?:unique\s+)?index)\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?"
    rf"(?:(?!on\s)(?P<name>{IDENTIFIER})\s+)?on\s+(?:only\s+)?(?P<table>{QUALIFIED})(?P<rest>[\s(].*)",
    re.IGNORECASE | re.DOTALL,
)
_DROP_INDEX = re.compile(
    rf"drop\s+index\s+(?:concurrently\s+)?(?P<if>if\s+exists\s+)?(?P<names>{QUALIFIED}(?:\s*,\s*{QUALIFIED})*)(?:\s+restrict)?",
    re.IGNORECASE,
)
_REINDEX = re.compile(rf"(?P<head>reindex\s+(?:\([^)]*\)\s*)?(?:index|table))\s+(?P<name>{QUALIFIED})", re.IGNORECASE)
_ADD_UNIQUE = re.compile(
    rf"add\s+(?:constraint\s+(?P<name>{IDENTIFIER})\s+)?(?P<kind>unique|primary\s+key)\b(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_USING_INDEX = re.compile(rf"(?P<kind>primary\s+key|unique)\s+using\s+index\s+(?P<index>{IDENTIFIER})", re.IGNORECASE)
_COLUMNS = re.compile(r"^(?:PRIMARY KEY|UNIQUE(?: NULLS NOT DISTINCT)?) \((?P<columns>[^)]*)\)")
_COLUMNS_SAID = re.compile(r"(?:\s*nulls\s+(?:not\s+)?distinct)?\s*\((?P<columns>[^)]*)\)", re.IGNORECASE)
_DEFERRABLE = re.compile(r" (?:NOT )?DEFERRABLE.*")


def create_index(case: Case) -> Draft | None:
    """Build the indexes with CONCURRENTLY, each in a file of its own."""
    return case.draft([edit for each in case.statements for edit in _concurrently(case, each)])


def _concurrently(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found = CREATE_INDEX.fullmatch(measured.code)
    table = case.table(found["table"]) if found else None
    if found is None or table is None:
        return
    built = [name for touch in measured.facts.touches for name in touch.built]
    name = found["name"] or (identifier(built[0]) if built else "")
    if name:
        index = in_schema_of(displayed(table.name), name)
        create = f"{found['create']} concurrently {name} on {found['table']}{found['rest']};\n"
        yield Edit(measured.facts.number, "", (concurrent(create, index),), (name,))


def concurrent(create: str, index: str) -> Pair:
    """Return the migration that builds an index with CONCURRENTLY."""
    return Pair(file_name("build", index), create, f"drop index concurrently {index};\n")


def create_partitioned(case: Case) -> Draft | None:
    """Create the index on the parent only, build that of each partition with CONCURRENTLY, and attach them."""
    return case.draft([edit for each in case.statements for edit in _for_each_partition(case, each)])


def _for_each_partition(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    text = measured.code
    if dropped := _DROP_INDEX.fullmatch(text):
        plain = f"drop index {dropped['if'] or ''}{dropped['names']}"
        yield Edit(measured.facts.number, "", (Pair(file_name("drop", dropped["names"]), f"{plain};\n"),))
        return
    found = CREATE_INDEX.fullmatch(text)
    table = case.table(found["table"]) if found else None
    if found is None or table is None:
        return
    name = found["name"] or made(table.name, "index")
    lines = [f"{found['create']} {name} on only {found['table']}{found['rest']};"]
    attached = []
    for partition in _partitions(case, table):
        if partition.kind != "table":
            return  # a partition with partitions of its own
        own = _of_partition(name, table, partition)
        child = displayed(partition.name)
        lines.append(f"{found['create']} concurrently {own} on {child}{found['rest']};")
        parent_index = in_schema_of(displayed(table.name), name)
        attached.append(f"alter index {parent_index} attach partition {in_schema_of(child, own)};")
    up = "\n".join(["-- sqlmigrate: no-transaction", *lines, *attached, ""])
    down = f"drop index {in_schema_of(displayed(table.name), name)};\n"
    yield Edit(measured.facts.number, "", (Pair(file_name("build", name), up, down),), (name,))


def _partitions(case: Case, table: Object) -> list[Object]:
    return sorted(
        (
            each
            for each in case.after.tables.values()
            if each.attributes.get("partition bound") and _is_named(each.attributes.get("parents") or "", table)
        ),
        key=lambda each: each.name,
    )


def _is_named(name: str, table: Object) -> bool:
    return displayed(name) == displayed(table.name)


def _of_partition(index: str, table: Object, partition: Object) -> str:
    """Return the name of a partition's index, like that of its parent's."""
    own, above = last_part(index), last_part(table.name)
    return made(partition.name, own.removeprefix(above).strip("_") or "index")


def without_existing(case: Case) -> Draft | None:
    """Leave out the statement: the index exists."""
    if case.has_one_statement:
        return Draft(Pair("", ""), (), (f"the index exists: delete {case.subject.migration.label} with its down file",))
    return case.draft([Edit(each.facts.number) for each in case.statements])


def rebuilt(case: Case) -> Draft | None:
    """Drop what a failed build may have left, and build without IF NOT EXISTS."""
    return case.draft([edit for each in case.statements for edit in _dropped_first(case, each)])


def _dropped_first(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    """Write both statements in the place of the one; a file that had only that one needs the directive now."""
    for edit in _concurrently(case, measured):
        pair = edit.later[0]
        up = pair.down.replace("concurrently ", "concurrently if exists ", 1) + pair.up
        if case.has_one_statement:
            whole = Pair(pair.name, f"{NO_TRANSACTION}{up}", pair.down)
            yield Edit(edit.number, "", (whole,), edit.moved)
        else:
            yield Edit(edit.number, up)


def drop_index(case: Case) -> Draft | None:
    """Drop the indexes with CONCURRENTLY, each in a file of its own."""
    return case.draft([edit for each in case.statements for edit in _dropped(case, each)])


def _dropped(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found = _DROP_INDEX.fullmatch(measured.code)
    if found is None:
        return
    names = [each.strip() for each in found["names"].split(",")]
    pairs = []
    for name in names:
        index = case.index(name)
        table = case.table(displayed(index.table)) if index else None
        if index is None or table is None or table.kind == "partitioned table":
            return
        drop = f"drop index concurrently {found['if'] or ''}{name};\n"
        pairs.append(Pair(file_name("drop", name), drop, _created_again(case, index)))
    yield Edit(measured.facts.number, "", tuple(pairs), tuple(names))


def _created_again(case: Case, index: Object) -> str:
    """Return the statement that builds an index again: as the down file has it, or else as the catalog has it."""
    own = last_part(index.name)
    for statement in case.down.statements if case.down else ():
        found = CREATE_INDEX.fullmatch(blanked(statement.text, "comment").strip())
        if found and found["name"] and last_part(found["name"]) == own:
            return f"{found['create']} concurrently {found['name']} on {found['table']}{found['rest']};\n"
    return created(index)


def created(index: Object, name: str = "") -> str:
    """Return the statement that builds an index with CONCURRENTLY, from the catalog; with another name if given."""
    text = index.definition
    found = re.fullmatch(rf"CREATE (UNIQUE )?INDEX ({IDENTIFIER}) ON (?:ONLY )?(.+?) USING (.+)", text, re.DOTALL)
    if found is None:
        return ""
    unique = "unique " if found[1] else ""
    using = found[4].removeprefix("btree ")
    using = using if using != found[4] else f"using {using}"
    return f"create {unique}index concurrently {name or found[2]} on {displayed(found[3])} {using};\n"


def reindex(case: Case) -> Draft | None:
    """Rebuild the indexes with CONCURRENTLY, each in a file of its own."""
    return case.draft([edit for each in case.statements for edit in _reindexed(each)])


def _reindexed(measured: MeasuredStatement) -> Iterator[Edit]:
    if found := _REINDEX.fullmatch(measured.code):
        up = f"{found['head']} concurrently {found['name']};\n"
        yield Edit(measured.facts.number, "", (Pair(file_name("reindex", found["name"]), up, NOTHING_TO_UNDO),))


def unique_constraint(case: Case) -> Draft | None:
    """Build the index with CONCURRENTLY, then make it a constraint."""
    return case.draft([edit for each in case.statements for edit in _from_index(case, each)])


def _from_index(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found_table = case.altered(measured)
    if found_table is None:
        return
    alter, table = found_table
    if table.kind != "table":
        return
    kept, later, names = [], [], []
    for action in alter.actions:
        column = alter_table.new_column(action)
        found = _ADD_UNIQUE.fullmatch(action)
        columns = _COLUMNS_SAID.match(found["rest"]) if found else None
        said = [each.strip() for each in columns["columns"].split(",")] if columns else [column.name] if column else []
        constraint = _new_key(case, table, found["name"] if found else None, said)
        if (
            constraint
            and (found or (column and column.of("unique", "primary")))
            and "using index" not in action.lower()
        ):
            pairs = _index_and_key(case, alter, constraint)
            later += pairs
            names.append(parts(constraint.name)[-1])
            kept += [column.without("unique", "primary")] if column else []
        else:
            kept.append(action)
    if later:
        shown = displayed(table.name)
        keys = [each for each in case.new_constraints(shown, "PRIMARY KEY") if parts(each.name)[-1] in names]
        nullable = [column for key in keys for column in _columns_of(key) if _is_nullable(case, shown, column)]
        swaps = tuple((f"alter {column} drop not null", "") for column in nullable)
        yield Edit(measured.facts.number, alter.having(kept), tuple(later), tuple(names), swaps)


def _new_key(case: Case, table: Object, name: str | None, columns: Sequence[str]) -> Object | None:
    """Return the new unique constraint or primary key of this name, or on these columns, or the only one."""
    keys = case.new_constraints(displayed(table.name), "UNIQUE", "PRIMARY KEY")
    if name:
        return next((each for each in keys if parts(each.name)[-1] == name), None)
    if columns:
        return next((each for each in keys if _columns_of(each) == columns), None)
    return keys[0] if len(keys) == 1 else None


def _columns_of(constraint: Object) -> list[str]:
    found = _COLUMNS.match(constraint.definition)
    return [each.strip() for each in found["columns"].split(",")] if found else []


def _index_and_key(case: Case, alter: AlterTable, constraint: Object) -> list[Pair]:
    name = parts(constraint.name)[-1]
    table = displayed(constraint.table)
    build, key = again(case, alter, constraint)
    down = f"{NO_TRANSACTION}{alter.having([f'drop constraint {name}'])};\n{build}"
    is_primary = constraint.definition.startswith("PRIMARY KEY")
    nullable = [each for each in _columns_of(constraint) if is_primary and _is_nullable(case, table, each)]
    proofs = required(case, alter, table, nullable) if nullable else ()
    return [*proofs, concurrent(build, in_schema_of(table, name)), Pair(file_name("add", name), f"{key};\n", down)]


def again(case: Case, alter: AlterTable, constraint: Object) -> tuple[str, str]:
    """Return what builds the index of a key with CONCURRENTLY, and what makes it a constraint of that table."""
    name, text = parts(constraint.name)[-1], constraint.definition
    index = case.index(in_schema_of(displayed(constraint.table), name))
    kind = "primary key" if text.startswith("PRIMARY KEY") else "unique"
    deferrable = _DEFERRABLE.search(text)
    ends = deferrable[0].lower() if deferrable else ""
    key = alter.having([f"add constraint {name} {kind} using index {name}{ends}"])
    return created(index) if index else "", key


def _is_nullable(case: Case, table: str, column: str) -> bool:
    """Return whether a column could be NULL before the migration."""
    found = case.before.objects.get(("column", f"{case.full(table)}.{column}"))
    return found is not None and found.attributes.get("not null") is None


def primary_key(case: Case) -> Draft | None:
    """Make the columns NOT NULL first, in a way that reads the table without blocking."""
    return case.draft([edit for each in case.statements for edit in _key_of_index(case, each)])


def _key_of_index(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found_table, found = case.altered(measured), _USING_INDEX.search(measured.statement.text)
    if found_table is None or found is None:
        return
    alter, table = found_table
    shown = displayed(table.name)
    key = next(iter(case.new_constraints(shown, "PRIMARY KEY")), None)
    index = case.index(in_schema_of(shown, found["index"]))
    columns = [each for each in _columns_of(key) if _is_nullable(case, shown, each)] if key else []
    if key is None or index is None or not columns:
        return
    dropped = alter.having([f"drop constraint {parts(key.name)[-1]}"])
    down = f"{NO_TRANSACTION}{dropped};\n{created(index)}"
    added = Pair(file_name("add", key.name), f"{measured.statement.text};\n", down)
    swaps = tuple((f"alter {column} drop not null", "") for column in columns)
    later = (*required(case, alter, shown, columns), added)
    yield Edit(measured.facts.number, "", later, (parts(key.name)[-1], found["index"]), swaps)


def blocking_in_down(case: Case) -> Draft | None:
    """Build and drop indexes with CONCURRENTLY in the down file too."""
    if case.down is None:
        return None
    swaps: list[tuple[str, str]] = []
    for statement in case.down.statements:
        text = blanked(statement.text, "comment").strip()
        built, dropped = CREATE_INDEX.fullmatch(text), _DROP_INDEX.fullmatch(text)
        if built and built["name"] and "concurrently" not in text.lower():
            new = f"{built['create']} concurrently {built['name']} on {built['table']}{built['rest']}"
            swaps.append((statement.text, new))
        elif dropped and "," not in dropped["names"] and "concurrently" not in text.lower():
            new = f"drop index concurrently {dropped['if'] or ''}{dropped['names']}"
            swaps.append((statement.text, new))
    return case.draft([Edit(0, swaps=tuple(swaps), is_concurrent=True)]) if swaps else None


def index_of_key(case: Case) -> Draft | None:
    """Create an index on the columns of the foreign key: with its table if that is new, else in a file of its own."""
    later: list[Pair] = []
    added: dict[int, str] = {}
    for key in case.subject.trip.unindexed_keys:
        table = displayed(key.table)
        name = made(table, *(each.strip() for each in key.columns.split(",")), "index")
        if number := _number_in_new_table(case, key):
            added[number] = added.get(number, "") + f"create index {name} on {table} ({key.columns});\n"
        else:
            create = f"create index concurrently {name} on {table} ({key.columns});\n"
            later.append(concurrent(create, in_schema_of(table, name)))
    if not added:
        return case.draft([Edit(0, later=tuple(later))]) if later else None
    texts = {number: case.subject.up.statements[number - 1].text for number in added}
    edits = [Edit(number, f"{texts[number]};\n{indexes}") for number, indexes in added.items()]
    return case.draft([replace(edits[0], later=tuple(later)), *edits[1:]])


def _number_in_new_table(case: Case, key: UnindexedKey) -> int | None:
    """Return the number of the statement that added a foreign key to a table that is new in the pull request."""
    table = case.table(key.table)
    constraint = next((each for each in case.changes.new_constraints() if each.name == key.constraint), None)
    if table is None or constraint is None or case.subject.is_known(table):
        return None
    return case.number_of_new(constraint)

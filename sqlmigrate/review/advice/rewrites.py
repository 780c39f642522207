"""What to write instead of statements that rewrite a table.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.catalog.objects import TABLES, Object
from sqlmigrate.identifiers import QUALIFIED, displayed, last_part, parts
from sqlmigrate.parsing.tokens import with_replaced
from sqlmigrate.review.findings.replaced import is_wider
from sqlmigrate.review.findings.schema_changes import Column
from sqlmigrate.review.findings.subject import MeasuredStatement
from sqlmigrate.review.measure.offending_rows import balanced, retyping

from . import alter_table
from .alter_table import AlterTable, NewColumn
from .batches import filled
from .case import Case
from .constraints import required, validation
from .draft import NOTHING_TO_UNDO, Draft, Edit, Pair, sql_of
from .indexes import concurrent, created
from .names import file_name, in_schema_of, made
from .narrowed import questions

_VIRTUAL = 18  # the first version with virtual generated columns
_VALUE = re.compile(r"\bVALUE\b")
_STORED = re.compile(r"\bstored\b", re.IGNORECASE)
_VACUUM = re.compile(rf"vacuum\s+(?:\([^)]*\)|full|freeze|verbose|analyze|\s)+(?P<table>{QUALIFIED})", re.IGNORECASE)
# A cast that cuts what is too long, or fills it up.
_CUTTING = re.compile(
    r"(?P<value>.+?)\s*::\s*(?:(?P<bits>bit|varbit)|character|varchar|char|bpchar)(?:\s+varying)?\s*\(\s*\d+\s*\)",
    re.IGNORECASE | re.DOTALL,
)
_ONE_VALUE = re.compile(rf"{QUALIFIED}|(?:{QUALIFIED})?(?P<inside>\(.*\))", re.DOTALL)
_NO_CAST = "the cast of USING is left out: it would cut values that are too long, and an assignment refuses them"
_ASSIGNED = ("text", "character", "numeric", "bit")
_AT_ONCE = ("default", "not", "null", "generated", "collate", "")  # the clauses that can be written in steps


def new_column(case: Case) -> Draft | None:
    """Add the column without what rewrites the table, then fill the old rows in batches."""
    return case.draft([edit for each in case.statements for edit in _in_steps(case, each)])


def _in_steps(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found_table = case.altered(measured)
    if found_table is None:
        return
    alter, table = found_table
    if table.kind not in TABLES:
        return
    shown, kept, first, later = displayed(table.name), [], [], []
    for action in alter.actions:
        new = alter_table.new_column(action)
        column = case.column(shown, new.name) if new else None
        if new is None or column is None or not _rewrites(column):
            kept.append(action)
            continue
        if any(each.kind not in _AT_ONCE for each in new.clauses):
            return  # a constraint that needs steps of its own
        steps = _steps(case, alter, new, column)
        first += steps[0]
        later += steps[1]
    if first:
        text = ";\n".join([alter.having([*kept]), *first] if kept else first)
        triggers = [found[1] for each in first if (found := re.match(r"create trigger (\S+)", each))]
        undo = "".join(sql_of(without_trigger(shown, name)) for name in triggers)
        yield Edit(measured.facts.number, text, tuple(later), undo=undo)


def _rewrites(column: Column) -> bool:
    is_volatile = column.has_volatile_look or _is_unknown(column)
    return column.is_serial or column.is_stored or column.is_of_domain or is_volatile


def _is_unknown(column: Column) -> bool:
    """Return whether the default calls a function of the project, which may be volatile."""
    return re.search(r"\w\(", column.default) is not None


def _steps(case: Case, alter: AlterTable, new: NewColumn, column: Column) -> tuple[list[str], list[Pair]]:
    """Return the statements that add a column, and the migrations that fill it and make it NOT NULL."""
    table = displayed(column.object.table)
    if column.is_stored:
        return _generated(case, alter, new, column)
    if column.is_of_domain and not column.default:
        return _of_domain(case, alter, new, column)
    statements, value = [], column.default
    add = alter.having([f"add column {new.name} {column.type}"])
    if column.is_serial and (column.is_identity or "serial" in new.clauses[0].text.lower()):
        sequence = in_schema_of(table, made(table, new.name, "seq"))
        statements.append(f"create sequence {sequence} as {column.type}")
        value = f"nextval('{sequence}')"
        owned = [f"alter sequence {sequence} owned by {table}.{new.name}"]
    else:
        owned = []
    statements += [add, alter.having([f"alter column {new.name} set default {value}"]), *owned]
    fill = Pair(
        file_name("fill", table, new.name), filled(case, table, new.name, value, f"{new.name} is null"), NOTHING_TO_UNDO
    )
    is_required = column.is_not_null
    return statements, [fill, *(required(case, alter, table, [new.name]) if is_required else ())]


def _of_domain(case: Case, alter: AlterTable, new: NewColumn, column: Column) -> tuple[list[str], list[Pair]]:
    """Return the column with the domain's base type, and its constraints as those of the table."""
    domain = _domain(case, column.type)
    if domain is None:
        return [], []
    actions, later = [f"add column {new.name} {domain.attributes.get('base')}"], []
    for number, each in enumerate(_checks(case, domain), 1):
        name = made(column.object.table, new.name, f"check{number if number > 1 else ''}")
        check = with_replaced(each.definition.removesuffix(" NOT VALID"), _VALUE, new.name, "string")
        actions.append(f"add constraint {name} {check} not valid")
        later.append(validation(alter, name))
    return [alter.having(actions)], later


def _domain(case: Case, name: str) -> Object | None:
    found = (each for (kind, _), each in case.after.objects.items() if kind == "domain")
    return next((each for each in found if displayed(each.name) == displayed(name)), None)


def _checks(case: Case, domain: Object) -> list[Object]:
    found = (each for (kind, _), each in case.after.objects.items() if kind == "domain constraint")
    return [each for each in found if each.name.startswith(f"{domain.name}.")]


def _generated(case: Case, alter: AlterTable, new: NewColumn, column: Column) -> tuple[list[str], list[Pair]]:
    """Return a virtual column, or before PostgreSQL 18 a plain one with a trigger that computes it."""
    table = displayed(column.object.table)
    if case.version >= _VIRTUAL:
        clauses = (f"constraint {each.name} {each.text}" if each.name else each.text for each in new.clauses)
        virtual = with_replaced(" ".join(clauses), _STORED, "virtual", "string")
        return [alter.having([f"add column {new.name} {virtual}"])], []
    value = column.object.attributes.get("generation") or "null"
    add = alter.having([f"add column {new.name} {column.type}"])
    own = [each.object.path[-1] for each in case.columns(table)]
    computed = _of_row(value, own)
    statements = [add, *kept_by_trigger(table, made(table, new.name), f"new.{new.name} := {computed};")]
    fill = filled(case, table, new.name, value, f"{new.name} is distinct from {value}")
    return statements, [Pair(file_name("fill", table, new.name), fill, NOTHING_TO_UNDO)]


def _of_row(expression: str, columns: list[str]) -> str:
    """Return an expression about a table as one about the new row of a trigger."""
    for column in columns:
        own = re.compile(rf"(?<![\w.\"']){re.escape(column)}(?![\w\"'(])")
        expression = with_replaced(expression, own, f"new.{column}", "string", "body")
    return expression


def kept_by_trigger(table: str, name: str, body: str) -> list[str]:
    """Return the statements of a trigger that does something with each row before it is written."""
    function = in_schema_of(table, name)
    head = f"create function {function}() returns trigger language plpgsql as $trigger$\n"
    row = f"for each row execute function {function}()"
    return [
        f"{head}begin\n    {body}\n    return new;\nend\n$trigger$",
        f"create trigger {name} before insert or update on {table}\n    {row}",
    ]


def without_trigger(table: str, name: str) -> list[str]:
    """Return the statements that remove such a trigger."""
    return [f"drop trigger {name} on {table}", f"drop function {in_schema_of(table, name)}()"]


def new_type(case: Case) -> Draft | None:
    """Add a second column of the new type, keep it up to date with a trigger, fill it, and swap the two."""
    if not case.has_one_statement or len(case.statements) != 1:
        return None
    alter = alter_table.read(case.statements[0].statement.text)
    found = retyping(alter.actions[0]) if alter and len(alter.actions) == 1 else None
    table = case.table(alter.table) if alter else None
    column = case.column(displayed(table.name), found[0]) if table and found else None
    if alter is None or found is None or table is None or column is None or _is_used(case, column):
        return None
    return _swapped(case, alter, column, found[2])


def _swapped(case: Case, alter: AlterTable, column: Column, using: str) -> Draft:
    table, name = displayed(column.object.table), column.object.path[-1]
    new, old, trigger = made(name, "new"), made(name, "old"), made(table, name, "new")
    before = case.before.objects.get(("column", column.name))
    types = (Column(before).type if before else "", column.type)
    value = _assigned(using, types[0]) or (name if _casts_itself(column) else f"{name}::{column.type}")
    body = f"new.{new} := {_of_row(value, [name])};"
    default = [alter.having([f"alter column {new} set default {column.default}"])] if column.default else []
    add = [alter.having([f"add column {new} {column.type}"]), *default, *kept_by_trigger(table, trigger, body)]
    remove = [*without_trigger(table, trigger), alter.having([f"drop column {new}"])]
    is_kept = before is not None and is_wider(*types)
    converted = using or (value if is_kept else f"{name}::{column.type}")  # or else rounded values differ for ever
    fill = filled(case, table, new, value, f"{new} is distinct from {converted}")
    proofs = required(case, alter, table, [new]) if column.is_not_null else ()
    nullable = [alter.having([f"alter column {name} drop not null"])] if column.is_not_null else []
    swap = [
        *without_trigger(table, trigger), *nullable,
        f"{alter.head} rename column {name} to {old}", f"{alter.head} rename column {new} to {name}",
    ]  # fmt: skip
    back = _irreversible("the old column is not kept up to date any more")
    if before and not is_kept:
        back += "-- sqlmigrate: allow column-type-differs (what every release writes fits the new type)\n"
    return Draft(
        Pair("", sql_of(add), sql_of(remove)),
        (
            Pair(file_name("fill", table, new), fill, NOTHING_TO_UNDO),
            *proofs,
            Pair(file_name("swap", table, name), f"{back}{sql_of(swap)}"),
        ),
        (
            *([_NO_CAST] if using and value != using else ()),
            *(questions(table, name, types, case.subject.version) if value in (name, f"{name}::{column.type}") else ()),
            f"some releases later, when no one needs the old values, drop the column {table}.{old}",
        ),
    )


def _casts_itself(column: Column) -> bool:
    """Return whether an assignment converts the values like ALTER TYPE; a cast would cut off the end of a text."""
    return column.type.startswith(_ASSIGNED) or column.type in ("bigint", "double precision")


def _assigned(using: str, old_type: str) -> str:
    """Return an expression without a cast that cuts it, since an assignment to the new column refuses what is too long.

    https://www.postgresql.org/docs/current/datatype-character.html
    """
    cast = _CUTTING.fullmatch(using.strip())
    value = _ONE_VALUE.fullmatch(cast["value"]) if cast else None
    if cast is None or value is None or (cast["bits"] and not old_type.startswith("bit")):
        return using
    inside = value["inside"]
    return value[0] if not inside or balanced(inside, 0) == inside else using


def _irreversible(why: str) -> str:
    return f"-- sqlmigrate: irreversible ({why})\n"


def _is_used(case: Case, column: Column) -> bool:
    """Return whether an index, a constraint or a view uses a column: then a swap needs more than this."""
    name, table = last_part(column.name), column.object.table
    word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
    texts = (
        each.definition or each.attributes.get("view") or each.attributes.get("using") or ""
        for (kind, _), each in case.after.objects.items()
        if (kind in ("index", "constraint", "policy", "trigger") and each.table == table)
        or (kind in ("view", "materialized view") and last_part(table) in (each.attributes.get("view") or ""))
    )
    return any(map(word.search, texts))


def in_utc(case: Case) -> Draft | None:
    """Change the type in a session with TimeZone = UTC, which rewrites nothing."""
    utc = "-- right if the values are in UTC\nset local timezone = 'UTC';\n"
    if case.subject.up.mode != "transaction" or not case.statements:
        return None
    first = case.statements[0]
    edit = Edit(first.facts.number, f"{utc}{first.statement.text}", undo=utc)
    return case.draft([edit])


def index_around(case: Case) -> Draft | None:
    """Drop the indexes that would be rebuilt, change the type, and build them again, the indexes with CONCURRENTLY."""
    if not case.has_one_statement or case.subject.trip.after is None:
        return None
    text = case.subject.up.statements[0].text
    built = [
        case.index(in_schema_of(touch.relation.name, name))
        for each in case.statements
        for touch in each.facts.touches
        for name in touch.built
    ]
    rebuilt = built or [
        case.index(touch.relation.name)
        for each in case.statements
        for touch in each.facts.touches
        if touch.relation.kind == "index" and touch.rewritten
    ]
    indexes = [each for each in rebuilt if each is not None]
    if not indexes or any(case.constraint(displayed(each.table), parts(each.name)[-1]) for each in indexes):
        return None
    drops = [
        Pair(file_name("drop", each.name), f"drop index concurrently {displayed(each.name)};\n", _old(case, each))
        for each in indexes
    ]
    builds = [concurrent(created(each), displayed(each.name)) for each in indexes]
    change = Pair(file_name("change", indexes[0].table), f"{text};\n", case.down_text)
    return Draft(Pair("", "", ""), (*drops, change, *builds))


def _old(case: Case, index: Object) -> str:
    before = case.before.objects.get(("index", index.name))
    return created(before) if before else NOTHING_TO_UNDO


def recheck_later(case: Case) -> Draft | None:
    """Drop the checks before the change, and add them again as NOT VALID."""
    return case.draft([edit for each in case.statements for edit in _rechecked(case, each)])


def _rechecked(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found_table = case.altered(measured)
    if found_table is None:
        return
    alter, table = found_table
    types = [found[0] for each in alter.actions if (found := retyping(each))]
    checks = [
        each
        for each in case.constraints(displayed(table.name), "CHECK")
        if any(re.search(rf"\b{re.escape(last_part(name))}\b", each.definition) for name in types)
    ]
    if not checks:
        return
    names = [parts(each.name)[-1] for each in checks]
    drop = alter.having([f"drop constraint {name}" for name in names])
    add = [
        f"add constraint {name} {each.definition.removesuffix(' NOT VALID')} not valid"
        for name, each in zip(names, checks, strict=True)
    ]
    up = ";\n".join([drop, measured.statement.text, alter.having(add)])
    yield Edit(measured.facts.number, up, tuple(validation(alter, name) for name in names))


def plain_vacuum(case: Case) -> Draft | None:
    """Make the space reusable, without returning it to the disk."""
    return case.draft([edit for each in case.statements for edit in _vacuumed(each)])


def _vacuumed(measured: MeasuredStatement) -> Iterator[Edit]:
    if found := _VACUUM.fullmatch(measured.statement.text):
        said = "-- makes the space reusable; pg_repack returns it to the disk without this lock\n"
        pair = Pair(file_name("vacuum", found["table"]), f"{said}vacuum (analyze) {found['table']};\n", NOTHING_TO_UNDO)
        yield Edit(measured.facts.number, "", (pair,))

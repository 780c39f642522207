"""What to write instead of what the running application relies on, and that is gone or weaker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import QUALIFIED, displayed, parts
from sqlmigrate.review.findings.subject import MeasuredStatement
from sqlmigrate.review.findings.successors import Successor

from . import alter_table
from .case import Case
from .constraints import validation
from .draft import Draft, Edit, Pair
from .names import made

# The reason for which each of these rules can be allowed.
_REASONS: Mapping[str, str] = {
    "check-removed": "no release relies on it any more",
    "check-replaced": "every running release writes and reads what both permit",
    "foreign-key-removed": "no release relies on it any more",
    "policy-changed": "the new condition was tried with each role",
    "rights-revoked": "no release needs these rights any more",
    "trigger-removed": "every running release does itself what it did",
    "unique-removed": "no release relies on it any more",
}
_FIRST = "execute this file only when this is true: {}"
_CREATES_TABLE = re.compile(r"create\s+(?:unlogged\s+)?table\b", re.IGNORECASE)
_VIEW = re.compile(
    rf"(?P<head>create\s+(?:or\s+replace\s+)?view\s+(?P<view>{QUALIFIED})(?:\s*\([^)]*\))?)\s+as\b(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)


def when_not_relied_on(case: Case) -> Draft | None:
    """Allow it when no running release relies on it."""
    reason = _REASONS[case.findings[0].rule.name]
    return case.allowed(reason, _FIRST.format(reason))


def given_to_new_table(case: Case) -> Draft | None:
    """Give the new table what remains with the old one, right after it is created; else allow what is gone."""
    edits: dict[int, Edit] = {}
    missing = case.names
    for pair in (each for each in case.subject.successors if each.is_other):
        statement = _creating(case, pair)
        for kind in ("constraint", "index") if statement else ():
            for part in pair.was.parts_of(pair.before, kind):
                name = next((each for each in missing if each == f"{displayed(pair.before.name)}.{part.path[-1]}"), "")
                added = _added(part, statement[1]) if name and statement else ""
                if statement and added:
                    missing = [each for each in missing if each != name]
                    number, _ = statement
                    before = edits[number].after if number in edits else ()
                    edits[number] = Edit(number, case.subject.up.statements[number - 1].text, after=(*before, added))
    if edits and not missing:
        return case.draft([*edits.values()])
    return when_not_relied_on(case) if case.findings[0].rule.name in _REASONS else None


def _creating(case: Case, pair: Successor) -> tuple[int, str] | None:
    """Return the statement that creates the new relation, and the name that it has then; None if it is not one."""
    number = case.number_of_new(pair.after)
    measured = next((each for each in case.subject.statements if each.facts.number == number), None)
    made_by = measured.facts.changes if measured and _CREATES_TABLE.match(measured.code) else ()
    names = [each.after.name for each in made_by if each.after and each.after.identity == pair.after.identity]
    return (measured.facts.number, displayed(names[0])) if measured and names else None


def _added(part: Object, table: str) -> str:
    """Return the statement that gives a table a constraint or an index that the old table keeps."""
    name = part.path[-1]
    if part.kind == "index":
        head, _, rest = part.definition.partition(" USING ")
        unique = "unique " if head.startswith("CREATE UNIQUE") else ""
        return f"create {unique}index {made(name, 'new')} on {table} using {rest}"
    if part.definition.startswith(("UNIQUE ", "EXCLUDE ", "PRIMARY KEY ")):  # its index has the name
        name = made(name, "new")
    return f"alter table {table} add constraint {name} {part.definition.removesuffix(' NOT VALID')}"


def whole_rows_as_identity(case: Case) -> Draft | None:
    """Let whole rows identify themselves, so that UPDATE and DELETE of a published table go on."""
    if len(case.statements) != 1:
        return None
    tables = [displayed(table.name) for name in case.names if (table := case.table(name))]
    full = [f"alter table {table} replica identity full" for table in tables]
    undo = "".join(f"alter table {table} replica identity default;\n" for table in tables)
    measured = case.statements[0]
    text = ";\n".join([measured.statement.text, *full])
    return case.draft([Edit(measured.facts.number, text, undo=undo)] if full else [])


def same_options(case: Case) -> Draft | None:
    """Repeat the options that the view has."""
    return case.draft([edit for each in case.statements for edit in _with_options(case, each)])


def _with_options(case: Case, measured: MeasuredStatement) -> Iterator[Edit]:
    found = _VIEW.fullmatch(measured.code)
    old = case.before.tables.get(case.full(found["view"])) if found else None
    options = (old.attributes.get("options") or "") if old else ""
    if found and options:
        yield Edit(measured.facts.number, f"{found['head']} with ({options}) as{found['rest']}")


def keys_to_new_table(case: Case) -> Draft | None:
    """Point the foreign keys to the table that has the name now, as NOT VALID, and validate them later."""
    script = case.subject.up
    moves: list[str] = []
    later: list[Pair] = []
    for key, wanted in _moved_keys(case):
        alter, own = alter_table.of(displayed(key.table)), parts(key.name)[-1]
        name = made(own, "new")
        moves.append(alter.having([f"drop constraint {own}", f"add constraint {name} {wanted} not valid"]))
        later.append(validation(alter, name))
    last = len(script.statements)
    said = "-- locks both tables, so that no row refers to the old one in between"
    text = ";\n".join([script.statements[-1].text, *moves]).replace(";\n", f";\n{said}\n", 1)
    undo = "".join(f"{each};\n" for each in _moved_back(case))
    return case.draft([Edit(last, text, tuple(later), undo=undo)]) if moves else None


def _moved_back(case: Case) -> Iterator[str]:
    for key, _ in _moved_keys(case):
        own = parts(key.name)[-1]
        back = [f"drop constraint {made(own, 'new')}", f"add constraint {own} {key.definition} not valid"]
        yield alter_table.of(displayed(key.table)).having(back)


def _moved_keys(case: Case) -> Iterator[tuple[Object, str]]:
    """Return the foreign keys that followed a renamed table, with the definition that they had."""
    for key, each in case.after.objects.items():
        old = case.before.objects.get(key)
        if each.is_foreign_key and old and old.definition != each.definition:
            yield each, old.definition

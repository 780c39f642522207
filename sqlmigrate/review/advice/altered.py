"""What to write instead of objects that stay but behave differently: columns, grants, owners, sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.catalog.objects import RELATIONS, Object
from sqlmigrate.identifiers import displayed, literal, parent, parts, plain
from sqlmigrate.review.measure.facts import LateSequence

from .case import Case
from .draft import Draft, Edit, Pair, sql_of
from .names import identifier
from .rights import granted

# The rights that stand for those of an owner who reads and writes.
_OWN = {"table": "select, insert, update, delete", "partitioned table": "select, insert, update, delete",
        "view": "select", "sequence": "usage, select"}  # fmt: skip
_FIRST = "first release an application that always sets a value; then execute this file"


def when_always_set(case: Case) -> Draft | None:
    """Allow it when every running release sets a value."""
    return case.allowed("every running release sets a value", _FIRST)


def granted_again(case: Case) -> Draft | None:
    """Grant again what the dropped object had, in the same migration."""
    edits: dict[int, str] = {}
    for before, after in case.changes.replaced():
        kind = "" if before.kind in RELATIONS else before.kind
        lines = list(granted(before, kind, displayed(after.name), after.attributes.get("acl") or ""))
        number = case.number_of_new(after)
        if lines and number is not None:
            text = edits.get(number) or case.subject.up.statements[number - 1].text
            edits[number] = ";\n".join([text, *(line.removesuffix(";") for line in lines)])
    return case.draft([Edit(number, text) for number, text in edits.items()])


def rights_for_owner(case: Case) -> Draft | None:
    """Grant rights instead of changing the owner."""
    if not case.has_one_statement:
        return None
    ups, downs = [], []
    for thing, owner in _new_owners(case):
        if thing.kind not in _OWN:
            return None
        on = f"{'sequence ' if thing.kind == 'sequence' else ''}{displayed(thing.name)}"
        ups.append(f"grant {_OWN[thing.kind]} on {on} to {identifier(owner)};\n")
        downs.append(f"revoke {_OWN[thing.kind]} on {on} from {identifier(owner)};\n")
    return Draft(Pair("", "".join(ups), "".join(downs))) if ups else None


def _new_owners(case: Case) -> Iterator[tuple[Object, str]]:
    for change in case.changes.all("altered"):
        before, after = change.before, change.after
        if before is None or after is None or (after.kind == "sequence" and after.table != after.name):
            continue
        owner = after.attributes.get("owner")
        if owner and owner != before.attributes.get("owner"):
            yield after, owner


def sequence_set(case: Case) -> Draft | None:
    """Set the sequence after the rows, in the same file."""
    late, after_down = case.subject.trip.late_sequences, case.subject.trip.late_after_down
    places = case.statements[-1:] if late else ()
    draft = case.draft([Edit(each.facts.number, ";\n".join([each.statement.text, *map(_set_to_largest, late)]))
                        for each in places]) or Draft(Pair("", "", case.down_text))  # fmt: skip
    if not after_down or case.down is None:
        return draft if late else None
    down = draft.own.down.rstrip("\n") + "\n" + sql_of(map(_set_to_largest, after_down))
    return replace(draft, own=replace(draft.own, down=down))


def _set_to_largest(late: LateSequence) -> str:
    """Return the statement that sets a sequence to the largest value of its column."""
    table, column = parent(late.column), parts(late.column)[-1]
    if late.is_owned:
        return sequence_to_largest(table, column)
    return f"select setval({literal(late.sequence)}, (select max({column}) from {table}))"


def sequence_to_largest(table: str, column: str) -> str:
    """Return the statement that sets the sequence of an identity or serial column to its largest value.

    The name of the sequence is not in it: in production it may be another one.

    Args:
        table: The table as SQL has it.
        column: The column as SQL has it.
    """
    of = f"pg_get_serial_sequence({literal(table)}, {literal(plain(column))})"
    return f"select setval({of}, (select max({column}) from {table}))"

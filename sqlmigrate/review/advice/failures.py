"""What to write instead of statements that fail."""

from __future__ import annotations

import re

from sqlmigrate.identifiers import displayed
from sqlmigrate.parsing.statement import Statement

from . import alter_table
from .case import Case
from .draft import Draft, Edit
from .locks import in_batches_or_alone
from .names import file_name
from .parts import Part, cut

_ENDS = re.compile(r"(?:commit|end|rollback|abort|begin|start\s+transaction)\b[\w\s]*", re.IGNORECASE)
_ADD_VALUE = re.compile(r"alter\s+type\s.+\sadd\s+value\b", re.IGNORECASE | re.DOTALL)
# A value for the rows that exist, by the beginning of the type.
_VALUES = (
    (("text", "varchar", "character", "char", "citext"), "''"),
    (("smallint", "int", "bigint", "numeric", "decimal", "real", "double", "float"), "0"),
    (("bool",), "false"),
    (("timestamp", "date"), "'1970-01-01'"),
    (("jsonb", "json"), "'{}'"),
)


def outside_transaction(case: Case) -> Draft | None:
    """Put each statement that cannot run in a transaction into a file of its own."""
    found: list[Part] = []
    for number, statement in enumerate(case.subject.up.statements, 1):
        is_alone = not statement.kind.runs_in_transaction
        if found and not is_alone and not _is_alone(case, found[-1]):
            found[-1] = Part(found[-1].name, (*found[-1].numbers, number))
        else:
            found.append(Part(_named(statement), (number,)))
    return cut(case, found)


def _is_alone(case: Case, part: Part) -> bool:
    return not case.subject.up.statements[part.numbers[0] - 1].kind.runs_in_transaction


def _named(statement: Statement) -> str:
    return file_name(*statement.title.split()[:3])


def one_transaction_each(case: Case) -> Draft | None:
    """Leave BEGIN and COMMIT out: each transaction is a file."""
    found: list[Part] = []
    is_new = True
    for number, statement in enumerate(case.subject.up.statements, 1):
        if _ENDS.fullmatch(statement.text.strip()):
            is_new = True
        elif found and not is_new:
            found[-1] = Part(found[-1].name, (*found[-1].numbers, number))
        else:
            found.append(Part(_named(statement), (number,)))
            is_new = False
    return cut(case, found)


def label_first(case: Case) -> Draft | None:
    """Add the label in a file of its own, and use it in the next one."""
    numbers = range(1, len(case.subject.up.statements) + 1)
    adds = tuple(each for each in numbers if _ADD_VALUE.match(case.subject.up.statements[each - 1].text))
    rest = [each for each in numbers if each not in adds]
    if not adds or not rest:
        return None
    return cut(case, [Part("", adds), *in_batches_or_alone(case, rest)])


def with_default(case: Case) -> Draft | None:
    """Add the column with a constant default, which takes an instant with any number of rows."""
    edits = []
    for measured in case.statements:
        alter = alter_table.read(measured.statement.text)
        actions = [_defaulted(each) for each in alter.actions] if alter else []
        if alter and tuple(actions) != alter.actions:
            said = "-- the default is for the rows that exist: write the value that is right for them"
            edits.append(Edit(measured.facts.number, f"{said}\n{alter.having(actions)}"))
    return case.draft(edits)


def _defaulted(action: str) -> str:
    new = alter_table.new_column(action)
    if new is None or new.of("default", "generated") or not new.of("not"):
        return action
    kind = displayed(new.clauses[0].text.lower())
    value = next((value for starts, value in _VALUES if kind.startswith(starts)), "")
    return f"{new.without()} default {value}" if value and not kind.endswith("]") else action

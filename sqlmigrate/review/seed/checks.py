"""Finds values that the checks of a table accept: the server evaluates the checks, and no row is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from sqlmigrate.database.session import Request, Session

from .tables import Column, Inventory, Table
from .values import list_check_values, list_type_values, take_turns

_DISTINCT = 60  # values in a column that is not unique
_NULL_EVERY = 5
_MOST = 4000  # combinations that are tried for columns of one check
_CHOICES = 8  # ways to satisfy the checks of several columns, which rows take in turn
REFERENCE = "{reference}"  # stands for the value of a column that references another table
_NUMBERS = "(values (1), (2), (3), (4), (5), (6), (7), (9), (150), (300)) n (g)"
_VALUE = re.compile(r"\bVALUE\b")
_LITERAL = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True)
class _Candidates:
    """The values that are tried for one column."""

    column: str
    formatted: str
    values: list[str]


class ValueFinder:
    """Finds values for every column of a database, once for each table. A value is an SQL expression of `{g}`.

    Attributes:
        tables: all tables by OID
        unreferenced: the tables to fill that no foreign key references
    """

    def __init__(self, session: Session, known: Inventory) -> None:
        self.tables = known.tables
        referenced = {key.target for table in known.tables.values() for key in table.foreign_keys}
        self.unreferenced = tuple(each for each in known.empty.values() if each.oid not in referenced)
        self._session = session
        self._types = known.types
        self._passing: dict[str, list[str]] = {}
        self._known: dict[int, dict[int, str]] = {}
        self._wanted = dict(_wanted(known.tables))
        self._unsupported()
        for oid in known.types:
            self._domain(oid)

    def find_values(self, table: Table) -> dict[int, str]:
        """Return the value of each column for which one was found, by the number of the column."""
        if table.oid not in self._known:
            self._known[table.oid] = dict(self._of_table(table))
        return self._known[table.oid]

    def _unsupported(self) -> None:
        """Find out whether this server supports XML, https://www.postgresql.org/docs/current/datatype-xml.html."""
        for oid, known in self._types.items():
            if known.name == "xml" and not self._fits([_Candidates("it", "xml", ["'<a/>'"])], []):
                self._passing[oid] = []

    def _domain(self, oid: str) -> None:
        """Find the values that the checks of a domain accept, after those of its base domain."""
        domain = self._types[oid]
        if domain.kind != "d" or oid in self._passing or domain.element not in self._types:
            return
        self._domain(domain.element)
        below = self._types[domain.element]
        tried = list_type_values(domain.element, self._types, domain.formatted, self._passing)
        if domain.checks:
            tried = list_check_values(domain.checks, below.category) + tried
            checks = [_VALUE.sub('"value"', check) for check in domain.checks]
            candidates = _Candidates('"value"', domain.formatted, tried)
            tried = [tried[choice[0]] for choice in self._fits([candidates], checks, all_of_them=True)] or tried
        self._passing[oid] = tried

    def _of_table(self, table: Table) -> Iterator[tuple[int, str]]:
        """Find values; those for columns of one check together: rows satisfy it in different ways, in turn."""
        referencing = {number for key in table.foreign_keys for number in key.columns}
        for group in _groups(table):
            columns = [column for number in sorted(group) if (column := table.column(number))]
            checks = [text for key, text in table.checks if set(key) & group and not set(key) & set(table.generated)]
            if len(columns) > 1 and checks:
                found = self._together(table, columns, checks, referencing)
                if found:
                    yield from found.items()
                    continue
            candidates = [self._candidates(table, column, checks) for column in columns]
            if checks and all(each.values for each in candidates):
                candidates = self._limited(candidates, checks)
                choices = self._fits(candidates, checks) or [tuple(0 for _ in columns)]
            else:
                choices = [tuple(0 for _ in columns)]
            for column, each, choice in zip(columns, candidates, choices[0], strict=True):
                if each.values:
                    yield column.number, each.values[choice]

    def _together(
        self, table: Table, columns: Sequence[Column], checks: Sequence[str], referencing: Collection[int]
    ) -> dict[int, str]:
        """Return values of columns that checks combine; a reference is NULL in some rows, and in others it is not."""
        candidates = [self._combined(table, column, checks, column.number in referencing) for column in columns]
        if not all(each.values for each in candidates):
            return {}
        candidates = self._limited(candidates, checks)
        choices = _different(candidates, self._fits(candidates, checks, all_of_them=True))
        found = {}
        for at, column in enumerate(columns):
            values = [candidates[at].values[choice[at]] for choice in choices]
            if column.number in referencing:
                values = [value if value == "null" else REFERENCE for value in values]
            if values:
                found[column.number] = _in_turn(values, column.formatted)
        return found

    def _combined(self, table: Table, column: Column, checks: Sequence[str], is_reference: bool) -> _Candidates:  # noqa: FBT001
        """Return the values to try for a column that a check combines with others."""
        plain = self._candidates(table, column, checks)
        values = [value for value in plain.values if not value.startswith("case when ") and value != "null"]
        if not any(_compares(text, column.name) for text in checks):  # only whether it is NULL counts
            values = (list_type_values(column.type, self._types, column.formatted, self._passing) or values)[:1]
        if is_reference:  # each column another value, because two references seldom have to be equal
            values = [value.replace("{g}", f"({{g}} + {column.number})") for value in values[:1]]
        if "null" in plain.values:
            values = [*values[:1], "null", *values[1:]]
        return _Candidates(plain.column, plain.formatted, values)

    def _candidates(self, table: Table, column: Column, checks: Sequence[str]) -> _Candidates:
        """Return the values to try for a column: NULL in some rows if it may be, few values if it is not unique."""
        known = self._types.get(column.type)
        own = [text for text in checks if column.name in text]
        base = self._base(column.type)
        is_unique = column.number in table.unique
        found = list_type_values(column.type, self._types, column.formatted, self._passing) if known else []
        if own and base:
            spoken = list_check_values(own, base)
            found = found + spoken if is_unique else spoken + found
        if literals := self._wanted.get((table.oid, column.number)):
            found = [take_turns(literals), *found]
        several = found if is_unique else [value.replace("{g}", f"(1 + {{g}} % {_DISTINCT})") for value in found]
        if column.not_null or (known and known.not_null) or column.is_identity:
            return _Candidates(column.name, column.formatted, several)
        rest = column.number % _NULL_EVERY
        some = [f"case when {{g}} % {_NULL_EVERY} <> {rest} then {value} end" for value in several]
        return _Candidates(column.name, column.formatted, [*some, *several, *(["null"] if several else [])])

    def _base(self, oid: str) -> str:
        while oid in self._types and self._types[oid].kind == "d":
            oid = self._types[oid].element
        return self._types[oid].category if oid in self._types else ""

    # asking the server

    def _limited(self, candidates: list[_Candidates], checks: Sequence[str]) -> list[_Candidates]:
        """Leave out values that the checks of the column refuse, and the last ones of too many combinations."""
        kept = []
        for each in candidates:
            own = [text for text in checks if not any(_names(text, o.column) for o in candidates if o is not each)]
            passing = [each.values[choice[0]] for choice in self._fits([each], own, all_of_them=True)]
            kept.append(_Candidates(each.column, each.formatted, passing or each.values[:1]))
        if len(kept) == 1:
            return kept
        room = float(_MOST)
        limited = {}
        for left, each in zip(range(len(kept), 0, -1), sorted(kept, key=lambda one: len(one.values)), strict=True):
            values = each.values[: max(2, int(room ** (1 / left)))]
            room /= len(values)
            limited[each.column] = _Candidates(each.column, each.formatted, values)
        return [limited[each.column] for each in kept]

    def _fits(
        self, candidates: list[_Candidates], checks: Sequence[str], *, all_of_them: bool = False
    ) -> list[tuple[int, ...]]:
        """Return the choices that all checks accept, a value for each column; earlier values first."""
        try:
            return self._asked(candidates, list(range(len(candidates[0].values))), checks, all_of_them=all_of_them)
        except psycopg.Error:
            if not self._session.is_usable:
                raise
            self._session.abort()
        found: list[tuple[int, ...]] = []
        for number in range(len(candidates[0].values)):
            try:
                found += self._asked(candidates, [number], checks, all_of_them=all_of_them)
            except psycopg.Error:
                if not self._session.is_usable:
                    raise
                self._session.abort()
            if found and not all_of_them:
                break
        return found

    def _asked(
        self, candidates: list[_Candidates], firsts: list[int], checks: Sequence[str], *, all_of_them: bool
    ) -> list[tuple[int, ...]]:
        parts = [_values(each, firsts if at == 0 else None, at) for at, each in enumerate(candidates)]
        picks = [f"pick{at}" for at in range(len(candidates))]
        condition = " and ".join(f"(({check}) is not false)" for check in checks) or "true"
        used = " and ".join(f"count({each.column}) >= 0" for each in candidates)  # or it is not computed
        joined = " join ".join([parts[0], *(f"{part} using (g)" for part in parts[1:])])
        order = f"{' + '.join(picks)}, {', '.join(picks)}"
        shown = ", ".join(f"{pick}::text as {pick}_text" for pick in picks)  # a name other than that in ORDER BY
        statement = (
            f"select {shown} from {joined} group by {', '.join(picks)}"
            f" having bool_and({condition}) and {used} order by {order}{'' if all_of_them else ' limit 1'}"
        )
        return [tuple(int(value or 0) for value in row) for row in self._session.ask(Request(statement))[0]]


def _values(candidates: _Candidates, firsts: list[int] | None, at: int) -> str:
    """Return the candidates of a column as a table, each with every number that is tried."""
    numbers = range(len(candidates.values)) if firsts is None else firsts
    rows = " union all ".join(
        f"select g, {number} as pick{at}, ({candidates.values[number].replace('{g}', 'g')})::{candidates.formatted}"
        f" as {candidates.column} from {_NUMBERS}"
        for number in numbers
    )
    return f"({rows}) t{at}"


def _compares(text: str, column: str) -> bool:
    """Return whether a check compares a column with something."""
    return (
        re.search(rf'(?<![\w"]){re.escape(column)}(?![\w"])\)?(?:::[\w ]+)?\)* *(?:[=<>~!]|IS DISTINCT)', text)
        is not None
    )


def _wanted(tables: Mapping[int, Table]) -> Iterator[tuple[tuple[int, int], list[str]]]:
    """Return for columns that others reference the values that the others must have: those of subtypes."""
    found: dict[tuple[int, int], dict[str, None]] = {}
    for table in tables.values():
        for key in table.foreign_keys:
            for own, other in zip(key.columns, key.target_columns, strict=True):
                texts = [text for numbers, text in table.checks if numbers == (own,)]
                texts += [table.generated[own]] if own in table.generated else []
                for text in texts if len(key.columns) > 1 else ():
                    found.setdefault((key.target, other), {}).update(dict.fromkeys(_LITERAL.findall(text)))
    yield from ((place, list(literals)) for place, literals in found.items() if literals)


def _different(candidates: Sequence[_Candidates], choices: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return some choices that differ: first each that has a new literal, then each in which other columns are NULL."""
    chosen: list[tuple[int, ...]] = []
    literals: set[tuple[int, str]] = set()
    patterns: set[tuple[bool, ...]] = set()
    for is_first in (True, False):
        for choice in choices:
            values = [each.values[pick] for each, pick in zip(candidates, choice, strict=True)]
            said = {(at, value) for at, value in enumerate(values) if value.startswith("'")}
            pattern = tuple(value == "null" for value in values)
            if said <= literals and (is_first or pattern in patterns) and chosen:
                continue
            literals |= said
            patterns.add(pattern)
            chosen.append(choice)
    return chosen[:_CHOICES]


def _in_turn(values: Sequence[str], formatted: str) -> str:
    """Return an expression that is each of these values in turn; `{g}` is the number of the row."""
    if len(set(values)) == 1:
        return values[0]
    cases = " ".join(f"when {at} then ({value})::{formatted}" for at, value in enumerate(values))
    return f"case {{g}} % {len(values)} {cases} end"


def _names(text: str, column: str) -> bool:
    return re.search(rf'(?<![\w"]){re.escape(column)}(?![\w"])', text) is not None


def _groups(table: Table) -> list[set[int]]:
    """Return the columns in groups: those of one check together."""
    groups: list[set[int]] = [{column.number} for column in table.columns]
    for key, _ in table.checks:
        if set(key) & set(table.generated):
            continue
        touched = [group for group in groups if group & set(key)]
        if touched:
            groups = [group for group in groups if group not in touched] + [set().union(*touched)]
    return groups

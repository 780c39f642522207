"""Values within the bounds of partitions, https://www.postgresql.org/docs/current/ddl-partitioning.html."""

from __future__ import annotations

import re

from .tables import Partition, Table

_RANGE = re.compile(r"^FOR VALUES FROM \((.*)\) TO \((.*)\)$", re.DOTALL)
_LIST = re.compile(r"^FOR VALUES IN \((.*)\)$", re.DOTALL)
_VALUE = re.compile(r"'(?:[^']|'')*'|[^,\s]+")
_MOST = 30  # partitions that rows are generated for


def plan_values(table: Table) -> list[dict[int, str]]:
    """Return for each partition the values of the key's columns; any value will do for default and hash partitions."""
    found: list[dict[int, str]] = []
    for path in table.paths:
        plan: dict[int, str] = {}
        for bound in path:
            plan |= _values(table, bound)
        if plan not in found:
            found.append(plan)
    some = [plan for plan in found if plan] or [{}]
    return some[:_MOST] + ([{}] if {} in found and some != [{}] else [])


def _values(table: Table, bound: Partition) -> dict[int, str]:
    if match := _LIST.match(bound.bound):
        values = _VALUE.findall(match[1])
        column = table.column(bound.columns[0])
        if column is None:
            return {}
        turn = ", ".join(f"({value})::{column.formatted}" for value in values)
        return {column.number: f"(array[{turn}])[1 + {{g}} % {len(values)}]"}
    if match := _RANGE.match(bound.bound):
        return _between(table, bound, _VALUE.findall(match[1]), _VALUE.findall(match[2]))
    return {}


def _between(table: Table, bound: Partition, low: list[str], high: list[str]) -> dict[int, str]:
    """Return values from the lower bound on; without a lower bound, values below the upper one."""
    found = {}
    for number, start, end in zip(bound.columns, low, high, strict=True):
        column = table.column(number)
        if column is None:
            continue
        if start != "MINVALUE":
            found[number] = _spread(start, end, column.formatted)
        elif end != "MAXVALUE":
            found[number] = _below(end, column.formatted)
    return found


_STEPS = {"date": ("1", 1), "integer": ("1", 1), "bigint": ("1", 1), "smallint": ("1::smallint", 1)}


def _spread(start: str, end: str, formatted: str) -> str:
    """Return values from `start` on, and below `end`."""
    base = f"({start})::{formatted}"
    if formatted.startswith("timestamp") or formatted == "date":
        value = f"{base} + {{g}} * interval '7 minutes'"
        return value if end == "MAXVALUE" else f"least({value}, ({end})::{formatted} - interval '1 second')"
    if formatted in _STEPS:
        room = f"(({end})::{formatted} - {base})" if end != "MAXVALUE" else "1000"
        return f"{base} + {{g}} % greatest({room}, 1)"
    return base


def _below(end: str, formatted: str) -> str:
    base = f"({end})::{formatted}"
    if formatted.startswith("timestamp") or formatted == "date":
        return f"{base} - {{g}} * interval '1 day'"
    if formatted in _STEPS or formatted.startswith("numeric"):
        return f"{base} - {{g}}"
    return f"left({base}, 0)" if formatted.startswith(("text", "character")) else base

"""The question for production before the values of a column become those of another type.

An assignment to a column refuses what is too long, but rounds numbers and times:
https://www.postgresql.org/docs/current/typeconv-query.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.identifiers import displayed
from sqlmigrate.review.findings.replaced import is_wider
from sqlmigrate.review.measure.conversions import does_not_convert

_NUMBERS = re.compile(r"(?:smallint|integer|bigint|numeric|real|double precision)(?:\(\d+,(?P<digits>\d+)\))?")
_TIMES = re.compile(r"(?:date|time|timestamp|interval)\b")
_REFUSES = "each value that it counts is refused, by the fill and when the application writes it"
_ROUNDS = "each value that it counts is rounded, as ALTER TABLE would round it"


def questions(table: str, column: str, types: tuple[str, str], version: int) -> Iterator[str]:
    """Return what to ask production before a column gets another type, one sentence each; none if every value fits.

    Args:
        table: The table, as messages show it.
        column: The column, as SQL.
        types: Its type before and after, as the catalog writes them.
        version: The version of the server, as 180004.
    """
    old, new = types
    if is_wider(old, new):
        return
    for condition, what in (
        (does_not_convert(column, old, new, version), _REFUSES),
        (_is_rounded(column, old, new), _ROUNDS),
    ):
        if condition:
            yield f"ask production first: select count(*) from {table} where {condition}; {what}"


def _is_rounded(column: str, old: str, new: str) -> str:
    """Return the condition of values that an assignment rounds; empty if there are none, or it is not known."""
    before, after = _NUMBERS.fullmatch(old), _NUMBERS.fullmatch(new)
    if before and after:
        is_whole = new in ("smallint", "integer", "bigint") or after["digits"]
        if old in ("smallint", "integer", "bigint") or not is_whole or int(before["digits"] or 99) <= _digits(after):
            return ""
        return f"{column} <> round({column}::numeric, {_digits(after)})"
    if _TIMES.match(old) and _TIMES.match(new) and ("(" in new or new == "date") and not _is_same_kind(old, new):
        return f"{column} <> {column}::{displayed(new)}"
    return ""


def _digits(number: re.Match[str]) -> int:
    return int(number["digits"] or 0)


def _is_same_kind(old: str, new: str) -> bool:
    """Return whether the values of a type are those of another with at least as many digits."""
    digits = [re.search(r"\((\d)\)", each) for each in (old, new)]
    before, after = (int(each[1]) if each else 6 for each in digits)
    return re.sub(r"\(\d\)", "", old) == re.sub(r"\(\d\)", "", new) and before <= after

"""Which values of a column do not convert to its new type, as a condition in SQL.

Only conversions that can fail are known here. That a time stamp or a number loses decimals is not a failure.
"""

from __future__ import annotations

import math
import re

from sqlmigrate.identifiers import displayed, literal

_V16 = 160000
_RANGES = {"smallint": ("-32768", "32767"), "integer": ("-2147483648", "2147483647"),
           "bigint": ("-9223372036854775808", "9223372036854775807")}  # fmt: skip
_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}  # of the largest value
_INEXACT = ("numeric", "real", "double precision")  # of any size
_NUMBER = r"^\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*$"
_PATTERNS = {
    **dict.fromkeys(_RANGES, r"^\s*[-+]?\d+\s*$"),
    **dict.fromkeys(_INEXACT, _NUMBER),
    "uuid": r"^\{?[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\}?$",
    "boolean": r"(?i)^\s*(t|true|f|false|y|yes|n|no|on|off|1|0)\s*$",
}
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_TEXT = re.compile(r"(?:character varying|character)\((\d+)\)")
_BITS = re.compile(r"bit varying\((\d+)\)")
_UNLIMITED = ("text", "character varying", "citext", "bpchar", "bit varying")
# The longest text of a value; what other types write is not known.
_LONGEST = {"smallint": 6, "integer": 11, "bigint": 20, "boolean": 5, "uuid": 36}


def does_not_convert(column: str, old: str, new: str, version: int) -> str:
    """Return the condition of values that do not convert from one type to another; empty if none can be written.

    Args:
        column: The column, as SQL.
        old: Its type, as the catalog writes it.
        new: Its new type.
        version: The version of the server that is asked (180004).
    """
    if old.endswith("[]") and new.endswith("[]"):
        inside = does_not_convert("value", old[:-2], new[:-2], version)
        return f"exists (select from unnest({column}) value where {inside})" if inside else ""
    if condition := _does_not_fit(column, old, new):
        return condition
    if not old.startswith(("text", "character", "citext")):
        return ""
    if version >= _V16:
        return f"not pg_input_is_valid({column}::text, {literal(displayed(new))})"
    return f"{column} !~ {literal(_PATTERNS[new])}" if new in _PATTERNS else ""


def _does_not_fit(column: str, old: str, new: str) -> str:
    """Return the condition of values that are too large or too long for a type."""
    if new in _RANGES and _is_number(old):
        return f"{column} not between {_RANGES[new][0]} and {_RANGES[new][1]}"
    if length := _TEXT.fullmatch(new):
        return f"length({column}::text) > {length[1]}"
    if old.startswith("bit varying") and (length := _BITS.fullmatch(new)):
        return f"length({column}) > {length[1]}"
    if _is_number(old) and (digits := _NUMERIC.fullmatch(new)):
        return f"abs(round({column}::numeric, {digits[2]})) >= 1e{int(digits[1]) - int(digits[2])}"
    return ""


def is_narrower(old: str, new: str) -> bool:
    """Return whether a type holds fewer values of the same kind than another one, so that values may not fit.

    That is a shorter text, a smaller number, or a text that is too short for a number.

    Args:
        old: The type before, as the catalog writes it.
        new: The type after.
    """
    if old.endswith("[]") and new.endswith("[]"):
        return is_narrower(old[:-2], new[:-2])
    if _is_number(old):
        if length := _TEXT.fullmatch(new):
            return _LONGEST.get(old, 0) > int(length[1])
        if old in _DIGITS and new in _DIGITS:
            return _DIGITS[old] > _DIGITS[new]
        return _digits(old) > _digits(new) - (new in _DIGITS)  # not every number of so many digits fits there
    if length := _TEXT.fullmatch(new) or (_BITS.fullmatch(new) if old.startswith("bit varying") else None):
        before = _TEXT.fullmatch(old) or _BITS.fullmatch(old)
        longest = int(before[1]) if before else math.inf if old in _UNLIMITED else _LONGEST.get(old, 0)
        return longest > int(length[1])
    return False


def _is_number(kind: str) -> bool:
    return kind in _DIGITS or kind in _INEXACT or _NUMERIC.fullmatch(kind) is not None


def _digits(kind: str) -> float:
    """Return the digits before the point of the largest value of a type; without a limit, infinity."""
    if digits := _NUMERIC.fullmatch(kind):
        return int(digits[1]) - int(digits[2])
    return _DIGITS.get(kind, math.inf)

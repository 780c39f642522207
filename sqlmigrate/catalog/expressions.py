"""Compares expressions as PostgreSQL prints them, apart from parentheses that mean nothing.

A comparison of rows is stored as pairs: ``((a <> b) OR (c <> d)) OR (e <> f)``. The same text, parsed again, is stored
and printed as one chain: ``(a <> b) OR (c <> d) OR (e <> f)``. The words are upper case where PostgreSQL prints them,
and BETWEEN is printed as two comparisons: ``get_rule_expr`` in
https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/ruleutils.c
"""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[\w$]+|\s+|.""", re.DOTALL)
_CHAINS = ("AND", "OR")

_Group = list["str | _Group"]


def are_alike(one: str, other: str) -> bool:
    """Return whether two definitions differ at most in the parentheses of chains of AND, or of OR."""
    if one == other:
        return True
    if not any(word in text for word in _CHAINS for text in (one, other)):
        return False
    return _flat(one) == _flat(other)


@lru_cache(maxsize=256)
def _flat(text: str) -> str:
    """Return a text in which a chain has no chain of the same kind in parentheses."""
    stack: list[_Group] = [[]]
    for word in _TOKEN.findall(text):
        if word == "(":
            stack.append([])
        elif word == ")" and len(stack) > 1:
            group = _chained(stack.pop())
            stack[-1].append(group)
        else:
            stack[-1].append(" " if word.isspace() else word)
    return "".join(_printed(each) for group in stack for each in _chained(group))


def _chained(group: _Group) -> _Group:
    """Return a group whose operands are no chains of its own kind."""
    kind = _kind(group)
    if kind is None:
        return group
    operands: _Group = []
    for number, each in enumerate(group):
        is_operand = _word(group, number, -1) in (kind, None) and _word(group, number, 1) in (kind, None)
        operands += each if isinstance(each, list) and is_operand and _kind(each) == kind else [each]
    return operands


def _kind(group: _Group) -> str | None:
    """Return the word that connects the operands of a group, if it is one and the same."""
    words = {each for each in group if isinstance(each, str)}
    found = words.intersection(_CHAINS)
    return found.pop() if len(found) == 1 and "CASE" not in words else None


def _word(group: _Group, number: int, step: int) -> str | _Group | None:
    """Return the next element before or after one that is not blank; None at the end."""
    place = number + step
    while 0 <= place < len(group) and group[place] == " ":
        place += step
    return group[place] if 0 <= place < len(group) else None


def _printed(each: str | _Group) -> str:
    return each if isinstance(each, str) else f"({''.join(map(_printed, each))})"

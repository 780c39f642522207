"""Compares definitions as PostgreSQL prints them, apart from what only its way of printing distinguishes.

PostgreSQL stores what it has parsed, and prints that. The printed text, parsed again, may be stored and printed in
another form. These four are known, and are the same here:

- A comparison of rows is stored as pairs, ``((a <> b) OR (c <> d)) OR (e <> f)``; its text becomes one chain.
- A list of texts is stored as a cast of the whole array, ``(ARRAY['a'::character varying])::text[]``; its text becomes
  an array of casts.
- The columns of a function's rows are listed after its alias as they were when the view was created. A column that its
  type has got since is not in the list, until the text is parsed again.
- A row gets a NULL for an attribute that its composite type has got since, ``ROW('a'::text, NULL)::address``; in its
  text the NULL has no type, which it gets when the text is parsed again.

The words are upper case where PostgreSQL prints them, and BETWEEN is printed as two comparisons: ``get_rule_expr`` and
``get_column_alias_list`` in
https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/ruleutils.c
"""

from __future__ import annotations

import re
from functools import lru_cache

from sqlmigrate.identifiers import IDENTIFIER

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[\w$]+|\s+|.""", re.DOTALL)
_PRINTED = frozenset(("view", "default", "generation", "using", "check", "partition bound", "partition key", "tables"))
_PRINTED_DEFINITIONS = ("constraint", "domain constraint", "index", "trigger", "rule", "statistics")
_CHAINS = ("AND", "OR")
_TEXT = r"'(?:[^']|'')*'"
_VARYING = rf"{_TEXT}::character varying"
_CAST_ARRAY = re.compile(rf"\(ARRAY\[({_VARYING}(?:, {_VARYING})*)\]\)::text\[\]")
_ELEMENT = re.compile(_VARYING)
_ALIASES = re.compile(rf"(\) {IDENTIFIER})\(({IDENTIFIER}(?:, {IDENTIFIER})*)\)")
_NULL_IN_ROW = re.compile(
    rf"""\bNULL::(?: character\ varying | bit\ varying | double\ precision
                  | (?:timestamp|time)(?:\(\d\))?\ with(?:out)?\ time\ zone | {IDENTIFIER}(?:\.{IDENTIFIER})? )
        (?:\(\d+(?:,\d+)?\))?(?:\[\])?(?=[,)])""",
    re.VERBOSE,
)

_Group = list["str | _Group"]


def is_printed(kind: str, attribute: str) -> bool:
    """Return whether PostgreSQL prints an attribute from what it has parsed; if not, it is the text of a user."""
    return attribute in _PRINTED or (attribute == "definition" and kind in _PRINTED_DEFINITIONS)


def are_alike(one: str, other: str) -> bool:
    """Return whether two definitions differ at most in how PostgreSQL prints the same."""
    if one == other:
        return True
    if not all(any(mark in text for mark in ("AND", "OR", "ARRAY[", ") ", "ROW(")) for text in (one, other)):
        return False
    if "ROW(" in one and "ROW(" in other:
        one, other = (_NULL_IN_ROW.sub("NULL", text) for text in (one, other))
    one, other = _with_common_aliases(one, other)
    return _flat(_CAST_ARRAY.sub(_array_of_casts, one)) == _flat(_CAST_ARRAY.sub(_array_of_casts, other))


def _array_of_casts(found: re.Match[str]) -> str:
    return f"ARRAY[{_ELEMENT.sub(lambda each: f'({each[0]})::text', found[1])}]"


def _with_common_aliases(one: str, other: str) -> tuple[str, str]:
    """Return both definitions, with the lists of columns of an alias cut to what they have in common."""
    lists = [_ALIASES.findall(text) for text in (one, other)]
    if not lists[0] or len(lists[0]) != len(lists[1]):
        return one, other
    common = []
    for (_, first), (_, second) in zip(*lists, strict=True):
        shorter, longer = sorted((first.split(", "), second.split(", ")), key=len)
        if longer[: len(shorter)] != shorter:
            return one, other
        common.append(", ".join(shorter))
    cut = (iter(common), iter(common))
    return (
        _ALIASES.sub(lambda found: f"{found[1]}({next(cut[0])})", one),
        _ALIASES.sub(lambda found: f"{found[1]}({next(cut[1])})", other),
    )


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
    """Return a group in which no operand is a chain of the group's own kind."""
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

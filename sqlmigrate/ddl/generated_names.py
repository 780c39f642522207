"""The names that PostgreSQL gives to objects that a statement creates without naming them.

``makeObjectName`` and ``ChooseIndexName`` in
https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/commands/indexcmds.c
"""

from __future__ import annotations

from sqlmigrate.identifiers import plain_parts

_MOST_BYTES = 63  # NAMEDATALEN - 1


def generated(first: str, second: str, label: str) -> str:
    """Return the name that PostgreSQL makes of two names and a label, if no other object has it; all without quotes."""
    room = _MOST_BYTES - len(label) - 1 - (1 if second else 0)
    one, two = len(first.encode()), len(second.encode())
    while one + two > room:
        if one > two:
            one -= 1
        else:
            two -= 1
    return "_".join(filter(None, [_cut(first, one), _cut(second, two), label]))


def is_called(name: str, schema: str, own: str) -> bool:
    """Return whether a qualified name, as SQL writes it, is that of `own` (without quotes) in a schema."""
    return plain_parts(name) == (*plain_parts(schema), own)


def _cut(name: str, length: int) -> str:
    """Return the beginning of a name that has at most so many bytes, without cutting a character."""
    return name.encode()[:length].decode(errors="ignore")

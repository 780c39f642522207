"""What the body of a function names, and PostgreSQL checks when the function is created but does not track.

An SQL function is planned as a whole. Of a PL/pgSQL function the types of its variables are looked up.
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-CHECK-FUNCTION-BODIES
"""

from __future__ import annotations

import re

from sqlmigrate.catalog.objects import RELATIONS, ROUTINES, TYPES, Object
from sqlmigrate.identifiers import IDENTIFIER, plain

_LANGUAGE = re.compile(r"^ LANGUAGE (sql|plpgsql)\b", re.MULTILINE)
_BODY = re.compile(r"^AS (\$\w*\$)(.*)\1", re.MULTILINE | re.DOTALL)
_DECLARED = re.compile(r"\bdeclare\b(.*?)\bbegin\b", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(IDENTIFIER)
_CHECKED = (*RELATIONS, "sequence", *ROUTINES, *TYPES)


def may_be_named(thing: Object) -> bool:
    """Return whether an object is one of those that the body of a function needs."""
    return thing.kind in _CHECKED


def words_checked(routine: Object) -> frozenset[str]:
    """Return the words of a function's body where PostgreSQL checks it; names of objects are among them, unquoted."""
    language = _LANGUAGE.search(routine.definition) if routine.kind in ROUTINES else None
    body = _BODY.search(routine.definition)
    if language is None or body is None:
        return frozenset()
    checked = body[2] if language[1] == "sql" else " ".join(_DECLARED.findall(body[2]))
    return frozenset(plain(word) if word.startswith('"') else word.lower() for word in _WORD.findall(checked))

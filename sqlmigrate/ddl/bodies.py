"""What the body of a function names, and PostgreSQL checks when the function is created but does not track.

An SQL function is planned as a whole. Of a PL/pgSQL function the types of its variables are looked up.
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-CHECK-FUNCTION-BODIES
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqlmigrate.catalog.objects import RELATIONS, ROUTINES, TYPES, Object
from sqlmigrate.identifiers import IDENTIFIER, plain

_LANGUAGE = re.compile(r"^ LANGUAGE (sql|plpgsql)\b", re.MULTILINE)
_BODY = re.compile(r"^AS (\$\w*\$)(.*)\1", re.MULTILINE | re.DOTALL)
_DECLARED = re.compile(r"\bdeclare\b(.*?)\bbegin\b", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(IDENTIFIER)
_CHECKED = (*RELATIONS, "sequence", *ROUTINES, *TYPES)


def words_needed(routine: Object, things: Iterable[Object]) -> Iterator[Object]:
    """Yield the objects whose names are words where a function is checked; no others need to exist before it."""
    language = _LANGUAGE.search(routine.definition) if routine.kind in ROUTINES else None
    body = _BODY.search(routine.definition)
    if language is None or body is None:
        return
    checked = body[2] if language[1] == "sql" else " ".join(_DECLARED.findall(body[2]))
    words = {plain(word) if word.startswith('"') else word.lower() for word in _WORD.findall(checked)}
    for each in things if words else ():
        if each.kind in _CHECKED and plain(each.path[-1]) in words:
            yield each

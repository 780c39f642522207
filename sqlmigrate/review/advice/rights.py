"""The rights of an object, as GRANT statements.

https://www.postgresql.org/docs/current/ddl-priv.html#PRIVILEGE-ABBREVS-TABLE
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.catalog.objects import Object

from .names import identifier

_RIGHTS = {
    "r": "select", "a": "insert", "w": "update", "d": "delete", "D": "truncate", "x": "references", "t": "trigger",
    "m": "maintain", "X": "execute", "U": "usage", "C": "create",
}  # fmt: skip


def granted(thing: Object, kind: str, name: str, without: str = "") -> Iterator[str]:
    """Return the statements that give other roles the rights that they have on an object.

    Args:
        thing: The object that has the rights.
        kind: The word before the name of the new object: ``function``, ``schema``; empty for a table or view.
        name: The new object.
        without: The rights that are there already, as PostgreSQL writes them.
    """
    there = dict(_grants(without))
    owner = thing.attributes.get("owner")
    for grantee, letters in _grants(thing.attributes.get("acl") or ""):
        rights = [_RIGHTS[each] for each in letters if each in _RIGHTS and each not in there.get(grantee, "")]
        if rights and grantee != owner:
            on = f"{kind} {name}".strip()
            yield f"grant {', '.join(rights)} on {on} to {identifier(grantee) if grantee else 'public'};"


def _grants(acl: str) -> Iterator[tuple[str, str]]:
    """Read rights as PostgreSQL writes them, ``reporting=r/owner``: the role and its letters; PUBLIC has no name."""
    for item in acl.split(" "):
        grantee, is_grant, rights = item.partition("/")[0].rpartition("=")
        if is_grant:
            yield grantee.strip('"'), rights

"""The rights of an object, as GRANT statements.

https://www.postgresql.org/docs/current/ddl-priv.html#PRIVILEGE-ABBREVS-TABLE
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmigrate.catalog.objects import Object
from sqlmigrate.review.findings.rights import RIGHTS, grants

from .names import identifier


def granted(thing: Object, kind: str, name: str, without: str = "") -> Iterator[str]:
    """Return the statements that give other roles the rights that they have on an object.

    Args:
        thing: The object that has the rights.
        kind: The word before the name of the new object: ``function``, ``schema``; empty for a table or view.
        name: The new object.
        without: The rights that are there already, as PostgreSQL writes them.
    """
    there = dict(grants(without))
    owner = thing.attributes.get("owner")
    for grantee, letters in grants(thing.attributes.get("acl") or ""):
        rights = [RIGHTS[each].lower() for each in letters if each in RIGHTS and each not in there.get(grantee, "")]
        if rights and grantee != owner:
            on = f"{kind} {name}".strip()
            yield f"grant {', '.join(rights)} on {on} to {identifier(grantee) if grantee else 'public'};"

"""Findings of rights that roles have lost: revoked, or not granted again on an object that was replaced.

https://www.postgresql.org/docs/current/ddl-priv.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlmigrate.catalog.objects import RELATIONS, ROUTINES, TYPES, Change, Object
from sqlmigrate.identifiers import displayed, last_part, parent
from sqlmigrate.review.rules import altered
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.spelling import some

from .schema_changes import SchemaChanges
from .subject import Subject
from .successors import Successor

# https://www.postgresql.org/docs/current/ddl-priv.html#PRIVILEGE-ABBREVS-TABLE
RIGHTS = {
    "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES", "t": "TRIGGER",
    "m": "MAINTAIN", "X": "EXECUTE", "U": "USAGE", "C": "CREATE", "c": "CONNECT", "T": "TEMPORARY",
}  # fmt: skip
# What PUBLIC may do without a GRANT, by the kind of the object.
_OF_PUBLIC = {
    **dict.fromkeys(ROUTINES, "X"),
    **dict.fromkeys((*TYPES, "language"), "U"),
    "database": "Tc",
}
# What is executed with the rights of the role whose statement uses it, and the attributes that contain its SQL.
_CALLERS = {
    "policy": ("using", "check"),
    "view": ("view",),
    "column": ("default", "generation"),
    "constraint": ("definition",),
    "domain constraint": ("definition",),
    "index": ("definition",),
    "rule": ("definition",),
}
_MOST = 3  # callers in one sentence


def find(subject: Subject, changes: SchemaChanges) -> Iterator[Finding]:
    """Return these findings of an up file."""
    for pair in subject.successors:
        if pair.is_other:
            yield from _not_granted(subject, pair.before, pair.after)
            yield from _of_columns(subject, pair)
    for before, after in changes.replaced():
        if before.kind not in (*RELATIONS, "column"):
            yield from _not_granted(subject, before, after)
    for change in changes.all("altered"):
        if change.before and change.after:
            yield from _revoked(subject, change.before, change.after)
    yield from _default_privileges(subject)


def _not_granted(subject: Subject, before: Object, after: Object) -> Iterator[Finding]:
    if lost := [*_lost(before, after)]:
        is_gone = subject.trip.after is not None and before.identity not in subject.trip.after.identities
        other = "another" if after.kind == before.kind else "a"
        how = "was dropped and created again" if is_gone else f"is {other} {after.kind} now"
        message = f"`{displayed(before.name)}` {how}: {', '.join(_described(each) for each in lost)}"
        yield subject.finding(altered.GRANTS_LOST, subject.place_of_name(after), message)


def _of_columns(subject: Subject, pair: Successor) -> Iterator[Finding]:
    """Return findings of rights on single columns that the new relation does not give."""
    whole = pair.after.attributes.get("acl") or ""
    for before, after in pair.columns:
        if lost := [*_lost(before, after, whole)]:
            message = f"`{displayed(before.name)}` is another column now: {', '.join(map(_described, lost))}"
            yield subject.finding(altered.GRANTS_LOST, subject.place_of_name(after), message)


def _lost(before: Object, after: Object, more: str = "") -> Iterator[tuple[str, str]]:
    """Return the roles other than the owner that lost rights, with the letters of the rights.

    Args:
        before: The object before.
        after: The object after.
        more: Rights that count as well, as PostgreSQL writes them: those on the table of a column.
    """
    now: dict[str, str] = {}
    for grantee, rights in (*_grants(after), *grants(more)):
        now[grantee] = now.get(grantee, "") + rights
    owners = (before.attributes.get("owner"), after.attributes.get("owner"))
    for grantee, rights in _grants(before):
        if (lost := _missing(rights, grantee, now)) and grantee not in owners:
            yield grantee, lost


def _missing(rights: str, grantee: str, now: Mapping[str, str]) -> str:
    """Return those of some rights that a role has neither itself now nor as PUBLIC."""
    return "".join(each for each in rights if each not in f"{now.get(grantee, '')}{now.get('', '')}*")


def _described(lost: tuple[str, str]) -> str:
    grantee, rights = lost
    return f"{f'`{grantee}`' if grantee else 'PUBLIC'} has lost {', '.join(RIGHTS.get(each, each) for each in rights)}"


def _grants(thing: Object) -> Iterator[tuple[str, str]]:
    """Return the rights on an object, those that it has without a GRANT included: the role and its letters."""
    acl = thing.attributes.get("acl")
    if acl is None and thing.kind in _OF_PUBLIC:
        yield "", _OF_PUBLIC[thing.kind]
    yield from grants(acl or "")


def grants(acl: str) -> Iterator[tuple[str, str]]:
    """Read rights as PostgreSQL writes them, ``reporting=r/owner``; PUBLIC has no name."""
    for item in acl.split(" "):
        grantee, is_grant, rights = item.partition("/")[0].rpartition("=")
        if is_grant:
            yield grantee.strip('"'), rights


# revoked


def _revoked(subject: Subject, before: Object, after: Object) -> Iterator[Finding]:
    whole = ""
    if after.kind == "column" and subject.trip.after and (table := subject.trip.after.tables.get(after.table)):
        whole = table.attributes.get("acl") or ""
    for grantee, rights in _lost(before, after, whole):
        message = f"on `{displayed(after.name)}`, {_described((grantee, rights))}"
        place = subject.place_of(Change(after.kind, before, after, "altered"), "acl")
        callers = [*_callers(subject, after)] if "X" in rights and after.kind in ROUTINES else []
        if callers:
            message += f"; it is called by {some(callers, _MOST)}, so statements that use them fail"
            yield subject.finding(altered.EXECUTE_REVOKED, place, message)
        else:
            yield subject.finding(altered.RIGHTS_REVOKED, place, message)


def _callers(subject: Subject, function: Object) -> Iterator[str]:
    """Return the objects that call a function with the rights of the role that uses them."""
    if subject.trip.after is None:
        return
    call = re.compile(rf'(?<![\w$."]){re.escape(function.called)}\(')
    for (kind, _), each in sorted(subject.trip.after.objects.items()):
        texts = (each.attributes.get(name) or "" for name in _CALLERS.get(kind, ()))
        if any(call.search(text) for text in texts):
            of = f" of `{displayed(parent(each.name))}`" if kind in ("policy", "constraint", "rule") else ""
            own = last_part(each.name) if of else displayed(each.name)
            yield f"the {_use(kind)} `{own}`{of}"


def _use(kind: str) -> str:
    return "value of" if kind == "column" else kind


def _default_privileges(subject: Subject) -> Iterator[Finding]:
    """Return findings of default privileges that new objects no longer get."""
    for change in subject.changes("default privileges", "gone", "altered", "new"):
        thing = change.before or change.after
        if thing is None:
            continue
        kind = thing.name.partition(" ")[0].strip('"')
        public = {"functions": "X", "types": "U"}.get(kind, "") if " in " not in thing.name else ""
        first = [("", public)] if change.before is None else [*grants(change.before.attributes.get("acl") or "")]
        now = dict([("", public)] if change.after is None else grants(change.after.attributes.get("acl") or ""))
        for grantee, rights in first:
            lost = _missing(rights, grantee, now)
            if lost and not (grantee and f" of {grantee}" in thing.name):
                message = f"by default, on new `{displayed(thing.name)}`, {_described((grantee, lost))}"
                yield subject.finding(altered.RIGHTS_REVOKED, subject.place_of(change), message)

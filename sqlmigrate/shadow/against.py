"""A database compared with what the files make: a shadow is built from those that are executed there, or from all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmigrate.catalog import stored
from sqlmigrate.catalog.drift import Drift, Majors, NotCompared, find_drift
from sqlmigrate.catalog.ignored import Entry
from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.database.session import Session
from sqlmigrate.errors import ConfigError
from sqlmigrate.files.migration import Migration
from sqlmigrate.history.state import State
from sqlmigrate.operations.drift import Compared
from sqlmigrate.operations.snapshot import read_now

from .built_schema import BuiltSchema, Wanted, of_files
from .installed import NoServerError

# initdb comments on the database postgres; the embedded server is used through it
_NOT_OURS = (("comment", None, "default administrative connection database"),)
_PLAIN = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Against:
    """A database compared with what files make.

    Attributes:
        compared: the comparison; what the files make is before
        built: what was built of the files
    """

    compared: Compared
    built: BuiltSchema


def compare_with(
    session: Session, state: State, migrations: Sequence[Migration], wanted: Wanted, ignored: Sequence[Entry] = ()
) -> Against:
    """Compare a database with what migrations make, also one without a history; writes nothing to it.

    Raises:
        NoServerError: There is no PostgreSQL on this machine to build on.
        ServerError: The migrations do not build.
    """
    built = _built(migrations, wanted, state.server.major)
    now = read_now(session, state)
    after = stored.catalog_of(now.text)
    files = stored.catalog_of(stored.text_of(built.schema.catalog))
    before = _with_their_owners(files, after, built.executed_by)
    found = _settled(find_drift(before, after, Majors(built.major, state.server.major), ignored))
    return Against(Compared(now, None, drift=found, before=before), built)


def _built(migrations: Sequence[Migration], wanted: Wanted, major: int) -> BuiltSchema:
    """Build on the major version of the database, if this machine has it."""
    if wanted.shadow_url or wanted.postgres:
        return of_files(migrations, wanted)
    try:
        return of_files(migrations, replace(wanted, postgres=major))
    except NoServerError:
        raise
    except ConfigError:
        return of_files(migrations, wanted)


def _with_their_owners(files: Catalog, now: Catalog, role: str) -> Catalog:
    """Give what the migrations create to those who own it in the database: files rarely say who executes them."""
    owners = {key: now.owner_of(now.objects[key]) for key in files.objects if key in now.objects}
    own = {key for key, each in files.objects.items() if (files.owner_of(each) or role) == role}
    executing = next((owner for owner, _ in Counter(filter(None, map(owners.get, own))).most_common(1)), role)
    objects = (
        _of_role(_given(each, role, owners.get(key) or executing) if key in own else each, role, executing)
        for key, each in files.objects.items()
    )
    return Catalog({(each.kind, each.name): each for each in objects})


def _given(thing: Object, role: str, owner: str) -> Object:
    """Return an object of a role as one of another owner."""
    attributes = dict(thing.attributes)
    if attributes.get("owner") == role:
        attributes["owner"] = owner
    if rights := attributes.get("acl"):
        attributes["acl"] = " ".join(sorted(_item(each, role, owner) for each in rights.split(" ")))
    return replace(thing, attributes=attributes)


def _item(item: str, role: str, owner: str) -> str:
    """Return an item of an ACL, in which a role stands for another."""
    grantee, _, rest = item.partition("=")
    granted, _, grantor = rest.rpartition("/")
    named = {_in_acl(role): _in_acl(owner)}
    return f"{named.get(grantee, grantee)}={granted}/{named.get(grantor, grantor)}"


def _in_acl(role: str) -> str:
    return role if _PLAIN.fullmatch(role) else f'"{role}"'


def _of_role(thing: Object, role: str, executing: str) -> Object:
    """Return default privileges of the shadow's role as those of the role that executes migrations there."""
    if thing.kind != "default privileges":
        return thing
    name = re.sub(rf"\bof {re.escape(role)}(?= in |$)", f"of {executing}", thing.name)
    attributes = {key: value and value.replace(f"/{role}", f"/{executing}") for key, value in thing.attributes.items()}
    if attributes.get("role") == role:
        attributes["role"] = executing
    return replace(thing, name=name, path=(name,), attributes=attributes)


def _settled(found: Drift) -> Drift:
    """Leave out what depends on the machine: versions of extensions, and subscriptions, which no shadow has."""
    kept, left_out = [], list(found.not_compared)
    for each in found.differences:
        if each.kind == "subscription":
            left_out.append(NotCompared(each.kind, each.name, "all of it", is_unseen=False))
            continue
        if each.attributes == _NOT_OURS:
            continue
        attributes = tuple(one for one in each.attributes if (each.kind, one[0]) != ("extension", "version"))
        if len(attributes) < len(each.attributes):
            left_out.append(NotCompared(each.kind, each.name, "version", is_unseen=False))
        if attributes or not each.attributes:
            kept.append(replace(each, attributes=attributes))
    return replace(found, differences=tuple(kept), not_compared=tuple(left_out))

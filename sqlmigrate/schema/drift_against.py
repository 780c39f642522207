"""A database compared with what the files make: a shadow is built from those that are executed there, or from all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmigrate.catalog import stored
from sqlmigrate.catalog.drift import Drift, Majors, NotCompared, find_drift
from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.database.session import connect
from sqlmigrate.errors import ConfigError
from sqlmigrate.files.migration import Migration
from sqlmigrate.history import read
from sqlmigrate.history.state import State
from sqlmigrate.operations.drift import Compared, Report, authors_of, entries, read_now
from sqlmigrate.plan.plan import DriftPolicy
from sqlmigrate.plan.rows import Row, make_rows
from sqlmigrate.shadow.installed import NoServerError
from sqlmigrate.source import Source
from sqlmigrate.spelling import plural

from .built import BuiltSchema, Wanted, of_files
from .drift_result import Result, with_drift

_OWNER = "(owner)"
_OWNERS = "owners are compared only where the files name them"
_PLAIN = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class _Chosen:
    """The migrations that a database is compared with.

    Attributes:
        migrations: the migrations
        notes: what is to be known about them
    """

    migrations: tuple[Migration, ...]
    notes: tuple[str, ...]


def compare_with_files(url: str, migrations: Sequence[Migration], policy: DriftPolicy, wanted: Wanted) -> Result:
    """Compare a database with what the files make, also one without a history; writes nothing to it.

    Raises:
        NoServerError: There is no PostgreSQL on this machine to build on.
        ServerError: The files do not build.
        SqlmigrateError: The database cannot be reached, or its history cannot be read.
    """
    ignored = entries(policy)
    with connect(url) as session:
        state = read.read(session, wanted.table)
        recorded = read.texts(session, state.history, [each.version for each in state.executions])
        chosen = _chosen(state, migrations, recorded)
        built = _built(chosen.migrations, wanted, state.server.major)
        now = read_now(session, state)
        files = stored.catalog_of(stored.text_of(built.schema.catalog))
        before, after = _with_same_owners(files, stored.catalog_of(now.text), built.executed_by)
        found = _settled(find_drift(before, after, Majors(built.major, state.server.major), ignored))
        compared = Compared(now, None, drift=found, before=files)
        report = Report(state, compared, authors_of(session, compared))
    newest = chosen.migrations[-1].version if chosen.migrations else None
    against = f"what the files make up to {newest}" if newest else "an empty database: no file is executed"
    result = Result(state.server.where, f"{against}, on {built.server}", newest, objects=len(now.catalog.objects))
    notes = (*chosen.notes, _OWNERS, *(f"{each.label} is left out: {each.reason}" for each in built.left_out))
    return with_drift(replace(result, notes=notes), found, report)


def _chosen(
    state: State, migrations: Sequence[Migration], recorded: Mapping[str, tuple[str | None, str | None]]
) -> _Chosen:
    """Choose what is executed in the database; without a history, all files."""
    if not state.executions:
        note = "the database has no history: it is compared with all files"
        return _Chosen(tuple(sorted(migrations, key=lambda each: each.number)), (note,))
    rows = make_rows(migrations, state.executions)
    executed = [row for row in rows if row.execution and row.execution.status in ("executed", "baseline")]
    found = tuple(filter(None, (row.migration or _recorded(row, recorded) for row in executed)))
    pending = sum(row.is_pending for row in rows)
    gone = [row.label for row in executed if row.migration is None]
    notes = [f"{plural(pending, 'pending migration')} not compared"] if pending else []
    notes += [f"{', '.join(gone)}: the file is missing, and the text recorded in the history is used"] if gone else []
    return _Chosen(found, tuple(notes))


def _recorded(row: Row, recorded: Mapping[str, tuple[str | None, str | None]]) -> Migration | None:
    execution = row.execution
    text = recorded.get(execution.version, (None, None))[0] if execution else None
    if execution is None or text is None:
        return None
    return Migration(execution.version, execution.name, Source(f"the history: {row.label}", text))


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


def _with_same_owners(files: Catalog, now: Catalog, role: str) -> tuple[Catalog, Catalog]:
    """Call the owner of what the migrations create the same in both: files rarely say who executes them."""
    pairs = [(key, each, now.objects[key]) for key, each in files.objects.items() if key in now.objects]
    owners = Counter(there.attributes.get("owner") for _, here, there in pairs if here.attributes.get("owner") == role)
    executing = next((owner for owner, _ in owners.most_common(1) if owner), role)
    before = dict(files.objects)
    after = dict(now.objects)
    for key, here, there in pairs:
        if (_owner(here, files) or role) == role:
            before[key] = _without_owner(here, role)
            after[key] = _without_owner(there, _owner(there, now) or executing)
    renamed = (_of_role(each, role, executing) for each in before.values())
    return Catalog({(each.kind, each.name): each for each in renamed}), Catalog(after)


def _owner(thing: Object, catalog: Catalog) -> str | None:
    whole = catalog.wholes.get(thing.table)
    return thing.attributes.get("owner") or (whole.attributes.get("owner") if whole else None)


def _without_owner(thing: Object, owner: str) -> Object:
    attributes = {name: value for name, value in thing.attributes.items() if name != "owner"}
    if rights := attributes.get("acl"):
        attributes["acl"] = " ".join(sorted(_item(each, owner) for each in rights.split(" ")))
    return replace(thing, attributes=attributes)


def _item(item: str, owner: str) -> str:
    """Return an item of an ACL with the owner under a common name."""
    written = owner if _PLAIN.fullmatch(owner) else f'"{owner}"'
    grantee, _, rest = item.partition("=")
    granted, _, grantor = rest.rpartition("/")
    return f"{_OWNER if grantee == written else grantee}={granted}/{_OWNER if grantor == written else grantor}"


def _of_role(thing: Object, role: str, executing: str) -> Object:
    """Return default privileges of the shadow's role as those of the role that executes migrations there."""
    if thing.kind != "default privileges":
        return thing
    name = re.sub(rf"\bof {re.escape(role)}(?= in |$)", f"of {executing}", thing.name)
    attributes = {key: value and value.replace(f"/{role}", f"/{executing}") for key, value in thing.attributes.items()}
    return replace(thing, name=name, path=(name,), attributes=attributes)


def _settled(found: Drift) -> Drift:
    """Leave out what depends on the machine: versions of extensions, and subscriptions, which no shadow has."""
    kept, left_out = [], list(found.not_compared)
    for each in found.differences:
        if each.kind == "subscription":
            left_out.append(NotCompared(each.kind, each.name, "all of it", is_unseen=False))
            continue
        attributes = tuple(one for one in each.attributes if (each.kind, one[0]) != ("extension", "version"))
        if len(attributes) < len(each.attributes):
            left_out.append(NotCompared(each.kind, each.name, "version", is_unseen=False))
        if attributes or not each.attributes:
            kept.append(replace(each, attributes=attributes))
    return replace(found, differences=tuple(kept), not_compared=tuple(left_out))

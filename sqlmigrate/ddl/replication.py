"""Publications and subscriptions.

https://www.postgresql.org/docs/current/sql-createpublication.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.identifiers import QUALIFIED

from .targets import target

ALL = "insert, update, delete, truncate"
_TABLE = re.compile(rf"(^|, )({QUALIFIED})(?=$|, | \(| WHERE )")


def publication(thing: Object, catalog: Catalog) -> list[str]:
    """Return the statement that creates a publication."""
    have = thing.attributes
    objects = [*published(thing, catalog)]
    what = " FOR ALL TABLES" if have.get("all tables") else f" FOR {', '.join(objects)}" if objects else ""
    with_ = ", ".join(f"{name} = {value}" for name, value in parameters(thing).items())
    return [f"CREATE {target(thing)}{what}" + (f" WITH ({with_})" if with_ else "")]


def published(thing: Object, catalog: Catalog) -> Iterator[str]:
    """Yield what a publication is for: tables, then schemas."""
    if tables := thing.attributes.get("tables"):
        parents = {name for each in catalog.tables.values() for name in _parents(each)}
        yield "TABLE " + _TABLE.sub(lambda match: _alone(match, parents), tables)
    if schemas := thing.attributes.get("schemas"):
        yield f"TABLES IN SCHEMA {schemas}"


def parameters(thing: Object) -> dict[str, str]:
    """Return the parameters of a publication that are not the default."""
    have = thing.attributes
    found = {}
    if have.get("publishes") != ALL:
        found["publish"] = f"'{have.get('publishes') or ''}'"
    if have.get("via root"):
        found["publish_via_partition_root"] = "true"
    if have.get("generated columns"):
        found["publish_generated_columns"] = have["generated columns"] or ""
    return found


def subscription(thing: Object, _catalog: Catalog) -> list[str]:
    """Return a comment: only superusers can read where it connects to, and creating it would connect."""
    return [f"-- {thing.kind} {thing.name} is not created: it would connect to another server"]


def _parents(table: Object) -> list[str]:
    """Return the tables that a table inherits from; a partition of a published table is published by itself."""
    have = table.attributes
    return [] if have.get("partition bound") else re.findall(QUALIFIED, have.get("parents") or "")


def _alone(match: re.Match[str], parents: set[str]) -> str:
    """Name a table without the tables that inherit from it: each of them is listed by itself."""
    return f"{match[1]}{'ONLY ' if match[2] in parents else ''}{match[2]}"

"""What puts tables, views and their columns back, attribute by attribute.

https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sqlmigrate.catalog.objects import RELATIONS, Catalog, Object
from sqlmigrate.identifiers import QUALIFIED

from . import mentions, sequences
from .columns import TOAST
from .created import Statement, created, dropped, impossible, is_composite, recreated
from .pairs import Handler, Pair, foreign_options, nothing, storage
from .parts import trigger_state
from .targets import target

_NAME = re.compile(QUALIFIED)


def _persistence(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} SET {'UNLOGGED' if pair.old('persistence') else 'LOGGED'}", holds_data=True)


def _access_method(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} SET ACCESS METHOD {pair.old('access method') or 'heap'}", holds_data=True)


def tablespace(pair: Pair) -> Iterator[Statement]:
    """Yield the statement that moves a relation back; it is locked as long as that takes."""
    yield Statement(f"{pair.alter} SET TABLESPACE {pair.old('tablespace') or 'pg_default'}", holds_data=True)


def _options(pair: Pair) -> Iterator[Statement]:
    yield from storage(pair, pair.alter)


def _toast_options(pair: Pair) -> Iterator[Statement]:
    yield from storage(pair, pair.alter, "toast options", TOAST)


def _row_level_security(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} {'ENABLE' if pair.old('rls') else 'DISABLE'} ROW LEVEL SECURITY")


def _forced(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} {'' if pair.old('rls forced') else 'NO '}FORCE ROW LEVEL SECURITY")


def _replica_identity(pair: Pair) -> Iterator[Statement]:
    words = (pair.old("replica identity") or "default").upper()
    if words == "INDEX":
        indexes = pair.then.parts_of(pair.was, "index")
        index = next(each for each in indexes if each.attributes.get("replica identity"))
        words = f"USING INDEX {index.path[-1]}"
    yield Statement(f"{pair.alter} REPLICA IDENTITY {words}")


def _of_type(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{pair.alter} {f'OF {name}' if (name := pair.old('of type')) else 'NOT OF'}")


def _parents(pair: Pair) -> Iterator[Statement]:
    """Yield the statements that give a table its parents again, or the table that it is a partition of."""
    old, new = (_NAME.findall(parents or "") for parents in (pair.old("parents"), pair.new("parents")))
    if pair.new("partition bound"):
        yield Statement(f"ALTER TABLE {new[0]} DETACH PARTITION {pair.now.name}", holds_data=True)
        new = []
    if bound := pair.old("partition bound"):
        yield Statement(f"ALTER TABLE {old[0]} ATTACH PARTITION {pair.was.name} {bound}", holds_data=True)
        return
    for name in new:
        if name not in old:
            yield Statement(f"{pair.alter} NO INHERIT {name}", holds_data=True)
    for name in old:
        if name not in new:
            yield Statement(f"{pair.alter} INHERIT {name}", holds_data=True)


def _view(pair: Pair) -> Iterator[Statement]:
    """Yield the statements of a view: it can be replaced if its columns are those that it has, and more."""
    old, new = (_columns(each, catalog) for each, catalog in ((pair.was, pair.then), (pair.now, pair.current)))
    statements = created(pair.was, pair.then, pair.current)
    if pair.was.kind == "view" and old[: len(new)] == new:
        head, *_ = statements
        yield Statement(head.sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
    else:
        needing = views_on(pair.now, pair.current)
        for each in reversed(needing):
            yield from dropped(each, pair.then, pair.current)
        yield from recreated(pair.was, pair.now, pair.then, pair.current)
        yield from _created_again(needing, pair)


def _created_again(things: Iterable[Object], pair: Pair) -> Iterator[Statement]:
    """Yield the statements that create what had to be dropped, as it was."""
    for each in things:
        if was := pair.then.objects.get((each.kind, each.name)):
            yield from created(was, pair.then, pair.current)


def _columns(view: Object, catalog: Catalog) -> list[tuple[str, str | None]]:
    columns = sorted(catalog.parts_of(view, "column"), key=lambda each: each.identity.sub)
    return [(each.path[-1], each.attributes.get("type")) for each in columns]


def _populated(pair: Pair) -> Iterator[Statement]:
    if pair.are_same("view"):
        without = "" if pair.old("populated") == "true" else " WITH NO DATA"
        yield Statement(f"REFRESH {target(pair.was)}{without}", holds_data=True)


def _foreign_options(pair: Pair) -> Iterator[Statement]:
    yield from foreign_options(pair, pair.alter, "foreign options")


def _internal_triggers(pair: Pair) -> Iterator[Statement]:
    """Yield the statements that enable the triggers of foreign keys, or disable them together with all others."""
    states = {None: "ENABLE", "D": "DISABLE"}
    if pair.old("internal triggers") not in states:
        yield impossible(pair.was, "the states of the triggers of its foreign keys")
        return
    yield Statement(f"{pair.alter} {states[pair.old('internal triggers')]} TRIGGER ALL")
    for trigger in pair.then.parts_of(pair.was, "trigger"):
        yield Statement(f"{pair.alter} {trigger_state(trigger.attributes['enabled'])} TRIGGER {trigger.path[-1]}")


_OF_RELATIONS: Mapping[str, Handler] = {
    "persistence": _persistence,
    "access method": _access_method,
    "tablespace": tablespace,
    "options": _options,
    "toast options": _toast_options,
    "rls": _row_level_security,
    "rls forced": _forced,
    "replica identity": _replica_identity,
    "of type": _of_type,
    "parents": _parents,
    "partition bound": _parents,
    "view": _view,
    "populated": _populated,
    "foreign options": _foreign_options,
    "internal triggers": _internal_triggers,
}


def _alter_column(pair: Pair) -> str:
    part = "ATTRIBUTE" if is_composite(pair.relation) else "COLUMN"
    return f"ALTER {target(pair.relation)} ALTER {part} {pair.was.path[-1]}"


def _type(pair: Pair) -> Iterator[Statement]:
    """Yield the statements that change the type, all as one that touches data: each is of no use without the others."""
    yield from (replace(each, holds_data=True) for each in _other_type(pair))


def _other_type(pair: Pair) -> Iterator[Statement]:
    """Yield the statements that change the type; the columns of a view follow its query."""
    relation, kind = pair.relation, pair.old("type")
    if relation.kind.endswith("view") or pair.old("inherited"):
        return
    collation = f" COLLATE {pair.old('collation')}" if pair.old("collation") else ""
    has_no_rows = is_composite(relation) or relation.kind == "foreign table"
    converted = "" if has_no_rows or pair.are_same("type") else f" USING {pair.was.path[-1]}::{kind}"
    needing = _needing(pair)
    for each in reversed(needing):
        yield from dropped(each, pair.then, pair.current)
    if pair.new("default") and not pair.are_same("type"):  # which may have no meaning in the other type
        yield Statement(f"{_alter_column(pair)} DROP DEFAULT")
    yield Statement(f"{_alter_column(pair)} TYPE {kind}{collation}{converted}", holds_data=True)
    if pair.old("default") and not pair.are_same("type"):
        yield from _default(pair)
    yield from _created_again(needing, pair)


def _needing(pair: Pair) -> list[Object]:
    """Return what keeps a column from getting another type: triggers, policies and views that name it."""
    column, table = pair.was.path[-1], pair.current.tables.get(pair.now.table)
    if table is None:
        return []
    found = [each for each in pair.current.parts_of(table, "trigger", "policy") if column in _words(each)]
    views = [each for each in _views(pair.current) if table.name in mentions.names(_query(each))]
    for each in views:
        if column in _words(each):
            found += [one for one in (each, *views_on(each, pair.current)) if one not in found]
    return found


def views_on(view: Object, catalog: Catalog) -> list[Object]:
    """Return the views that need a view, each behind those that it needs itself."""
    found: list[Object] = []
    named = {view.name}
    while new := [each for each in _views(catalog) if each not in found and named & mentions.names(_query(each))]:
        found += new
        named = {each.name for each in new}
    return found


def _views(catalog: Catalog) -> list[Object]:
    return [*catalog.of_kind("view"), *catalog.of_kind("materialized view")]


def _query(view: Object) -> str:
    return view.attributes.get("view") or ""


def _words(thing: Object) -> set[str]:
    """Return the names in a definition, also those of columns behind the name of their table."""
    texts = (thing.attributes.get(name) or "" for name in ("definition", "view", "using", "check"))
    return {part for name in mentions.names(" ".join(texts)) for part in name.split(".")}


def _not_null(pair: Pair) -> Iterator[Statement]:
    """Yield the statements for NOT NULL; SET NOT NULL also validates one that is not valid."""
    alter = _alter_column(pair)
    if pair.old("not null validated"):
        if pair.new("not null"):
            yield Statement(f"{alter} DROP NOT NULL")
        yield Statement(f"ALTER {target(pair.relation)} ADD NOT NULL {pair.was.path[-1]} NOT VALID")
    else:
        yield Statement(f"{alter} {'SET' if pair.old('not null') else 'DROP'} NOT NULL")


def _default(pair: Pair) -> Iterator[Statement]:
    default = pair.old("default")
    yield Statement(f"{_alter_column(pair)} " + (f"SET DEFAULT {default}" if default else "DROP DEFAULT"))


def _generation(pair: Pair) -> Iterator[Statement]:
    """Yield the statements for a generated column: only a new column can become one."""
    if pair.old("generated"):
        yield from recreated(pair.was, pair.now, pair.then, pair.current)
    elif pair.new("generated") == "stored":
        yield Statement(f"{_alter_column(pair)} DROP EXPRESSION", holds_data=True)
    else:
        yield from recreated(pair.was, pair.now, pair.then, pair.current)


def _identity(pair: Pair) -> Iterator[Statement]:
    alter, old = _alter_column(pair), pair.old("identity")
    if old is None:
        yield Statement(f"{alter} DROP IDENTITY", holds_data=True)
    elif pair.new("identity"):
        yield Statement(f"{alter} SET GENERATED {old.upper()}", holds_data=True)
    else:
        owned = pair.then.parts_of(pair.relation, "sequence")
        sequence = next((each for each in owned if each.attributes.get("owned by") == pair.was.name), None)
        if not pair.new("not null"):
            yield Statement(f"{alter} SET NOT NULL", holds_data=True)
        if pair.new("default"):
            yield Statement(f"{alter} DROP DEFAULT", holds_data=True)
        yield Statement(f"{alter} ADD {sequences.of_identity(pair.was, sequence)}", holds_data=True)


def _storage(pair: Pair) -> Iterator[Statement]:
    """Yield the statement for the storage; only PostgreSQL 16 and newer have a word for that of the type."""
    usual = "MAIN" if (pair.old("type") or "").startswith(("numeric", "inet", "cidr")) else "EXTENDED"
    yield Statement(f"{_alter_column(pair)} SET STORAGE {(pair.old('storage') or usual).upper()}")


def _compression(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{_alter_column(pair)} SET COMPRESSION {pair.old('compression') or 'default'}")


def _statistics(pair: Pair) -> Iterator[Statement]:
    yield Statement(f"{_alter_column(pair)} SET STATISTICS {pair.old('statistics') or '-1'}")


def _column_options(pair: Pair) -> Iterator[Statement]:
    yield from storage(pair, _alter_column(pair))


def _column_foreign_options(pair: Pair) -> Iterator[Statement]:
    yield from foreign_options(pair, _alter_column(pair), "foreign options")


def _inherited(pair: Pair) -> Iterator[Statement]:
    """Yield a comment: a column that was once a table's own stays so, also if a parent has it."""
    if pair.old("inherited"):
        yield impossible(pair.was, "that it comes only from a parent")


_OF_COLUMNS: Mapping[str, Handler] = {
    "type": _type,
    "collation": _type,
    "domain": nothing,
    "identity": _identity,
    "not null": _not_null,
    "not null validated": _not_null,
    "default": _default,
    "generation": _generation,
    "generated": _generation,
    "storage": _storage,
    "compression": _compression,
    "statistics": _statistics,
    "options": _column_options,
    "foreign options": _column_foreign_options,
    "inherited": _inherited,
}

TABLES: Mapping[str, Mapping[str, Handler]] = {**dict.fromkeys(RELATIONS, _OF_RELATIONS), "column": _OF_COLUMNS}

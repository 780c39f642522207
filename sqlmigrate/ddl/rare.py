"""The statements that create and drop objects that few databases have."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlmigrate.catalog.objects import Catalog, Object

from . import base_types, foreign, operators, replication, search, settings
from .names import on_this_database
from .parts import trigger_state
from .rights import changed_default_privileges, default_privileges
from .targets import target


def drop(thing: Object) -> list[str]:
    """Return the statements that drop an object, or undo a setting or a grant."""
    if thing.kind == "setting":
        return [settings.reset(thing)]
    if thing.kind == "default privileges":
        return changed_default_privileges(thing, None)
    return [f"DROP {target(thing)}"]


def _event_trigger(thing: Object, _catalog: Catalog) -> list[str]:
    have = thing.attributes
    tags = f"\n    WHEN TAG IN ({have['tags']})" if have.get("tags") else ""
    create = f"CREATE {target(thing)} ON {have['event']}{tags}\n    EXECUTE FUNCTION {have['function']}"
    return [create, *([] if have["enabled"] == "on" else [event_trigger_state(thing)])]


def event_trigger_state(thing: Object) -> str:
    """Return the statement that enables or disables an event trigger."""
    return f"ALTER {target(thing)} {trigger_state(thing.attributes['enabled'])}"


def _database(thing: Object, _catalog: Catalog) -> list[str]:
    limit = thing.attributes.get("connection limit")
    return [on_this_database(f"ALTER {target(thing)} CONNECTION LIMIT {limit}")] if limit else []


def _access_method(thing: Object, _catalog: Catalog) -> list[str]:
    have = thing.attributes
    return [f"CREATE {target(thing)} TYPE {(have['type'] or '').upper()} HANDLER {have['handler']}"]


def _language(thing: Object, _catalog: Catalog) -> list[str]:
    have = thing.attributes
    trusted = "TRUSTED " if have.get("trusted") else ""
    words = [f"{word} {have[word.lower()]}" for word in ("HANDLER", "INLINE", "VALIDATOR") if have.get(word.lower())]
    return [" ".join([f"CREATE {trusted}{target(thing)}", *words])]


RARE: Mapping[str, Callable[[Object, Catalog], list[str]]] = {
    "aggregate": operators.aggregate,
    "range": base_types.range_type,
    "type": base_types.base_type,
    "publication": replication.publication,
    "subscription": replication.subscription,
    "default privileges": default_privileges,
    "event trigger": _event_trigger,
    "access method": _access_method,
    "foreign data wrapper": foreign.wrapper,
    "foreign server": foreign.server,
    "user mapping": foreign.user_mapping,
    "collation": search.collation,
    "conversion": search.conversion,
    "text search configuration": search.configuration,
    "text search dictionary": search.dictionary,
    "operator": operators.operator,
    "operator class": operators.operator_class,
    "operator family": operators.operator_family,
    "cast": operators.cast,
    "language": _language,
    "setting": settings.setting,
    "database": _database,
}

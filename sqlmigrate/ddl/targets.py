"""How statements name an object: in DROP, COMMENT ON and ALTER … OWNER TO.

https://www.postgresql.org/docs/current/sql-comment.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlmigrate.catalog.objects import TABLES, TYPES, Object
from sqlmigrate.identifiers import literal

from .names import DATABASE, identifier, on_this_database

_WORDS: Mapping[str, str] = {
    **dict.fromkeys(TABLES, "TABLE"),
    **dict.fromkeys(TYPES, "TYPE"),
    "domain": "DOMAIN",
    "foreign server": "SERVER",
    **{
        kind: kind.upper()
        for kind in (
            "view", "materialized view", "foreign table", "sequence", "index", "function", "procedure", "aggregate",
            "schema", "extension", "statistics", "publication", "subscription", "event trigger", "access method",
            "foreign data wrapper", "collation", "text search configuration", "text search dictionary", "conversion",
            "language", "column",
        )
    },
}  # fmt: skip


def target(thing: Object) -> str:
    """Return how statements name an object, with the word for its kind: ``TABLE app.orders``.

    In the name of the database stands `DATABASE`.
    """
    spell = _SPELLED.get(thing.kind)
    return spell(thing) if spell else f"{_WORDS[thing.kind]} {thing.name}"


def operator(thing: Object) -> str:
    """Return the name of an operator without its arguments: ``app.===``."""
    left, right = thing.attributes.get("left") or "", thing.attributes.get("right") or ""
    return thing.name.removesuffix(f"({left}, {right})")


def without_method(thing: Object) -> str:
    """Return the name of an operator class or family without its access method."""
    return thing.name.removesuffix(f" using {thing.attributes['method']}")


def comment(thing: Object) -> str | None:
    """Return the statement that comments a new object as the catalog has it; None if there is nothing to do."""
    text = thing.attributes.get("comment")
    new = _PUBLIC_COMMENT if (thing.kind, thing.name) == ("schema", "public") else None
    return None if text == new else commented(thing, text)


def commented(thing: Object, text: str | None) -> str:
    """Return the statement that gives an object a comment; None removes it."""
    return _executable(f"COMMENT ON {target(thing)} IS {'NULL' if text is None else literal(text)}")


def owner(thing: Object) -> str | None:
    """Return the statement that gives an object to its owner; None if it has none, or has that of its table."""
    name = thing.attributes.get("owner")
    if name is None or thing.attributes.get("owned by"):
        return None
    return _executable(f"ALTER {target(thing)} OWNER TO {identifier(name)}")


def _executable(statement: str) -> str:
    return on_this_database(statement) if DATABASE in statement else statement


def _aggregate(thing: Object) -> str:
    return f"AGGREGATE {thing.called}(*)" if thing.path[-1].endswith("()") else f"AGGREGATE {thing.name}"


def _cast(thing: Object) -> str:
    return f"CAST ({thing.attributes['source']} AS {thing.attributes['target']})"


def _operator(thing: Object) -> str:
    left, right = thing.attributes.get("left") or "NONE", thing.attributes.get("right") or "NONE"
    return f"OPERATOR {operator(thing)} ({left}, {right})"


def _of_method(thing: Object) -> str:
    return f"{thing.kind.upper()} {without_method(thing)} USING {thing.attributes['method']}"


def _of_table(thing: Object) -> str:
    on = "ON DOMAIN" if thing.kind.startswith("domain") else "ON"
    return f"{thing.kind.removeprefix('domain ').upper()} {thing.path[-1]} {on} {thing.table}"


_SPELLED: Mapping[str, Callable[[Object], str]] = {
    **dict.fromkeys(("constraint", "domain constraint", "trigger", "rule", "policy"), _of_table),
    **dict.fromkeys(("operator class", "operator family"), _of_method),
    "aggregate": _aggregate,
    "cast": _cast,
    "database": lambda _: f"DATABASE {DATABASE}",
    "operator": _operator,
    "user mapping": lambda thing: f"USER MAPPING FOR {thing.attributes['role']} SERVER {thing.attributes['server']}",
}
# That of the schema that each new database has.
_PUBLIC_COMMENT = "standard public schema"

"""Aggregates, operators, operator classes and families, casts.

https://www.postgresql.org/docs/current/sql-createopclass.html
"""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlmigrate.catalog.objects import Catalog, Object

from .targets import operator as name_of, target, without_method

_INDENT = ",\n    "
_MEMBER = re.compile(rf"{_INDENT}(?=OPERATOR |FUNCTION )")


def aggregate(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates an aggregate."""
    return [thing.definition.replace("CREATE OR REPLACE ", "CREATE ", 1)]


def operator(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates an operator; none for one that others only name."""
    have = thing.attributes
    if not have.get("function"):
        return []
    clauses = {
        "FUNCTION": have.get("function"), "LEFTARG": have.get("left"), "RIGHTARG": have.get("right"),
        "COMMUTATOR": have.get("commutator"), "NEGATOR": have.get("negator"),
    }  # fmt: skip
    lines = [f"{word} = {value}" for word, value in clauses.items() if value]
    lines += [each for each in (have.get("estimates"), have.get("joins")) if each]
    return [f"CREATE OPERATOR {name_of(thing)} ({', '.join(lines)})"]


def operator_family(thing: Object, catalog: Catalog) -> list[str]:
    """Return the statements that create an operator family, with what is not in one of its classes."""
    in_classes = {each for one in classes(thing, catalog) for each in members(one, catalog)}
    rest = [each for each in members_of_family(thing) if each not in in_classes]
    added = [added_to_family(thing, rest)] if rest else []
    return [f"CREATE {target(thing)}", *added]


def added_to_family(thing: Object, members: list[str]) -> str:
    """Return the statement that adds operators and functions to a family."""
    return f"ALTER {target(thing)} ADD\n    {_INDENT.join(members)}"


def operator_class(thing: Object, catalog: Catalog, *, known: Collection[str] = ()) -> list[str]:
    """Return the statement that creates an operator class; `known` is what its family already holds."""
    have = thing.attributes
    default = "DEFAULT " if have.get("default") else ""
    head = f"CREATE {target(thing).partition(' USING ')[0]}"
    lines = [each for each in members(thing, catalog) if each not in known]
    if stores := have.get("stores"):
        lines.append(f"STORAGE {stores}")
    elif not lines:
        lines.append(f"STORAGE {have['type']}")
    of = f"{default}FOR TYPE {have['type']} USING {have['method']} FAMILY {have['family']} AS"
    return [f"{head}\n    {of}\n    {_INDENT.join(lines)}"]


def members(thing: Object, catalog: Catalog) -> list[str]:
    """Return the operators and functions of a class: those of its family that are for its type alone.

    PostgreSQL ties them to the class in the same way. A second class for the type shares those of the first.
    """
    family = family_of(thing, catalog)
    if family is None:
        return members_of_family(thing)
    first = next((each for each in classes(family, catalog) if _type(each) == _type(thing)), thing)
    return [each for each in members_of_family(family) if _is_for(each, _type(thing))] if first is thing else []


def in_classes(family: Object, catalog: Catalog, other: Catalog) -> set[str]:
    """Return what the classes of a family hold that the other catalog does not have."""
    gone = (each for each in classes(family, catalog) if (each.kind, each.name) not in other.objects)
    return {each for one in gone for each in members(one, catalog)}


def named(member: str) -> str:
    """Return how ALTER OPERATOR FAMILY names a member to drop it: ``OPERATOR 2 (integer, integer)``."""
    kind, number, rest = member.split(" ", 2)
    if kind == "FUNCTION":
        return f"FUNCTION {number} {rest[: rest.index(')') + 1]}"
    return f"OPERATOR {number} {rest.partition(' FOR ORDER BY ')[0][rest.index('(') :]}"


def family_of(thing: Object, catalog: Catalog) -> Object | None:
    """Return the family of an operator class, if it is an object of the catalog."""
    name = f"{thing.attributes['family']} using {thing.attributes['method']}"
    return catalog.objects.get(("operator family", name))


def cast(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates a cast."""
    have = thing.attributes
    how = {"function": f"WITH FUNCTION {have.get('function')}", "inout": "WITH INOUT", "binary": "WITHOUT FUNCTION"}
    when = {"assignment": " AS ASSIGNMENT", "implicit": " AS IMPLICIT"}
    return [f"CREATE {target(thing)} {how[have['method'] or '']}{when.get(have['context'] or '', '')}"]


def classes(family: Object, catalog: Catalog) -> list[Object]:
    """Return the classes of a family, the default ones first."""
    name, method = without_method(family), family.attributes["method"]
    found = [
        each
        for each in catalog.of_kind("operator class")
        if (each.attributes["family"], each.attributes["method"]) == (name, method)
    ]
    return sorted(found, key=lambda each: (not each.attributes.get("default"), each.name))


def members_of_family(thing: Object) -> list[str]:
    """Return all operators and functions of a family."""
    return [each for each in _MEMBER.split(thing.attributes.get("holds") or "") if each]


def _type(thing: Object) -> str:
    return thing.attributes["type"] or ""


def _is_for(member: str, name: str) -> bool:
    if member.startswith("FUNCTION"):
        return f" ({name}, {name}) " in member
    return member.partition(" FOR ORDER BY ")[0].endswith(f"({name},{name})")

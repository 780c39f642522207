"""Collations, conversions, text search.

https://www.postgresql.org/docs/current/sql-createtsconfig.html
"""

from __future__ import annotations

import re

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.identifiers import QUALIFIED, literal

from .targets import target

_MAPPED = re.compile(rf"([a-z_0-9]+) ({QUALIFIED})(?:, |$)")


def collation(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates a collation."""
    have = thing.attributes
    words = [f"PROVIDER = {have['provider']}", have.get("locale") or ""]
    words += ["DETERMINISTIC = false"] if have.get("deterministic") == "false" else []
    return [f"CREATE {target(thing)} ({', '.join(filter(None, words))})"]


def conversion(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates a conversion."""
    have = thing.attributes
    default = "DEFAULT " if have.get("default") else ""
    source, to = literal(have["source"] or ""), literal(have["target"] or "")
    return [f"CREATE {default}{target(thing)} FOR {source} TO {to} FROM {have['function']}"]


def dictionary(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates a text search dictionary."""
    options = [each for each in (f"TEMPLATE = {thing.attributes['template']}", thing.attributes.get("options")) if each]
    return [f"CREATE {target(thing)} ({', '.join(options)})"]


def configuration(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statements that create a text search configuration."""
    mapped: dict[str, list[str]] = {}
    for tokens, dictionaries in by_dictionaries(thing).items():
        mapped[dictionaries] = [*mapped.get(dictionaries, []), tokens]
    add = f"ALTER {target(thing)} ADD MAPPING FOR"
    return [
        f"CREATE {target(thing)} (PARSER = {thing.attributes['parser']})",
        *(f"{add} {', '.join(tokens)} WITH {dictionaries}" for dictionaries, tokens in mapped.items()),
    ]


def by_dictionaries(thing: Object) -> dict[str, str]:
    """Return the dictionaries of each kind of token."""
    found: dict[str, str] = {}
    for token, dictionary in _MAPPED.findall(thing.attributes.get("mapping") or ""):
        found[token] = f"{found[token]}, {dictionary}" if token in found else dictionary
    return found

"""Foreign data wrappers, servers, user mappings, and the clauses of foreign tables.

Options that may be secrets are hidden in the catalog: they are not written, and a comment says so.
https://www.postgresql.org/docs/current/sql-createserver.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.catalog.sql_rare import UNSEEN
from sqlmigrate.identifiers import IDENTIFIER, literal

from .names import identifier
from .targets import target

_OPTION = re.compile(rf"({IDENTIFIER}) (E?'(?:[^'\\]|''|\\.)*'|\(hidden(?:, \w+)?\))", re.DOTALL)
HIDDEN = "(hidden"  # stands for a value in a catalog; a hash may follow


def wrapper(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates a foreign data wrapper."""
    have = thing.attributes
    words = [f"CREATE {target(thing)}"]
    words += [f"{word} {have[word.lower()]}" for word in ("HANDLER", "VALIDATOR") if have.get(word.lower())]
    return [_with_options(thing, " ".join(words))]


def server(thing: Object, _catalog: Catalog) -> list[str]:
    """Return the statement that creates a foreign server."""
    have = thing.attributes
    words = [f"CREATE {target(thing)}"]
    words += [f"{word} {literal(have[word.lower()] or '')}" for word in ("TYPE", "VERSION") if have.get(word.lower())]
    words += [f"FOREIGN DATA WRAPPER {have['wrapper']}"]
    return [_with_options(thing, " ".join(words))]


def user_mapping(thing: Object, catalog: Catalog) -> list[str]:
    """Return the statement that creates a user mapping; the owner of the database is whoever executes it."""
    owner = catalog.objects.get(("database", "'current'"))
    if owner is not None and identifier(owner.attributes.get("owner") or "") == thing.attributes.get("role"):
        thing = replace(thing, attributes={**thing.attributes, "role": "CURRENT_USER"})
    return [named_user_mapping(thing)]


def named_user_mapping(thing: Object) -> str:
    """Return the statement that creates a user mapping for the role that it is for."""
    return _with_options(thing, f"CREATE {target(thing)}")


def of_table(table: Object) -> str:
    """Return what CREATE FOREIGN TABLE says behind the columns: the server, and the options."""
    return f"SERVER {table.attributes['server']}{of_column(table)}"


def of_column(thing: Object) -> str:
    """Return the clause for the options of a foreign table or of a column of it, with a blank; empty for none."""
    return clause(thing.attributes.get("foreign options"))


def clause(options: str | None) -> str:
    """Return the clause for options as the catalog has them, without the hidden ones; empty for none."""
    shown = [f"{name} {value}" for name, value in values(options).items() if not value.startswith(HIDDEN)]
    return f" OPTIONS ({', '.join(shown)})" if shown else ""


def values(options: str | None) -> dict[str, str]:
    """Return options by name, the values as SQL or as what stands for a hidden one."""
    return dict(_OPTION.findall(options or ""))


def hidden(thing: Object) -> tuple[str, ...]:
    """Return what of an object is hidden in the catalog, so that no statement has it: the names of its options."""
    if (thing.attributes.get("value") or "").startswith(HIDDEN):
        return ("value",)
    if UNSEEN in (thing.attributes.get("options"), thing.attributes.get("foreign options")):
        return ("options",)
    return tuple(_hidden_options(thing))


def _hidden_options(thing: Object) -> Iterator[str]:
    for name in ("options", "foreign options"):
        for option, value in values(thing.attributes.get(name)).items():
            if value.startswith(HIDDEN):
                yield option


def _with_options(thing: Object, statement: str) -> str:
    names = hidden(thing)
    said = f"-- not written, because it may be a secret: option {', '.join(names)}\n" if names else ""
    if names == ("options",):
        said = "-- not written, because this role may not see them: the options\n"
    return f"{said}{statement}{clause(thing.attributes.get('options'))}"

"""The columns of a table as CREATE TABLE has them, and what only ALTER TABLE can say of them.

https://www.postgresql.org/docs/current/sql-createtable.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmigrate.catalog.objects import Object

from . import foreign, sequences


def definition(column: Object, owned: Sequence[Object], *, with_default: bool = True) -> str:
    """Return a column as CREATE TABLE has it.

    Args:
        column: The column.
        owned: The sequences that belong to it.
        with_default: Whether its default stands there, too.
    """
    have = column.attributes
    serial = next(filter(None, (sequences.serial_type(column, each) for each in owned)), None)
    words = [column.path[-1], serial or have.get("type") or ""]
    if collation := have.get("collation"):
        words.append(f"COLLATE {collation}")
    if compression := have.get("compression"):
        words.append(f"COMPRESSION {compression}")
    if options := foreign.clause(have.get("foreign options")):
        words.append(options.strip())
    if have.get("generated"):
        words.append(f"GENERATED ALWAYS AS ({have.get('generation')}) {(have['generated'] or '').upper()}")
    if have.get("identity"):
        words.append(sequences.of_identity(column, next(iter(owned), None)))
    if with_default and have.get("default") and not serial:
        words.append(f"DEFAULT {have['default']}")
    if have.get("not null") and not have.get("not null validated") and not have.get("identity"):
        words.append("NOT NULL")
    return " ".join(words)


def of_type(column: Object) -> str:
    """Return what a table of a type says of a column; empty if that is as the type has it."""
    have = column.attributes
    default = f" DEFAULT {have['default']}" if have.get("default") else ""
    needed = " NOT NULL" if have.get("not null") else ""
    return f"{column.path[-1]} WITH OPTIONS{default}{needed}" if default or needed else ""


def further(relation: str, column: Object) -> Iterator[str]:
    """Yield the statements for what CREATE TABLE cannot say of a column; `relation` is ``TABLE app.orders``."""
    have, name = column.attributes, column.path[-1]
    alter = f"ALTER {relation} ALTER COLUMN {name}"
    if have.get("not null validated"):
        yield f"ALTER {relation} ADD NOT NULL {name} NOT VALID"
    if storage := have.get("storage"):
        yield f"{alter} SET STORAGE {storage.upper()}"
    if statistics := have.get("statistics"):
        yield f"{alter} SET STATISTICS {statistics}"
    if options := have.get("options"):
        yield f"{alter} SET ({storage_options(options)})"


TOAST = "toast."
"""What stands before the options of a table's TOAST table."""


def storage_options(options: str, prefix: str = "") -> str:
    """Write the options of a relation or column as SQL: ``fillfactor=70``; a value in quotes where it needs them."""
    return ", ".join(f"{prefix}{_option(each)}" for each in options.split(", "))


def _option(option: str) -> str:
    name, _, value = option.partition("=")
    is_plain = value.replace(".", "").replace("-", "").replace("_", "").isalnum()
    return f"{name}={value}" if is_plain else f"{name}='{value}'"

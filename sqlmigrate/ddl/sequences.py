"""Sequences: alone, of a serial column, of an identity column.

https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-SERIAL
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlmigrate.catalog.objects import Object
from sqlmigrate.identifiers import literal, plain

from .generated_names import generated, is_called

_MAXIMUM = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_SERIAL = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}


def create(sequence: Object) -> str:
    """Return the statement that creates a sequence."""
    unlogged = "UNLOGGED " if sequence.attributes.get("persistence") == "unlogged" else ""
    return " ".join([f"CREATE {unlogged}SEQUENCE {sequence.name}", *_options(sequence)])


def all_options(sequence: Object) -> str:
    """Return all options of a sequence, also those that are the default."""
    have = sequence.attributes
    cycle = "CYCLE" if have.get("cycle") else "NO CYCLE"
    return (
        f"AS {have['type']} START WITH {have['start']} INCREMENT BY {have['increment']} "
        f"MINVALUE {have['minimum']} MAXVALUE {have['maximum']} CACHE {have['cache']} {cycle}"
    )


def owned_by(sequence: Object) -> str | None:
    """Return the statement that gives a sequence to its column; None if it belongs to none."""
    column = sequence.attributes.get("owned by")
    return f"ALTER SEQUENCE {sequence.name} OWNED BY {column}" if column else None


def of_identity(column: Object, sequence: Object | None) -> str:
    """Return the clause of an identity column: GENERATED ALWAYS AS IDENTITY, with the options of its sequence."""
    options = list(_options(sequence, own_type=True)) if sequence else []
    if sequence and not _has_usual_name(sequence, column):
        options.insert(0, f"SEQUENCE NAME {sequence.name}")
    within = f" ({' '.join(options)})" if options else ""
    return f"GENERATED {(column.attributes['identity'] or '').upper()} AS IDENTITY{within}"


def serial_type(column: Object, sequence: Object) -> str | None:
    """Return ``bigserial`` if that alone creates a column and its sequence as they are; None if it does not."""
    attributes: Mapping[str, str | None] = column.attributes
    is_usual = _has_usual_name(sequence, column) and not list(_options(sequence, own_type=True))
    default = f"nextval({literal(sequence.name)}::regclass)"
    if not is_usual or attributes.get("default") != default or attributes.get("not null") != "true":
        return None
    if sequence.attributes.get("type") != attributes.get("type") or sequence.attributes.get("persistence"):
        return None
    return _SERIAL.get(attributes.get("type") or "")


def _has_usual_name(sequence: Object, column: Object) -> bool:
    schema, table, name = column.path
    return is_called(sequence.name, schema, generated(plain(table), plain(name), "seq"))


def _options(sequence: Object, *, own_type: bool = False) -> Iterator[str]:
    """Yield the options that are not the default; the type only if it is not that of the column."""
    have = sequence.attributes
    kind = have.get("type") or "bigint"
    increment = int(have.get("increment") or 1)
    most, least = _MAXIMUM[kind], -_MAXIMUM[kind] - 1
    low, high = (1, most) if increment > 0 else (least, -1)
    if kind != "bigint" and not own_type:
        yield f"AS {kind}"
    if have.get("start") != str(low if increment > 0 else high):
        yield f"START WITH {have['start']}"
    if increment != 1:
        yield f"INCREMENT BY {increment}"
    if have.get("minimum") != str(low):
        yield f"MINVALUE {have['minimum']}"
    if have.get("maximum") != str(high):
        yield f"MAXVALUE {have['maximum']}"
    if have.get("cache") != "1":
        yield f"CACHE {have['cache']}"
    if have.get("cycle"):
        yield "CYCLE"

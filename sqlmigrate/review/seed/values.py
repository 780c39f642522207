"""Values for a column: SQL expressions of the number of the row, `{g}`, in the order in which they are tried.

The first value of a type is different in every row, as far as the type has so many values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import geometries

WORDS = "(array['north','east','south','west','red','green','blue','long','short','old'])[1 + {g} % 10]"


@dataclass(frozen=True)
class Type:
    """A type as in pg_type.

    Attributes:
        name: its qualified name
        kind: its typtype
        category: its typcategory
        element: the element of an array, the subtype of a range, the range of a multirange, the base type of a domain
        formatted: the base type of a domain with its length
        not_null: whether a domain is NOT NULL
        checks: the checks of a domain
        labels: the labels of an enum
        fields: name and type of each column of a composite type
    """

    name: str
    kind: str
    category: str
    element: str = ""
    formatted: str = ""
    not_null: bool = False
    checks: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    fields: tuple[tuple[str, int], ...] = ()


Types = Mapping[str, Type]  # by OID


def literal(text: str) -> str:
    """Return a text as a literal in SQL."""
    return "'" + text.replace("'", "''") + "'" if "\\" not in text else "E'" + _escaped(text) + "'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")


_STRING = re.compile(r"(?<![\w'])'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(?<![\w.'])\(?(-?\d+(?:\.\d+)?)\)?(?![\w.'])")


def list_check_values(checks: Iterable[str], category: str) -> list[str]:
    """Return the values that the checks of a column name: all literals in turn, each alone, and numbers near them."""
    text = "\n".join(checks)
    strings = list(dict.fromkeys(found.replace("''", "'") for found in _STRING.findall(text)))
    if category == "N":
        numbers = list(dict.fromkeys([*_NUMBER.findall(text), *(s for s in strings if _NUMBER.fullmatch(s))]))
        numbers = numbers[:6]
        near = [value for n in numbers for value in (f"({n}) + {{g}}", f"({n}) - {{g}}", f"({n}) + 1", f"({n}) - 1")]
        return [take_turns(numbers), *near, *numbers] if numbers else []
    return [take_turns([literal(s) for s in strings]), *map(literal, strings[:8])] if strings else []


def take_turns(values: list[str]) -> str:
    """Return an expression that is each of these values in turn; `{g}` is the number of the row."""
    return f"(array[{', '.join(values)}])[1 + {{g}} % {len(values)}]"


FIRST_KEY = 1_000_000  # larger than the keys that migrations give to rows of their own
_INTEGERS = [
    f"{FIRST_KEY} + {{g}}",
    "{g}", "1 + {g} % 5", "{g} % 2", "0", "1", "-{g}", "1000 + {g}", "100 * {g}", "1990 + {g} % 30", "1 + {g} % 12",
    "10", "100", "50 + {g} % 50", "8 * {g}", "1024 * {g}",
]  # fmt: skip
_TEXTS = [
    "'Word ' || {g}", "'user' || {g} || '@example.org'", "'word' || {g}", "'W' || {g}", "'word-' || {g}",
    "'word_' || {g}", "'https://example.org/' || {g}", WORDS, "upper(" + WORDS + ")", "initcap(" + WORDS + ")",
    "'word-' || translate({g}::text, '0123456789', 'abcdefghij')", "translate({g}::text, '0123456789', 'abcdefghij')",
    "translate({g}::text, '0123456789', 'ABCDEFGHIJ')", "{g}::text", "lpad({g}::text, 5, '0')",
    "lpad({g}::text, 10, '0')", "'+4930' || (1000000 + {g})", "'#' || lpad(to_hex({g}), 6, '0')",
    "chr(97 + {g} / 26 % 26) || chr(97 + {g} % 26)", "chr(65 + {g} / 26 % 26) || chr(65 + {g} % 26)",
    "chr(65 + {g} / 676 % 26) || chr(65 + {g} / 26 % 26) || chr(65 + {g} % 26)",
    "chr(97 + {g} / 676 % 26) || chr(97 + {g} / 26 % 26) || chr(97 + {g} % 26)",
    "chr(97 + {g} % 26)", "chr(65 + {g} % 26)", "'v1.2.' || {g}", "'1.2.' || {g}", "'1.' || {g}",
    "'AB-' || lpad({g}::text, 4, '0')",
    "'AB' || lpad({g}::text, 6, '0')", "lpad({g}::text, 3, '0') || '-' || lpad({g}::text, 4, '0')",
    "'www' || {g} || '.example.org'", "'/path/' || {g}", "md5({g}::text)", "md5({g}::text)::uuid::text",
    "md5({g}::text) || md5({g}::text)", "md5({g}::text) || '01234567'", "'DE89' || lpad({g}::text, 18, '0')",
    "'ABC' || lpad(({g} % 1000)::text, 3, '0')", "'A' || lpad({g}::text, 5, '0')", "lpad({g}::text, 8, '0')",
    "lpad({g}::text, 3, '0')", "'0x' || md5({g}::text)", "'en'",
    "'en_' || chr(65 + {g} / 26 % 26) || chr(65 + {g} % 26)",
    "'2026-01-01'", "'12:30'", "'10.0.0.' || {g} % 250", "'{}'", "'[]'", "''", "repeat('word ', 50) || {g}",
]  # fmt: skip
_INSTANT = "timestamp '2026-01-01 00:00' + {g} * interval '1 hour'"
_MOMENTS = [
    _INSTANT,
    "timestamp '2026-01-01 00:30' + {g} * interval '1 hour'",
    "timestamp '2026-02-01 00:00' + {g} * interval '1 hour'",
    "timestamp '2036-01-01 00:00' + {g} * interval '1 hour'",
    "timestamp '2006-01-01 00:00' + {g} * interval '1 hour'",
    "timestamp '2026-01-05 00:00' + {g} * interval '7 days'",
    "timestamp '1970-01-01 00:00'",
]
_DATES = [f"({value})::date" for value in ("timestamp '2026-01-01' + {g} * interval '1 day'",)] + [
    f"date '{day}' + {{g}}" for day in ("2026-01-02", "2027-06-01", "2036-01-01", "1980-01-01")
]
_DATES += ["date '2026-01-05' + 7 * {g}", "(date '2000-01-01' + {g} * interval '1 month')::date"]
_FRACTION = ["{g} + 0.25", "{g}", "0.001 * {g}", "0.5", "0", "-{g}", "100", "1 + {g} % 5", "10 * {g}", "-0.001 * {g}"]
_BITS = "lpad(({g})::bit(16)::text, 16, '0')"

# https://www.postgresql.org/docs/current/datatype.html
_VALUES: dict[str, list[str]] = {
    "boolean": ["{g} % 2 = 0", "true", "false"],
    "smallint": ["20000 + {g} % 10000", "1 + {g} % 30000", *_INTEGERS[1:]],
    "integer": _INTEGERS,
    "bigint": _INTEGERS,
    "oid": ["{g}"],
    "xid": ["({g}::text)::xid"],
    "xid8": ["({g}::text)::xid8"],
    "cid": ["({g}::text)::cid"],
    "tid": ["'(0,' || {g} || ')'"],
    "real": _FRACTION,
    "double precision": _FRACTION,
    "numeric": _FRACTION,
    "money": ["({g} + 0.25)::numeric::money", "0::money"],
    "text": _TEXTS,
    "character varying": _TEXTS,
    "character": _TEXTS,
    "name": ["'name_' || {g}", *_TEXTS],
    '"char"': ["chr(97 + {g} % 26)"],
    "bytea": ["decode(md5({g}::text), 'hex')", "decode(md5({g}::text) || md5({g}::text), 'hex')", "''"],
    "date": _DATES,
    "timestamp without time zone": _MOMENTS,
    "timestamp with time zone": [f"({value}) at time zone 'UTC'" for value in _MOMENTS],
    "time without time zone": ["time '00:00' + {g} * interval '1 minute'", "time '08:00'", "time '18:00'"],
    "time with time zone": ["(time '00:00' + {g} * interval '1 minute')::text || '+00'"],
    "interval": ["{g} * interval '1 minute'", "{g} * interval '1 day'", "interval '1 hour'", "interval '0'"],
    "uuid": ["md5({g}::text)::uuid", "'00000000-0000-4000-8000-' || lpad({g}::text, 12, '0')"],
    "json": ["json_build_object('id', {g}, 'name', 'Word ' || {g})", "'{}'", "'[]'", "to_json({g})", "'\"word\"'"],
    "jsonb": [
        "jsonb_build_object('id', {g}, 'name', 'Word ' || {g})", "'{}'", "jsonb_build_array({g})", "'[]'",
        "to_jsonb({g})", "to_jsonb('Word ' || {g})",
    ],
    "jsonpath": ["('$.a' || {g})::jsonpath"],
    "xml": ["('<row id=\"' || {g} || '\"/>')::xml"],
    "inet": ["inet '10.0.0.0' + {g}"],
    "cidr": ["(inet '10.0.0.0' + {g})::cidr"],
    "macaddr": ["'08:00:2b:01:' || lpad(to_hex({g} / 256 % 256), 2, '0') || ':' || lpad(to_hex({g} % 256), 2, '0')"],
    "macaddr8": [
        "'08:00:2b:01:02:03:' || lpad(to_hex({g} / 256 % 256), 2, '0') || ':' || lpad(to_hex({g} % 256), 2, '0')"
    ],
    "tsvector": ["to_tsvector('simple', 'word' || {g} || ' and more')"],
    "tsquery": ["plainto_tsquery('simple', 'word' || {g})"],
    "point": ["point({g}, {g} % 7)"],
    "line": ["'{1,-1,' || {g} || '}'"],
    "lseg": ["lseg(point({g}, 0), point({g}, 1))"],
    "box": ["box(point(2 * {g}, 0), point(2 * {g} + 1, 1))"],
    "path": ["('((' || {g} || ',0),(1,1),(2,0))')::path"],
    "polygon": ["('((' || {g} || ',0),(1,1),(2,0))')::polygon"],
    "circle": ["circle(point(3 * {g}, 0), 1)"],
    "pg_lsn": ["('0/' || to_hex({g}))::pg_lsn"],
    "regclass": ["'pg_catalog.pg_class'", "'pg_catalog.pg_type'"],
    "regtype": ["'integer'"],
    "regproc": ["'pg_catalog.now'"],
    "regprocedure": ["'pg_catalog.now()'"],
    "regnamespace": ["'pg_catalog'"],
    "regrole": ["current_user::text"],
    "regconfig": ["'pg_catalog.simple'"],
    "regdictionary": ["'pg_catalog.simple'"],
    "regcollation": ["'pg_catalog.\"C\"'"],
    "refcursor": ["'cursor' || {g}"],
    "pg_snapshot": ["({g} || ':' || ({g} + 1) || ':')::pg_snapshot"],
}  # fmt: skip

# For other types, such as those of extensions: what their text may look like.
GUESSES = ["'word' || {g}", "{g}::text", "'a=>' || {g}", "'POINT(' || {g} || ' 1)'", "''", "'{}'", "'(0,0)'", "'1.2.3'"]


def list_type_values(  # noqa: PLR0911 - a line for each kind of type
    oid: str, types: Types, formatted: str, passing: Mapping[str, list[str]]
) -> list[str]:
    """Return the values of a type.

    Args:
        oid: The OID of the type.
        types: All types by OID.
        formatted: The type of the column with its length.
        passing: The values that the checks of each domain accept.
    """
    known = types[oid]
    if oid in passing:
        return passing[oid]
    if known.kind == "e":
        return (
            [take_turns([literal(label) for label in known.labels]), *map(literal, known.labels)]
            if known.labels
            else []
        )
    if known.kind == "d":
        return list_type_values(known.element, types, known.formatted, passing)
    if known.kind == "c":
        return [_row(known, types, passing)]
    if known.kind in "rm":
        return _ranges(known, types, passing)
    if known.category == "A" and known.element in types:
        return _arrays(known, types, passing)
    return _sized(known.name.removeprefix("pg_catalog."), formatted)


def _first(oid: str, types: Types, passing: Mapping[str, list[str]]) -> str:
    values = list_type_values(oid, types, types[oid].name, passing)
    return f"({values[0]})::{types[oid].name}" if values else f"null::{types[oid].name}"


def _row(known: Type, types: Types, passing: Mapping[str, list[str]]) -> str:
    values = ", ".join(_first(str(oid), types, passing) for _, oid in known.fields if str(oid) in types)
    return f"row({values})::{known.name}"


def _ranges(known: Type, types: Types, passing: Mapping[str, list[str]]) -> list[str]:
    """Return ranges that follow one another."""
    one = _first(known.element, types, passing)
    if known.kind == "m":
        return [f"{known.name}({one})"]
    low, high = one, one.replace("{g}", "({g} + 1)")
    return [f"{known.name}(least({low}, {high}), greatest({low}, {high}))", f"{known.name}({low}, {low}, '[]')"]


def _arrays(known: Type, types: Types, passing: Mapping[str, list[str]]) -> list[str]:
    one = _first(known.element, types, passing)
    two = one.replace("{g}", "({g} + 1)")
    return [f"array[{one}, {two}]::{known.name}", f"array[{one}]::{known.name}", f"'{{}}'::{known.name}"]


_MODIFIERS = re.compile(r"^(.*?)\((-?\d+)(?:,(-?\d+))?\)(.*)$")


def _sized(name: str, formatted: str) -> list[str]:
    """Return values of a length or precision: `varchar(3)`, `numeric(4,2)`, `bit(8)`."""
    match = _MODIFIERS.match(formatted)
    size, scale = (int(match[2]), int(match[3] or 0)) if match else (0, 0)
    if name in ("bit", '"bit"', "bit varying"):
        width = size or (1 if name != "bit varying" else 16)
        return [f"({{g}})::bit(32)::text::bit({width})" if width >= 32 else f"({{g}})::bit({width})"]  # noqa: PLR2004
    if name == "numeric" and match:
        whole = f"mod({{g}}, 10::numeric ^ {size}) / 10::numeric ^ {scale}" if size - scale < 4 else "{g} + 0.25"  # noqa: PLR2004
        return [f"{whole}", *_FRACTION]
    values = [geometries.value(formatted)] if geometries.is_geometry(name) else _VALUES.get(name)
    if values is None:
        vector = literal("[" + ",".join(["1"] * (size or 3)) + "]")
        return [*GUESSES, vector]
    if name in ("character varying", "character") and 0 < size < 12:  # noqa: PLR2004
        return _short(size) + values
    return values


def _short(size: int) -> list[str]:
    if size >= 3:  # noqa: PLR2004
        return ["chr(97 + {g} / 676 % 26) || chr(97 + {g} / 26 % 26) || chr(97 + {g} % 26)"]
    return ["chr(97 + {g} / 26 % 26) || chr(97 + {g} % 26)"] if size > 1 else ["chr(97 + {g} % 26)"]

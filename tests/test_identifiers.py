"""Names of database objects: cut into parts, quoted, compared, whatever characters they hold."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given, strategies as st

from sqlmigrate import identifiers

NAMES = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), min_size=1)

# A name, its parts as they are written, the plain last part, the name without it.
CASES = {
    "orders": (("orders",), "orders", ""),
    "public.orders.total": (("public", "orders", "total"), "total", "public.orders"),
    'public."a.b"."c""d"': (("public", '"a.b"', '"c""d"'), 'c"d', 'public."a.b"'),
    '"Order"': (('"Order"',), "Order", ""),
    "app.f(integer, other.state)": (("app", "f(integer, other.state)"), "f", "app"),
    'app.f("a)b.c", text)': (("app", 'f("a)b.c", text)'), "f", "app"),
    'app."f(a.b)"': (("app", '"f(a.b)"'), "f(a.b)", "app"),
    'app."f("(text)': (("app", '"f("(text)'), "f(", "app"),
    "app.state.'it''s v1.0'": (("app", "state", "'it''s v1.0'"), "'it''s v1.0'", "app.state"),
    "app.@>(app.box,app.box)": (("app", "@>(app.box,app.box)"), "@>", "app"),
    "": ((), "", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_name_is_cut_at_the_dots_between_its_parts(name: str) -> None:
    """Dots inside of quotes, labels and arguments separate nothing."""
    parts, last, parent = CASES[name]

    assert identifiers.parts(name) == parts
    assert identifiers.last_part(name) == last
    assert identifiers.parent(name) == parent


@given(NAMES)
def test_what_is_quoted_is_read_back(parts: list[str]) -> None:
    """Any names, quoted and joined, are cut into the same names again."""
    assert identifiers.plain_parts(identifiers.quoted(*parts)) == tuple(parts)


@pytest.mark.parametrize("part", ["a", "A", "a b", "a.b", 'a"b', "order", "f(x)", "größe", "$1", "1a", "'", '""'])
def test_postgresql_quotes_alike(part: str, database: str) -> None:
    """What `quote_ident` writes is read as the plain name; what we quote is the same name to the server."""
    with psycopg.connect(database) as conn:
        written = conn.execute("select quote_ident(%s)", [part]).fetchone()
        read = conn.execute("select parse_ident(%s)", [identifiers.quoted("public", part)]).fetchone()

    assert written is not None
    assert identifiers.plain(written[0]) == part
    assert read == (["public", part],)


def test_names_are_compared_without_the_schema_public() -> None:
    """A name without a schema is one of `public`; quotes are part of how both are written."""
    assert identifiers.is_same("public.orders", "orders")
    assert not identifiers.is_same("app.orders", "orders")
    assert identifiers.displayed('public."Order".total') == '"Order".total'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("migrations", ("migrations",)),
        ("Ops.Migrations", ("Ops", "Migrations")),
        ('"a.b"."c""d"', ("a.b", 'c"d')),
        ('" "', (" ",)),
        ("a.b.c", ("a", "b", "c")),
        *((text, None) for text in ("", " ", ".a", "a.", "a..b", '"a', '"a"b', 'a"b"', '""', "a. ")),
    ],
)
def test_a_name_that_a_user_writes(text: str, parts: tuple[str, ...] | None) -> None:
    """Each part is plain or quoted as a whole; everything else is not a name."""
    assert identifiers.written_parts(text) == parts

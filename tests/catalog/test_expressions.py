"""Expressions that differ only in how PostgreSQL prints a chain are alike; all others are not."""

from __future__ import annotations

import pytest

from sqlmigrate.catalog.expressions import are_alike

ALIKE = {
    "pairs and a chain": ("((((a <> b) OR (c <> d)) OR (e <> f)))", "(((a <> b) OR (c <> d) OR (e <> f)))"),
    "of AND": ("CHECK (((x AND y) AND z))", "CHECK ((x AND y AND z))"),
    "on the right": ("(a OR (b OR (c OR d)))", "(a OR b OR c OR d)"),
    "inside a definition": (
        "CREATE TRIGGER t AFTER UPDATE ON o WHEN (((a) OR (b)) OR (c)) EXECUTE FUNCTION f()",
        "CREATE TRIGGER t AFTER UPDATE ON o WHEN ((a) OR (b) OR (c)) EXECUTE FUNCTION f()",
    ),
    "over several lines": ("(a OR\n    b)", "(a OR b)"),
    "a cast of an array and an array of casts": (
        "(s <> ALL ((ARRAY['a'::character varying, 'it''s'::character varying])::text[]))",
        "(s <> ALL (ARRAY[('a'::character varying)::text, ('it''s'::character varying)::text]))",
    ),
    "a column that a type has got since": (
        "( SELECT s.sub FROM app.session() s(jti, sub))",
        "( SELECT s.sub FROM app.session() s(jti, sub, email))",
    ),
    "an attribute that a type has got since": (
        "ROW('a;b'::text, NULL::character varying(3), NULL::timestamp with time zone)::app.address",
        "ROW('a;b'::text, NULL, NULL)::app.address",
    ),
}
DIFFERENT = {
    "another order of evaluation": ("((a OR b) AND c)", "(a OR (b AND c))"),
    "an operand of a comparison": ("(x = (a OR b) OR c)", "(x = a OR b OR c)"),
    "NOT in front": ("(NOT (a OR b) OR c)", "(NOT a OR b OR c)"),
    "inside a text": ("(a = '(b OR c) OR d')", "(a = 'b OR c OR d')"),
    "inside a name": ('("(b OR c) OR d" OR a)', '("b OR c OR d" OR a)'),
    "another operand": ("((a OR b) OR c)", "(a OR b OR d)"),
    "in a CASE": ("(CASE WHEN a THEN (b OR c) OR d END)", "(CASE WHEN a THEN b OR c OR d END)"),
    "arguments of a function": ("(f(a OR b) OR c)", "(f(a OR b OR c))"),
    "another array": (
        "(s <> ALL ((ARRAY['a'::character varying])::text[]))",
        "(s <> ALL (ARRAY[('b'::character varying)::text]))",
    ),
    "other columns": ("( SELECT s.sub FROM f() s(jti, sub))", "( SELECT s.sub FROM f() s(sub, jti))"),
    "another alias": ("( SELECT a FROM f() s(a, b))", "( SELECT a FROM f() t(a, b, c))"),
    "a NULL that is not in a row": ("(COALESCE(a, NULL::text))", "(COALESCE(a, NULL))"),
    "another value in a row": ("ROW('a'::text, NULL::text)::app.address", "ROW('b'::text, NULL)::app.address"),
    "no chain": ("(a + b) + c", "a + b + c"),
}


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_what_is_only_printed_differently_is_alike(one: str, other: str) -> None:
    assert are_alike(one, other)
    assert are_alike(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_means_something_else_is_not(one: str, other: str) -> None:
    assert not are_alike(one, other)
    assert not are_alike(other, one)

"""One statement: a view of its source that knows what it is."""

from __future__ import annotations

import sys

import children
import pytest

from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.source import Source, Span


def test_statement_is_a_view_of_its_source() -> None:
    """A statement has its source, its text and its span, and cannot be changed."""
    source = Source("a.sql", "-- x\nselect 1;")
    (statement,) = split(source)
    assert statement == Statement(source, 5, 13, 2, None)
    assert (statement.text, statement.span) == ("select 1", Span(source, 5, 13))
    with pytest.raises(AttributeError):
        statement.start = 0  # type: ignore[misc]


def test_the_kind_is_computed_once() -> None:
    """A statement keeps its kind. For statements like INSERT one value serves all, so nothing is kept for each."""
    created, inserted, another = split("create table t (a int); insert into t values (1); INSERT INTO t values (2)")

    assert created.kind is created.kind
    assert created.kind.verb == "CREATE TABLE"
    assert inserted.kind is another.kind
    assert vars(created).keys() == {"_kind"}
    assert vars(inserted) == {}


def test_splitting_does_not_classify() -> None:
    """Sqlparse is loaded when a statement is asked for its kind that is not plain words, not when a text is split."""
    program = """
import sys
from sqlmigrate import split
for statement in split("create table t (); create table t (n int default -1)"):
    before = "sqlparse" in sys.modules
    print(before, statement.kind.verb, "sqlparse" in sys.modules)
"""
    ended = children.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)

    assert ended.stdout == "False CREATE TABLE False\nFalse CREATE TABLE True\n"


def test_a_statement_is_known_by_its_beginning() -> None:
    """Only the first 2,048 characters of a statement are read: what follows them does not matter."""
    (statement,) = split("create table t (a int default 1" + " " * 3000 + "+ 1)")

    assert (statement.kind.verb, statement.object_name, statement.title) == ("CREATE TABLE", "t", "CREATE TABLE t")

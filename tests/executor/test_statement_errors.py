"""The place in the file of an error, whether the server names a position or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from postgres_servers import Server
from project import Project, failure

from sqlmigrate.errors import StatementError
from sqlmigrate.executor.statement_errors import cure, refused
from sqlmigrate.parsing.splitter import split
from sqlmigrate.source import Source

SETUP = """
create schema app;
create table t (id int primary key, a int, b text, constraint b_short check (length(b) < 5));
insert into t values (1, 1, 'x'), (2, 1, null), (3, null, 'y');
create table app.other (id int primary key, t_id int references t, "Big Name" text);
insert into app.other values (1, 1, 'x'), (2, null, 'x');
create index t_a on t (a);
create view v as select a from t;
create type mood as enum ('sad', 'glad');
create table parts (a int) partition by range (a);
create table moods (m mood);
create function raises() returns trigger language plpgsql as
    $$ begin raise exception 'no %', tg_table_name
    using detail = 'closed', hint = 'come back', errcode = 'P1234'; end $$;
create trigger closed before delete on t for each row execute function raises();
"""

# The expected place is between « and ».
POSITIONED = {
    "a missing column": "update t\n   set a = 1,\n       b = «frist_name» || 'x'",
    "a missing column, qualified": "select «t».nothing from t",
    "a missing column, in capitals": 'select «"Nothing"» from t',
    "a missing table": "select 1;\nselect * from «nothing»",
    "a missing table with its schema": "select * from «app».nothing",
    "a missing function": "select a, «nothing»(a) from t",
    "a missing operator": "select a «+» b from t",
    "a missing type": "create table x (\n    a int,\n    b «nothing»\n)",
    "a syntax error": "create table x (\n    a int,\n    b text «c»\n)",
    "a syntax error at a comma": "create table x (\n    a int,\n«)»",
    "a wrong literal": "select a from t where a = «'x'»",
    "an ambiguous column": "select «id» from t join app.other on true",
    "a column that is not grouped": "select a, «b» from t group by a",
    "the end of the statement": "select a from t where«;»",
    "behind a string with a quote": "select 'it''s', «nothing» from t",
    "behind an emoji": "select '😀😀', «nothing» from t",
    "behind a dollar quote": "select $$表$$, «nothing» from t",
    "a quoted name with a quote": 'select «"a""b"» from t',
}
NAMED = {
    "a missing column of an index": "create index on t («nothing»)",
    "a missing column of a constraint": "alter table t\n  add constraint u unique (a, «nothing»)",
    "a missing column that is dropped": "alter table t\n  drop column b,\n  drop column «nothing»",
    "a missing column with a dot in its name": 'alter table t drop column «"a.b"»',
    "a missing column that is altered": "alter table t alter column «nothing» set not null",
    "a missing column that is renamed": "alter table t rename «nothing» to something",
    "a missing table that is altered": "alter table «nothing» add column a int",
    "a missing table that is dropped": "drop table t, «nothing»",
    "a missing table that is referred to": "create table x (\n    a int references t,\n    b int references «nothing»)",
    "a missing schema": "create table «nothing».x ()",
    "a missing schema of a type": "create type «nothing».x as enum ()",
    "a missing role": "grant select on t to «nobody»",
    "a missing index": "drop index «nothing»",
    "a missing index, with its schema": "drop index app.«nothing»",
    "a missing trigger function": "create trigger x before insert on t for each row execute function «nothing»()",
    "a missing language": "create function x() returns int language «nothing» as ''",
    "a missing extension": "create extension «nothing»",
    "a missing constraint": "alter table t drop constraint «nothing»",
    "a missing constraint to be validated": "alter table t validate constraint «nothing»",
    "a missing setting": "set «nothing_at_all» = 1",
    "a table that is there": "create table if not exists y (); create table «t» ()",
    "an index that is there": "create index «t_a» on t (b)",
    "a column that is there": "alter table t add column c int, add column «b» text",
    "a constraint that is there": "alter table t add constraint «b_short» check (a > 0)",
    "a type that is there": "create type «mood» as enum ()",
    "a label that is there": "alter type mood add value «'sad'»",
    "a schema that is there": "create schema «app»",
    "a view that is there": "create view «v» as select 1",
    "a column twice": "create table x («a» int, b int, a text)",
    "a duplicate key while an index is built": "create unique index «x» on t (a)",
    "a duplicate key while a constraint is added": "alter table t add constraint «x» unique (a)",
    "a duplicate key while a constraint without a name is added": "alter table t add unique («a»)",
    "a duplicate key of a new row": "insert into t («id», a) values (1, 2)",
    "a null in a column that is to have none": "alter table t alter a drop default, alter «b» set not null",
    "a null in a new row": "insert into t («id», a) values (null, 1)",
    "a row that a new check refuses": "alter table t add constraint «a_big» check (a > 1)",
    "a new row that a check refuses": "insert into «t» (id, b) values (9, 'much too long')",
    "a reference to what is not unique": "alter table app.other add constraint x foreign key (id) references «t» (a)",
    "a row that refers to nothing": "alter table t add constraint «x» foreign key (id) references app.other (id)",
    "a row that refers to nothing, without a name": "alter table «t» add foreign key (id) references app.other (id)",
    "a new row that refers to nothing": "insert into app.«other» (id, t_id) values (9, 99)",
    "a row that is referred to": "truncate «t»",
    "a table that is depended on": "drop table «t»",
    "a column that is depended on": "alter table t drop column «a»",
    "a type that is depended on": "alter table t alter column «a» type bigint",
    "a column that cannot be cast": "alter table t alter column «b» type int",
    "a function that is depended on": "drop function if exists x(); drop function «raises»()",
    "a missing function that is dropped": "drop function app.«nothing»(int, text)",
    "a schema that is depended on": "drop schema «app»",
    "a type in use": "drop type «mood»",
    "not a table": "alter table «v» add column x int",
    "not a view": "drop view «t»",
    "no partition for a row": "insert into «parts» values (1)",
    "a name in capitals": 'alter table app.other drop column "Big Name", drop column «"Big Nose"»',
    "a wrong date": "select to_date(«'x'», 'YYYY')",
    "a name in a comment before it": "alter table t /* nothing */ drop column -- nothing\n «nothing»",
    "a name in a nested comment before it": "alter table t /* /* a */ nothing */ drop column «nothing»",
    "a name in an escape string before it": r"comment on column t.«nothing» is E'it\'s nothing'",
    "a name in a string before it": "comment on column t.«nothing» is 'nothing'",
    "a name in another case": "alter table t drop column «NOTHING»",
    "a name in a longer one": "alter table t add column nothing_more int, drop column «nothing»",
}
UNNAMED = {
    "division by zero": "«select» a / 0 from t",
    "a value too long": "«insert» into t (id, a) values (1 + 2000000000 + 2000000000, 1)",
    "an exception of a trigger": "«delete» from t",
}


@pytest.fixture(scope="module", params=["postgres", "postgres16"])
def conn(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with some objects, on each version in turn."""
    server: Server = request.getfixturevalue(request.param)
    with server.database() as url, psycopg.connect(url, autocommit=True, prepare_threshold=None) as conn:
        for each in split(SETUP):
            conn.execute(each.text)
        yield conn


def marked(text: str) -> tuple[str, int, int]:
    """Remove the marks from a text, and return where they were."""
    start, end = text.index("«"), text.index("»") - 1
    return text.replace("«", "").replace("»", ""), start, end


def refusal(conn: psycopg.Connection[Any], text: str) -> StatementError:
    """Execute the statements of a text in a transaction, like a migration, up to the one that is refused."""
    conn.execute("begin")
    try:
        for statement in split(Source("sql/001_a.up.sql", text)):
            try:
                conn.execute(statement.text)
            except psycopg.Error as error:
                return refused(error, statement)
        raise AssertionError("nothing was refused")
    finally:
        conn.execute("rollback")


BEFORE = {
    "at the head": "",
    "behind LF": "-- a comment\n\nselect 'ä';\n",
    "behind CRLF": "-- 表\r\nselect '😀';\r\n\t",
    "behind CR": "-- é\r/* \r */ ",
    "on the same line": "select '表', '😀', 'e\u0301'; /* ä */\t",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
@pytest.mark.parametrize("text", POSITIONED.values(), ids=POSITIONED)
def test_the_place_is_where_the_server_says(text: str, before: str, conn: psycopg.Connection[Any]) -> None:
    """The server's position, counted in its statement, is a word of the file, whatever precedes the statement."""
    text, start, end = marked(before + text)

    error = refusal(conn, text)

    assert error.span is not None
    assert (error.span.start, error.span.text) == (start, text[start:end])


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("text", NAMED.values(), ids=NAMED)
def test_the_place_is_the_name_in_the_message(text: str, line_end: str, conn: psycopg.Connection[Any]) -> None:
    """If the server names no position, the place is the constraint, column or name that its message is about."""
    text, start, end = marked(f"-- 表😀\n{text}".replace("\n", line_end))

    error = refusal(conn, text)

    assert error.span is not None
    assert (error.span.start, error.span.text) == (start, text[start:end]), error.message


@pytest.mark.parametrize("text", UNNAMED.values(), ids=UNNAMED)
def test_without_a_name_the_place_is_the_statement(text: str, conn: psycopg.Connection[Any]) -> None:
    """If the statement has none of the names in the message, the place is its first word."""
    text, start, end = marked(f"select 1;\n\n  {text}")

    error = refusal(conn, text)

    assert error.span is not None
    assert (error.span.start, error.span.text) == (start, text[start:end]), error.message


# -- DO blocks and data ------------------------------------------------------------------------------------------------

BLOCKS = {
    "an exception": "do $$\nbegin\n    «raise exception 'no';»\nend\n$$",
    "an exception in the first line": "do $$ «begin raise exception 'no'; end $$»",
    "an exception in a nested block": "do $x$\nbegin\n  begin\n\t«raise exception 'no';»\n  end;\nend $x$",
    "a query with a position": "do $$\nbegin\n    perform 1;\n    update t set a = «nothing»;\nend $$",
    "a query without a position": "do $$\nbegin\n    «alter table t drop column nothing;»\nend $$",
    "a block in single quotes": "do '\nbegin\n    «raise exception using message = 1/0;»\nend'",
    "a language before the block": "do language plpgsql $$\nbegin\n    «raise exception 'no';»\nend $$",
    "a language in quotes before the block": "do language 'plpgsql' $$\nbegin\n    «raise exception 'no';»\nend $$",
    "a comment with a quote before the block": "do -- it's\n $$\nbegin\n    «raise exception 'no';»\nend $$",
    "wide characters in the block": "do $$\nbegin\n    «perform '表😀'; raise exception 'é';»\nend $$",
    "a syntax error in the block": "do $$\nbegin\n    «nonsense» 1;\nend $$",
    "a query that is made at run time": "do $$\nbegin\n    «execute 'alter table t drop column nothing';»\nend $$",
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("text", BLOCKS.values(), ids=BLOCKS)
def test_the_place_in_a_block_is_the_line(text: str, line_end: str, conn: psycopg.Connection[Any]) -> None:
    """PL/pgSQL counts lines from the opening quote: the place is that line of the file, or the word in its query."""
    text, start, end = marked(f"-- 表😀\nselect 1;\n{text}".replace("\n", line_end))

    error = refusal(conn, text)

    assert error.span is not None
    assert (error.span.start, error.span.text) == (start, text[start:end]), error.message


DATA = {
    "a wrong number": (
        "copy t (id, a) from stdin;\n7\t1\n«8\tx»\n9\t1\n\\.\n",
        'invalid input syntax for type integer: "x"',
    ),
    "a column less": ("copy t (id, a) from stdin;\n«7»\n\\.\n", 'missing data for column "a"'),
    "a column more": ("copy t (id, a) from stdin;\n7\t1\n«8\t1\t1»\n\\.\n", "extra data after last expected column"),
    "a duplicate key": (
        "copy t (id, a) from stdin;\n7\t1\n«7\t1»\n\\.\n",
        'duplicate key value violates unique constraint "t_pkey"',
    ),
    "a missing column": (
        "copy t (id, «nothing») from stdin;\n7\t1\n\\.\n",
        'column "nothing" of relation "t" does not exist',
    ),
    "CSV with a header": (
        "copy t (id, a) from stdin with (format csv, header);\nid,a\n7,1\n«8,x»\n\\.\n",
        'invalid input syntax for type integer: "x"',
    ),
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(("text", "message"), DATA.values(), ids=DATA)
def test_the_place_in_the_data_of_a_copy_is_the_line(text: str, message: str, line_end: str, project: Project) -> None:
    """The server counts the lines of the data: the place is that line of the file, as it is on disk."""
    text, start, end = marked(f"-- 表😀\ncreate table t (id int primary key, a int);\n{text}".replace("\n", line_end))

    error = failure(project.add("001_a", text).up()).error

    assert error.message == message
    assert error.span is not None
    assert (error.span.start, error.span.text) == (start, text[start:end])


# -- what the server says ----------------------------------------------------------------------------------------------


def test_the_fields_are_the_servers_own(conn: psycopg.Connection[Any]) -> None:
    """Message, DETAIL, HINT, CONTEXT and SQLSTATE are shown word for word, in this order; a user's own code has no
    name.
    """
    error = refusal(conn, "delete from t")

    assert error.message == "no t"
    assert error.sqlstate == "P1234"
    assert error.fields == (
        ("detail", "closed"),
        ("hint", "come back"),
        ("context", "PL/pgSQL function raises() line 1 at RAISE"),
        ("code", "P1234"),
    )
    assert (error.hint, error.next_steps) == (None, ())


CODES = {
    "select nothing": "42703 undefined_column",
    "select * from nothing": "42P01 undefined_table",
    "select 1 / 0": "22012 division_by_zero",
    "create unique index x on t (a)": "23505 unique_violation",
    "create table t ()": "42P07 duplicate_table",
    "selec": "42601 syntax_error",
    "set local statement_timeout = 1; select pg_sleep(9)": "57014 query_canceled",
    "do $$ begin raise 'x' using errcode = '22012'; end $$": "22012 division_by_zero",
    "do $$ begin raise 'x' using errcode = '22ABC'; end $$": "22ABC",
    "do $$ begin raise 'x'; end $$": "P0001 raise_exception",
}


@pytest.mark.parametrize(("text", "code"), CODES.items(), ids=CODES)
def test_the_code_has_its_documented_name(text: str, code: str, conn: psycopg.Connection[Any]) -> None:
    """SQLSTATE is followed by the condition's name as PostgreSQL's documentation spells it."""
    assert dict(refusal(conn, text).fields)["code"] == code


def test_a_query_that_is_not_in_the_file_is_shown(conn: psycopg.Connection[Any]) -> None:
    """If the error is in a query that is not in the file, the query is shown."""
    error = refusal(conn, "do $$ begin execute 'select ' || 'nothing'; end $$")

    assert dict(error.fields)["query"] == "select nothing"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("reindex table parts", "let each statement of the file run and be recorded on its own"),
        ("do $$ begin execute 'vacuum'; end $$", "write it as a statement of its own, outside of functions, with"),
    ],
)
def test_what_only_the_server_refuses_in_a_transaction_has_a_hint(
    text: str, way: str, conn: psycopg.Connection[Any]
) -> None:
    """If the words of a statement did not show it, the server's refusal comes with a hint how to write the file."""
    error = refusal(conn, f"create index on parts (a); {text}")

    assert error.sqlstate == "25001"
    assert error.hint == f"{way}: -- sqlmigrate: no-transaction"


CURES = {
    None: "fix the file",
    "42703": "fix the file",
    "P0001": "fix the file",
    "23505": "fix the file or the data",
    "42501": "grant the role that right, or fix the file",
    "40P01": "wait until the other sessions are done",
    "55P03": "wait until the other sessions are done",
    "53100": "wait until the server has room again",
    "53400": "raise that limit, or fix the file",
    "57014": "find out who or what cancelled it (a statement_timeout?)",
    "57P01": "wait until the server can be reached",
    "08006": "wait until the server can be reached",
    "58030": "find out what the server's log says",
    "XX001": "find out what the server's log says",
}


@pytest.mark.parametrize(("code", "expected"), CURES.items(), ids=str)
def test_the_next_step_depends_on_the_code(code: str | None, expected: str) -> None:
    """The next step is to fix the file only if the file is wrong; otherwise it says what else has to be done."""
    assert cure(code) == expected
    assert cure(code, "x") == ("x" if expected == "fix the file" else expected)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("create table t (a int); insert into t values \uff081\uff09;", "U+FF08, a full-width parenthesis"),
        ("select 1 \u2013 2;", "U+2013, an en dash"),
        ("select x\u2019;", "U+2019, a typographic quote"),
        ("select '\uff08' from nothing;", None),
    ],
    ids=["parentheses", "dash", "quote", "in a string"],
)
def test_characters_that_only_look_right_are_named(text: str, named: str | None, project: Project) -> None:
    """PostgreSQL quotes what it does not understand, and it looks right; in a string such a character is fine."""
    project.add("001_a", text)

    hint = failure(project.up()).error.hint

    assert (hint is None) if named is None else (hint or "").startswith(named)

"""The seeder: what it fills keeps every constraint, looks like production, and is the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import generated_history
import psycopg
import pytest
from postgres_servers import Server
from psycopg import sql
from tested_version import NEWEST

from sqlmigrate.database.session import Answer, Request, Session, connect
from sqlmigrate.executor.events import Failed
from sqlmigrate.files import folder
from sqlmigrate.operations import up_down
from sqlmigrate.review.seed import fill
from sqlmigrate.shadow import row_sums

pytestmark = pytest.mark.sampled(3)

# One schema for each difficulty, and how many rows each of its tables is to hold.
DIFFICULTIES: dict[str, tuple[str, Mapping[str, int]]] = {
    "plain": ("create table t (id int primary key, a text, b int not null)", {"t": 300}),
    "no columns": ("create table t ()", {"t": 1}),
    "quoted names": (
        'create table "T; a" ("Id ""x""" int primary key, "g" text, "select" text not null)',
        {'"T; a"': 300},
    ),
    "foreign keys": (
        (
            "create table a (id serial primary key); create table b (id serial primary key, a_id int references a);"
            "create table c (id serial primary key, b_id int not null references b, unique (b_id, id))"
        ),
        {"a": 300, "b": 300, "c": 300},
    ),
    "one to one": (
        "create table a (id bigint primary key); create table b (a_id bigint primary key references a, v text)",
        {"a": 300, "b": 300},
    ),
    "many to many": (
        (
            "create table a (id int primary key); create table b (id int primary key);"
            "create table ab (a int references a, b int references b, primary key (a, b))"
        ),
        {"ab": 300},
    ),
    "composite foreign key": (
        (
            "create table a (t int, n text, primary key (t, n));"
            "create table b (id int primary key, t int not null, n text not null, foreign key (t, n) references a);"
            "create table c (t int not null, n text, b int, foreign key (t, n) references a match full,"
            " foreign key (b) references b)"
        ),
        {"a": 300, "b": 300, "c": 300},
    ),
    "tree": (
        "create table t (id int primary key, parent int references t, root int not null references t)",
        {"t": 300},
    ),
    "circle with NULL": (
        (
            "create table a (id int primary key, b int);"
            "create table b (id int primary key, a int not null references a);"
            "alter table a add foreign key (b) references b"
        ),
        {"a": 300, "b": 300},
    ),
    "circle, not null": (
        (
            "create table a (id int primary key, b int not null); create table b (id int primary key, a int not null "
            "references a); alter table a add foreign key (b) references b"
        ),
        {"a": 300, "b": 300},
    ),
    "enum and domain": (
        (
            "create type e as enum ('x', 'it''s'); create domain email as text check (value ~ '^[a-z0-9]+@[a-z.]+$');"
            "create domain pct as numeric(4,1) not null check (value between 0 and 100);"
            "create domain pos as int check "
            "(value > 0); create domain small as pos check (value < 10);"
            "create table t (e e not null, es e[], mail email unique, p pct, s small not null, ps pos[])"
        ),
        {"t": 300},
    ),
    "composite and range": (
        (
            "create type pair as (a int, b text); create type floats as range (subtype = float8);"
            "create table t (p pair not null, ps pair[], r int4range, d tstzrange not null, f floats)"
        ),
        {"t": 300},
    ),
    **(
        {"multirange": ("create table t (m nummultirange, n int4multirange not null)", {"t": 300})}
        if NEWEST > 13
        else {}
    ),
    "types": (
        (
            "create table t (a uuid primary key, b json not null, c jsonb not null, d inet not null, e bytea not null,"
            "f tsvector not null, g bit(3) not null, h varbit not null, i money not null, j xml, k point not null,"
            "l line not null, m lseg not null, n box not null, o path not null, p polygon not null, q circle not null,"
            "r macaddr not null, s macaddr8 not null, t cidr not null, u interval not null, v timetz not null,"
            'w "char" not null, x name not null, y oid not null, z pg_lsn not null,'
            "aa regclass not null, bb tsquery not null,"
            "cc time not null, dd bool not null, ee real not null, ff char(2) not null, gg numeric(3,3) not null,"
            "hh smallint not null, ii text[] not null, jj jsonpath not null, kk bit not null, ll bit(64) not null)"
        ),
        {"t": 300},
    ),
    "sizes": ("create table t (a varchar(3) unique, b char(1), c numeric(5,2) unique, d varchar(1)[])", {"t": 300}),
    "checks": (
        (
            "create table t (id int primary key, s text check (s in ('new', 'it''s')), rating int not null"
            " check (rating between 1 and 5), price numeric check (price > 0),"
            " low text check (low = lower(low)), up text not null "
            "check (up ~ '^[A-Z]{3}$'), year int check (year >= 1900 and year < 2100), "
            "neg int not null check (neg < 0),"
            "j jsonb not null check (jsonb_typeof(j) = 'array'), many int check (many % 1024 = 0),"
            "len text check (length(len) > 100), u text not null unique check (u like 'https://%'))"
        ),
        {"t": 300},
    ),
    "checks of two columns": (
        (
            "create table t (start date not null, stop date not null check (stop > start), a int, b int check (a < b),"
            "phone text, mail text, check (phone is not null or mail is not null),"
            "x int, y int, check (num_nonnulls(x, y) = 1))"
        ),
        {"t": 300},
    ),
    "unique keys": (
        (
            "create table t (tenant int not null, slug text not null, kind text, b boolean, unique (tenant, slug),"
            "mail text); create unique index on t (lower(mail)); create unique index on t (kind) where b;"
            "create table few (b boolean primary key)"
        ),
        {"t": 300, "few": 2},
    ),
    "exclusion": (
        "create table t (room int4range, during tstzrange not null, exclude using gist (during with &&))",
        {"t": 300},
    ),
    "deferrable keys": (
        (
            "create table t (id int primary key deferrable, n int unique deferrable initially deferred);"
            "create table r (d int4range not null, exclude using gist (d with &&) deferrable)"
        ),
        {"t": 300, "r": 300},
    ),
    "generated and identity": (
        (
            "create table t (id int generated always as identity (start with 1000) primary key, a int not null,"
            "b int generated always as (a * 2) stored, check (b >= 0))"
        ),
        {"t": 300},
    ),
    "partitions by range": (
        (
            "create table t (id bigint, at timestamptz not null, primary key (id, at)) partition by range (at);"
            "create table t_1 partition of t for values from ('2020-01-01') to ('2020-02-01');"
            "create table t_2 partition of t for values from ('2020-02-01') to (maxvalue)"
        ),
        {"t": 300, "t_1": 150, "t_2": 150},
    ),
    "partitions by list": (
        (
            "create table t (id int, region text not null) partition by list (region);"
            "create table t_eu partition of t for values in ('de', 'fr'); create table t_rest partition of t default"
        ),
        {"t": 300, "t_eu": 150},
    ),
    "partitions by hash": (
        (
            "create table t (id int primary key) partition by hash (id);"
            "create table t_0 partition of t for values with (modulus 2, remainder 0);"
            "create table t_1 partition of t for values with (modulus 2, remainder 1)"
        ),
        {"t": 300},
    ),
    "partitions of partitions": (
        (
            "create table t (a int, b text) partition by range (a);"
            "create table t_1 partition of t for values from (minvalue) to (10) partition by list (b);"
            "create table t_1x partition of t_1 for values in ('x');"
            "create table t_1y partition of t_1 for values in ('y');"
            "create table t_2 partition of t for values from (10) to (20)"
        ),
        {"t": 300, "t_1x": 100, "t_1y": 100, "t_2": 100},
    ),
    "partitions with other column numbers": (
        (
            "create table t (a int, b text) partition by range (a);"
            "create table s (x int, b text, y int, a int) partition by list (b); alter table s drop x, drop y;"
            "create table s_1 partition of s for values in ('x');"
            "alter table t attach partition s for values from (5) to (9)"
        ),
        {"t": 300, "s_1": 300},
    ),
    "triggers": (
        (
            "create table t (id int primary key); create function no() returns trigger"
            " language plpgsql as $$begin raise exception 'no'; end$$;"
            " create trigger no before insert on t for each row execute function no()"
        ),
        {"t": 300},
    ),
    "a trigger that writes a table filled before": (
        (
            "create table branch (id int primary key, above int references branch, name text);"
            " create table all_branches (id int primary key, name text not null);"
            " create function copied() returns trigger language plpgsql as"
            " $$begin insert into all_branches values (new.id, coalesce(new.name, '')); return new; end$$;"
            " create trigger copied after insert on branch for each row execute function copied()"
        ),
        {"branch": 300, "all_branches": 300},
    ),
    "exclusive arcs": (
        (
            "create table post (id bigint primary key); create table comment (id bigint primary key);"
            "create table a (id int primary key, p bigint references post, c bigint references comment,"
            " check (num_nonnulls(p, c) = 1));"
            "create table b (id int primary key, p bigint references post, c bigint references comment,"
            " check ((p is null) <> (c is null)));"
            "create table d (id int primary key, p bigint references post, c bigint references comment, t text,"
            " check (case when p is null then 0 else 1 end + (c is not null)::int + (t is not null)::int = 1));"
            "create table e (id int primary key, kind text not null check (kind in ('post', 'comment')),"
            " p bigint references post, c bigint references comment, check ((kind = 'post' and p is not null"
            " and c is null) or (kind = 'comment' and c is not null and p is null)));"
            "create table f (id int primary key, up int references f, p bigint references post,"
            " check (num_nonnulls(up, p) <= 1))"
        ),
        {"a": 300, "b": 300, "d": 300, "e": 300, "f": 300},
    ),
    "subtypes": (
        (
            "create table thing (id int primary key, kind text not null, unique (id, kind));"
            "create table car (id int primary key, kind text not null default 'car' check (kind = 'car'),"
            " foreign key (id, kind) references thing (id, kind));"
            "create table other (id int primary key, kind text not null check (kind in ('car', 'boat')),"
            " unique (id, kind)); create table boat (id int primary key,"
            " kind text generated always as ('boat') stored, foreign key (id, kind) references other (id, kind));"
            "create table party (id int primary key, name text not null);"
            "create table person (id int primary key references party, born date);"
            "create function make_party() returns trigger language plpgsql"
            " as 'begin insert into party values (new.id, ''x''); return new; end';"
            "create trigger make_party before insert on person for each row execute function make_party()"
        ),
        {"thing": 300, "car": 300, "other": 300, "boat": 300, "party": 300, "person": 300},
    ),
    "checks of several columns": (
        (
            "create type method as enum ('basic', 'key', 'hmac'); create type digest as enum ('sha1', 'sha256');"
            "create table hook (id int primary key, auth method not null, name text, word bytea, key text,"
            " digest digest, secret bytea, check ((auth = 'basic' and name is not null and word is not null)"
            " or (auth = 'key' and key is not null) or (auth = 'hmac' and digest is not null and secret is not null)));"
            "create table state (id int primary key, status text not null check (status in ('open', 'closed')),"
            " closed_at timestamptz, check ((closed_at is not null) = (status = 'closed')))"
        ),
        {"hook": 300, "state": 300},
    ),
    "two different parents": (
        (
            "create table a (id int primary key); create table friends (one int not null references a,"
            " other int not null references a, check (one < other), primary key (one, other))"
        ),
        {"friends": 299},
    ),
    "patterns": (
        (
            "create table t (version text not null check (version ~ '^\\d+\\.\\d+\\.\\d+$'),"
            " hash text not null check (hash ~ '^[0-9a-f]{40}$'),"
            " iban text not null check (iban ~ '^[A-Z]{2}[0-9]{20}$'),"
            " sku text not null check (sku ~ '^[A-Z]{3}[0-9]{3}$'), short text not null check (length(short) <= 4))"
        ),
        {"t": 300},
    ),
    "functions that name their tables without a schema": (
        (
            "create schema app; create table words (w text); create function known() returns bigint language sql stable"
            " as 'select count(*) from words'; create table t (id int primary key, n bigint not null default known());"
            "create function note() returns trigger language plpgsql as"
            " 'begin insert into words values (new.id); return new; end';"
            "create table p (id int, a int not null references t, primary key (id, a)) partition by hash (a);"
            "create table p_0 partition of p for values with (modulus 1, remainder 0);"
            "create trigger note after insert on p for each row execute function note()"
        ),
        {"t": 300, "p": 300},
    ),
    "rows that are there": ("create table t (id int primary key); insert into t values (7)", {"t": 1}),
}
if NEWEST >= 14:
    DIFFICULTIES["multirange"] = ("create table t (m nummultirange, n int4multirange not null)", {"t": 300})


def _count(conn: psycopg.Connection, table: str) -> int:
    row = conn.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])


def _revalidate(conn: psycopg.Connection) -> None:
    """Let PostgreSQL check every check and foreign key again: each is dropped and added with its own definition."""
    found = conn.execute(
        "select format('alter table %s drop constraint %I, add constraint %2$I %s', conrelid::regclass, conname,"
        " pg_get_constraintdef(oid)) from pg_constraint where contype in ('c', 'f') and conrelid <> 0"
        " and conparentid = 0 and coninhcount = 0 and connamespace = 'public'::regnamespace"
    ).fetchall()
    for (statement,) in found:
        conn.execute(statement)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_every_table_is_filled(every_database: str, difficulty: str) -> None:
    """Each has the rows that it takes, none is left over, and every constraint holds when it is looked at again."""
    schema, expected = DIFFICULTIES[difficulty]
    with psycopg.connect(every_database, autocommit=True) as conn:
        conn.execute(schema)
        with connect(every_database) as session:
            seeded = fill.fill(session)
        assert seeded.unfilled == ()
        assert {table: _count(conn, table) for table in expected} == dict(expected)
        _revalidate(conn)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_two_databases_get_the_same_rows(postgres: Server, difficulty: str) -> None:
    """The same schema gets the same rows, whatever the time zone and the date style of the database."""
    sums = []
    for zone in ("Asia/Kolkata", "America/New_York"):
        with postgres.database() as url, psycopg.connect(url, autocommit=True) as conn:
            conn.execute(DIFFICULTIES[difficulty][0])
            conn.execute(sql.SQL("alter database {} set timezone = {}").format(sql.Identifier(conn.info.dbname), zone))
            with connect(url) as session:
                fill.fill(session)
                sums.append({name: (each.count, each.checksum) for name, each in row_sums.read(session).items()})
    assert sums[0] == sums[1]


REFUSED = {
    "set not null": ("alter table t alter a set not null", psycopg.errors.NotNullViolation),
    "add unique": ("alter table t add unique (b)", psycopg.errors.UniqueViolation),
    "cast": ("alter table t alter a type int using a::int", psycopg.errors.InvalidTextRepresentation),
}


@pytest.mark.parametrize("change", REFUSED)
def test_rows_are_like_those_of_production(database: str, change: str) -> None:
    """Columns that may be NULL are NULL here and there, values come twice, and texts are no numbers."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(DIFFICULTIES["plain"][0])
        with connect(database) as session:
            fill.fill(session)
        statement, refusal = REFUSED[change]
        with pytest.raises(refusal):
            conn.execute(statement)


def test_rows_satisfy_a_check_in_every_way(database: str) -> None:
    """Each reference of an exclusive arc, each label and each state has rows; a NULL stands where it must."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(DIFFICULTIES["exclusive arcs"][0] + ";" + DIFFICULTIES["checks of several columns"][0])
        with connect(database) as session:
            fill.fill(session)
        arcs = conn.execute("select count(p), count(c), count(t) from d").fetchone()
        kinds = conn.execute("select kind, count(p), count(c) from e group by kind order by kind").fetchall()
        methods = conn.execute("select count(distinct auth) from hook").fetchone()
        states = conn.execute("select status, count(closed_at) > 0 from state group by 1 order by 1").fetchall()

    assert arcs is not None
    assert min(arcs) >= 30
    assert sum(arcs) == 300
    assert kinds == [("comment", 0, 150), ("post", 150, 0)]
    assert methods == (3,)
    assert states == [("closed", True), ("open", False)]


def test_only_some_rows_of_a_large_table_are_referenced(database: str) -> None:
    """A table that migrations filled with many rows is not numbered as a whole for each key that references it."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            "create table times (id int primary key); insert into times select generate_series(0, 86399);"
            "create table facts (id int primary key, a int not null references times, b int references times)"
        )
        with connect(database) as session:
            fill.fill(session)
        found = conn.execute("select count(*), max(a), count(distinct a) from facts").fetchone()

    assert found == (300, 149, 150)


UNFILLED = {
    "an impossible check": (
        "create table t (a int not null check (a > 0 and a < 0))",
        'new row for relation "t" violates check constraint "t_a_check"',
    ),
    "a range without partitions": (
        "create table t (a int) partition by range (a)",
        'no partition of relation "t" found for row',
    ),
}


@pytest.mark.parametrize("case", UNFILLED)
def test_what_cannot_be_filled_is_said(every_database: str, case: str) -> None:
    """The table stays empty, with PostgreSQL's own reason, and the other table is filled."""
    schema, why = UNFILLED[case]
    with psycopg.connect(every_database, autocommit=True) as conn:
        conn.execute(f"{schema}; create table z (id int primary key)")
        with connect(every_database) as session:
            assert fill.fill(session) == fill.Seeded(("public.z",), (fill.UnfilledTable("public.t", why),))
        assert (_count(conn, "t"), _count(conn, "z")) == (0, 300)


def test_an_owner_may_fill(postgres: Server) -> None:
    """Without a superuser triggers fire, and foreign keys are watched; what they let pass is filled."""
    postgres.admin.execute("create role seed_owner login")
    try:
        with postgres.database("seed_owner") as url, psycopg.connect(url, user="seed_owner", autocommit=True) as conn:
            conn.execute("create schema s; set search_path = s; " + DIFFICULTIES["circle, not null"][0])
            with connect(psycopg.conninfo.make_conninfo(url, user="seed_owner")) as session:
                assert fill.fill(session) == fill.Seeded(("s.a", "s.b"), ())
            assert (_count(conn, "s.a"), _count(conn, "s.b")) == (300, 300)
    finally:
        postgres.admin.execute("drop role seed_owner")


def test_later_inserts_find_the_sequences_behind_the_rows(every_database: str) -> None:
    """A row inserted after the seed gets a number of its own, from a serial column and from an identity."""
    with psycopg.connect(every_database, autocommit=True) as conn:
        conn.execute(
            "create table a (id serial primary key); create table b (id int generated always as identity unique)"
        )
        with connect(every_database) as session:
            fill.fill(session)
        for table in ("a", "b"):
            assert conn.execute(f"insert into {table} default values returning id").fetchone() == (1_000_301,)


def test_the_session_is_as_it_was(database: str) -> None:
    """What is set for the seed is set back."""
    with connect(database) as session:
        session.ask(Request("set timezone = 'Asia/Kolkata'"))
        fill.fill(session)
        shown = session.ask(Request("show timezone"), Request("show session_replication_role"))
    assert shown == [[["Asia/Kolkata"]], [["origin"]]]


@pytest.mark.slow
def test_a_real_history(every_postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables that 300 migrations leave behind are filled, all of them, with four turns a table at the most."""
    generated_history.write(tmp_path, generated_history.migrations(300, 2026, every_postgres.version))
    with every_postgres.database() as url:
        try:
            for event in up_down.up(url, folder.load(tmp_path)):
                assert not isinstance(event, Failed), event.error
            with connect(url) as session:
                turns = _counted_turns(session, monkeypatch)
                seeded = fill.fill(session)
                emptied = _emptied(session, row_sums.read(session))
                turns.clear()
                again = fill.fill(session)
            assert len(emptied) > 150
            assert (seeded.unfilled, again.unfilled) == ((), ())
            assert len(turns) <= 4 * len(again.filled)
        finally:
            _drop_what_is_left(every_postgres, url)


def _counted_turns(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note from now on how many requests each turn of the session has."""
    turns: list[int] = []
    turn = session.turn

    def counted(requests: Sequence[Request], tick: float | None = None) -> Iterator[Answer | None]:
        turns.append(len(requests))
        return turn(requests, tick)

    monkeypatch.setattr(session, "turn", counted)
    return turns


def _emptied(session: Session, tables: Iterable[str]) -> list[str]:
    """Take every row away, so that the seeder has to do with all the tables there are."""
    emptied = list(tables)
    replica, origin = (Request(f"set session_replication_role = {role}") for role in ("replica", "origin"))
    session.ask(replica, *(Request(f"delete from {name}") for name in emptied), origin)
    return emptied


def _drop_what_is_left(server: Server, url: str) -> None:
    """Drop what a history leaves outside its database."""
    with psycopg.connect(url, autocommit=True) as conn:
        database = conn.info.dbname
        for (name,) in conn.execute("select subname from pg_subscription").fetchall():
            conn.execute(sql.SQL("drop subscription {}").format(sql.Identifier(name)))
    server.admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(database)))
    for (name,) in server.admin.execute("select rolname from pg_roles where rolname ~ '^sqlmigrate_'").fetchall():
        server.admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))

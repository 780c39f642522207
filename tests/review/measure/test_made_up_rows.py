"""Generated rows never end the trial of a file: what they hide is measured, and the query for production is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from postgres_servers import Server

from sqlmigrate.database.session import Request, connect
from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.formats import wording
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.review.rules.rule import Finding
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create schema shop;
create type mood as enum ('glad', 'sad');
create domain score as int;
create table customers (
    id bigint generated always as identity primary key, email text, name text not null, age int
);
create table orders (
    id bigint generated always as identity primary key, state text not null default 'new', total numeric, code text
);
create table shop."Order" (id bigint primary key, "Total Sum" text, during tsrange);
create table games (id bigint primary key, points score);
create table events (id bigint not null, at timestamptz not null, kind text, amount bigint) partition by range (at);
create table events_2020 partition of events for values from ('2020-01-01 00:00Z') to ('2021-01-01 00:00Z');
create table events_default partition of events default;
create table loose (id bigint not null, at timestamptz not null, kind text, amount bigint);
create table plans (code text primary key, rank int not null);
create table accounts (id bigint primary key, plan text not null check (plan like 'p-%'), rank int, server text);
create function set_rank() returns trigger language plpgsql as $$
begin
    select rank into strict new.rank from plans where code = new.plan;
    return new;
end $$;
create trigger set_rank before insert or update on accounts for each row execute function set_rank();
create function forbid() returns trigger language plpgsql as $$
begin
    raise exception 'protected' using errcode = 'U0001';
end $$;
create table labels (id bigint primary key, label text);
create trigger forbid before delete on labels for each row execute function forbid();
create table docs (id int, data jsonb);
create table kinds (name text primary key);
insert into kinds values ('a'), ('b');
"""
# The up file, the rules that find what rows have hidden, and what the finding says to ask production.
MASKED = {
    "NOT NULL": (
        "alter table customers alter column email set not null",
        {"set-not-null-scan"},
        "select count(*) from customers where email is null;",
    ),
    "NOT NULL in code": (
        "do $$ begin execute 'alter table customers alter column email set not null'; end $$",
        {"set-not-null-scan"},
        "select count(*) from customers where email is null;",
    ),
    "NOT NULL of a quoted column, and what follows": (
        'alter table shop."Order" alter column "Total Sum" set not null;\ndrop table games',
        {"set-not-null-scan", "drop-table"},
        'select count(*) from shop."Order" where "Total Sum" is null;',
    ),
    "NOT NULL of a partitioned table": (
        "alter table events alter column kind set not null",
        {"set-not-null-scan"},
        "select count(*) from events where kind is null;",
    ),
    "NOT NULL of a column that the file renames": (
        "alter table customers rename column email to mail;\nalter table customers alter column mail set not null",
        {"rename-column", "set-not-null-scan"},
        "select count(*) from customers where email is null;",
    ),
    "NOT NULL of a domain": (
        "alter domain score set not null",
        {"domain-constraint-scan"},
        "select count(*) from games where points is null;",
    ),
    "UNIQUE": (
        "alter table customers add constraint one unique (email)",
        {"unique-constraint-builds-index"},
        "select email, count(*) from customers where email is not null group by email having count(*) > 1;",
    ),
    "a unique index of an expression": (
        "create unique index one on customers (lower(email)) where age is not null",
        {"create-index-blocking"},
        (
            "select lower(email), count(*) from customers where (age IS NOT NULL) and lower(email) is not null"
            " group by lower(email) having count(*) > 1;"
        ),
    ),
    "a unique index of two columns, built without a transaction": (
        "create unique index concurrently one on orders (state, code)",
        set(),
        "select state, code, count(*) from orders where code is not null group by state, code having count(*) > 1;",
    ),
    "an exclusion constraint": (
        'alter table shop."Order" add constraint apart exclude using gist (during with &&)',
        {"exclusion-constraint"},
        'select count(*) from shop."Order" a join shop."Order" b on a.ctid < b.ctid and a.during && b.during;',
    ),
    "CHECK": (
        "alter table orders add constraint short check (length(code) < 3)",
        {"constraint-without-not-valid"},
        "select count(*) from orders where not (length(code) < 3);",
    ),
    "CHECK without a name, in code": (
        "do $$ begin alter table orders add check (length(code) < 3); end $$",
        {"constraint-without-not-valid"},
        "select count(*) from orders where not (length(code) < 3);",
    ),
    "CHECK of a domain": (
        "alter domain score add constraint small check (value < 3)",
        {"domain-constraint-scan"},
        "select count(*) from games where not (points < 3);",
    ),
    "CHECK that fails on some rows": (
        "alter table orders add constraint positive check (code::int > 0)",
        {"constraint-without-not-valid"},
        "select count(code::int > 0) from orders;",
    ),
    "a shorter type": (
        "alter table customers alter column name type varchar(5)",
        {"type-change-rewrite"},
        "select count(*) from customers where length(name::text) > 5;",
    ),
    "a smaller number, of a partitioned table": (
        "alter table events alter column amount type smallint",
        {"type-change-rewrite"},
        "select count(*) from events where amount not between -32768 and 32767;",
    ),
    "fewer digits": (
        "alter table orders alter column total type numeric(3, 2)",
        {"type-change-rewrite"},
        "select count(*) from orders where abs(round(total::numeric, 2)) >= 1e1;",
    ),
    "a conversion of its own": (
        "alter table orders alter column code type date using to_date(code, 'YYYY-MM-DD')",
        {"type-change-rewrite"},
        "select count(to_date(code, 'YYYY-MM-DD')) from orders;",
    ),
    "a generated column": (
        "alter table orders add column n int generated always as (code::int) stored",
        {"add-column-stored-generated"},
        "select count(code::int) from orders;",
    ),
    "an index of an expression": (
        "create index on orders ((code::int))",
        {"create-index-blocking"},
        "select count(code::int) from orders;",
    ),
    "a partition beside a filled default partition": (
        "create table events_2024 partition of events for values from ('2024-01-01 00:00Z') to ('2027-01-01 00:00Z')",
        {"default-partition-scan"},
        (
            "select count(*) from events where ((at IS NOT NULL) AND"
            " (at >= '2024-01-01 00:00:00+00'::timestamp with time zone) AND"
            " (at < '2027-01-01 00:00:00+00'::timestamp with time zone));"
        ),
    ),
    "a table that becomes a partition": (
        "alter table events attach partition loose for values from ('2031-01-01 00:00Z') to ('2032-01-01 00:00Z')",
        {"attach-partition-scan"},
        (
            "select count(*) from loose where not ((at IS NOT NULL) AND"
            " (at >= '2031-01-01 00:00:00+00'::timestamp with time zone) AND"
            " (at < '2032-01-01 00:00:00+00'::timestamp with time zone));"
        ),
    ),
    "two causes in one statement": (
        "alter table customers alter column email set not null, alter column age set not null",
        {"set-not-null-scan"},
        "select count(*) from customers where email is null;\nselect count(*) from customers where age is null;",
    ),
    "statements without a transaction": (
        (
            "-- sqlmigrate: no-transaction\nalter table customers alter column email set not null;\n"
            "create index concurrently c on orders (code);\ndrop table games"
        ),
        {"set-not-null-scan", "drop-table"},
        "select count(*) from customers where email is null;",
    ),
}  # fmt: skip
GUARD = "do $$ begin if not exists (select from plans where code = 'free') then raise 'no plan'; end if; end $$"
# The up file, the error as the finding tells it, and the rules that find what follows it.
RAISED = {
    "a trigger that looks for a row": (
        "update accounts set server = 'a';\ncreate index on accounts (server)",
        "it fails on generated rows: query returned no rows (raised in function set_rank() line 3)",
        {"create-index-blocking"},
    ),
    "a trigger with a code of its own": (
        "delete from labels;\ncreate index on labels (label)",
        "it fails on generated rows: protected (raised in function forbid() line 3)",
        {"create-index-blocking"},
    ),
    "a function of PostgreSQL's": (
        "insert into kinds select jsonb_array_elements_text(data) from docs;\ncreate index on docs (id)",
        "it fails on generated rows: cannot extract elements from an object",
        {"create-index-blocking"},
    ),
    "a subquery with more than one row": (
        "update orders set code = (select name from customers);\ncreate index on orders (code)",
        "it fails on generated rows: more than one row returned by a subquery used as an expression",
        {"create-index-blocking"},
    ),
    "a guard that no rows pass": (
        f"{GUARD};\ncreate index on orders (code)",
        "it fails without production's rows: no plan",
        {"create-index-blocking"},
    ),
    "a row that may be in production": (
        "create table n (c bigint references customers);\ninsert into n values (9999);\ncreate index on orders (code)",
        'it fails without production\'s rows: insert or update on table "n" violates foreign key constraint "n_c_fkey"',
        {"create-index-blocking"},
    ),
}
CERTAIN = {
    "a value of its own": ("select 'abc'::int", 'invalid input syntax for type integer: "abc"'),
    "a row of a migration": (
        "insert into kinds values ('a')",
        'duplicate key value violates unique constraint "kinds_pkey" (Key (name)=(a) already exists.)',
    ),
    "NULL of its own": (
        "insert into plans values (null, 1)",
        (
            'null value in column "code" of relation "plans" violates not-null constraint'
            " (Failing row contains (null, 1).)"
        ),
    ),
    "a block that raises in any case": ("do $$ begin raise exception 'boom'; end $$", "boom"),
}


def review(server: databases.Shadow, up: str, down: str | None = "select 1", setup: str = SETUP) -> Review:
    """Review one new migration."""
    base = Migration("001", "init", Source("sql/001_init.up.sql", setup), None)
    down_source = None if down is None else Source("sql/002_new.down.sql", f"{down};\n")
    new = Migration("002", "new", Source("sql/002_new.up.sql", f"{up};\n"), down_source)
    return pipeline.review_on(server, Subjects("main", (base,), (new,)), pipeline.Settings(Path()))


def findings(result: Review, direction: str = "up") -> dict[str, Finding]:
    """Return the findings of one file, by their rules."""
    return {each.rule.name: each for each in result.migrations[0].findings if each.path.endswith(f".{direction}.sql")}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", MASKED)
def test_what_generated_rows_hide_is_measured(name: str, server: databases.Shadow) -> None:
    """The rules behind the failure find their case, and a warning has the query for this table and column."""
    up, rules, query = MASKED[name]

    found = findings(review(server, up))

    assert rules <= found.keys()
    warning = found["fails-on-data"]
    assert (warning.severity, warning.what_now.partition("\n")[2], warning.example(18)) == ("warning", query, "")
    assert "statement-fails" not in found


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", RAISED)
def test_an_error_that_rows_may_cause_is_a_warning(name: str, server: databases.Shadow) -> None:
    """Raised in a function or not, it is not said to fail in production, and what follows it is measured."""
    up, message, rules = RAISED[name]

    found = findings(review(server, up))

    assert (found["fails-on-data"].severity, found["fails-on-data"].message) == ("warning", message)
    assert rules <= found.keys()
    assert "statement-fails" not in found


@pytest.mark.parametrize("name", CERTAIN)
def test_a_failure_that_no_generated_row_causes_is_certain(name: str, server: databases.Shadow) -> None:
    """What fails on its own values, or on rows of migrations, is a danger, of whatever class its error is."""
    up, message = CERTAIN[name]

    found = findings(review(server, up))

    assert (found["statement-fails"].severity, found["statement-fails"].message) == ("danger", message)
    assert "fails-on-data" not in found


def test_texts_that_are_no_integers_are_asked_for(server: databases.Shadow) -> None:
    """From PostgreSQL 16 on, the server itself tells which texts convert to a type."""
    warning = findings(review(server, "alter table orders alter code type int using code::int"))["fails-on-data"]

    condition = (
        "not pg_input_is_valid(code::text, 'integer')" if server.version >= 160000 else r"code !~ '^\s*[-+]?\d+\s*$'"
    )
    assert warning.what_now == (
        f"ask production whether it has such rows:\nselect count(*) from orders where {condition};"
    )


def test_a_column_without_values_fails_on_every_row(server: databases.Shadow) -> None:
    """It stays a danger, and the head says which statement fails; what follows is measured too."""
    result = review(server, "alter table orders add column c int not null;\ndrop table games")

    found = findings(result)
    assert found["add-column-not-null-no-default"].severity == "danger"
    assert "drop-table" in found
    assert "fails-on-data" not in found
    assert wording.strongest_words(result.migrations[0]) == (
        "ACCESS EXCLUSIVE on `orders` while it is scanned; statement 1 fails"
    )


def test_a_column_that_the_file_fills_may_stay_without_values(server: databases.Shadow) -> None:
    """Whether its UPDATE leaves a NULL depends on the rows, so that is a warning."""
    up = "alter table orders add c int;\nupdate orders set c = length(code);\nalter table orders alter c set not null"

    found = findings(review(server, up))

    assert found["fails-on-data"].severity == "warning"
    assert "add-column-not-null-no-default" not in found


def test_the_heads_tell_what_was_measured(server: databases.Shadow) -> None:
    """After a failure on generated rows, lock, waiting sessions and way back are known as for any other file."""
    up, down = "alter table customers alter email set not null", "alter table customers alter email drop not null"

    reviewed = review(server, up, down).migrations[0]

    assert wording.strongest_words(reviewed) == "ACCESS EXCLUSIVE on `customers` while it is scanned"
    assert wording.who_waits(reviewed) == "everyone"
    assert wording.down_words(reviewed) == "restores everything"


def test_a_statement_that_is_left_out_is_in_the_head(server: databases.Shadow) -> None:
    """Its locks are unknown, so no one can say that no one waits."""
    reviewed = review(server, GUARD).migrations[0]

    assert wording.strongest_words(reviewed) == "no lock on existing tables; statement 1 was left out"
    assert wording.who_waits(reviewed) == "unknown"


def test_a_failure_that_follows_from_a_left_out_statement_is_not_told(server: databases.Shadow) -> None:
    """The statement after it needs its table: only the first failure is a finding."""
    guard = "if not exists (select from plans where code = 'free') then raise 'no plan'; end if;"
    up = f"do $$ begin {guard} create table n (id int); end $$;\ninsert into n values (1)"

    found = findings(review(server, up))

    assert [(each.rule.name, each.message) for each in found.values()] == [("fails-on-data", "no plan")]


def test_a_down_file_that_rows_of_the_review_stop_is_a_warning(server: databases.Shadow) -> None:
    """What fails in a trigger is not certain, and what down leaves is compared as usual."""
    result = review(
        server, "alter table accounts add z int", "update accounts set server = 'x';\nalter table accounts drop z"
    )

    down = findings(result, "down")
    assert {name: each.severity for name, each in down.items()} == {"fails-on-data": "warning"}
    assert wording.down_words(result.migrations[0]) == "restores everything"


def test_a_down_file_that_fails_on_what_up_has_written_is_a_danger(server: databases.Shadow) -> None:
    """Up writes the NULLs that down does not accept: that happens in production too."""
    up = "alter table customers alter name drop not null;\nupdate customers set name = null where id > 50"
    result = review(server, up, "alter table customers alter name set not null")

    assert findings(result, "down")["down-fails"].severity == "danger"
    assert wording.down_words(result.migrations[0]) == "fails"


def test_the_history_stays(server: databases.Shadow) -> None:
    """In the end the rows of every table that may have generated ones are deleted, but not those of the history."""
    asks = "do $$ begin if not exists (select from migrations where version = '002') then raise 'gone'; end if; end $$"
    new = [
        Migration(f"00{number}", "new", Source(f"sql/00{number}_new.up.sql", f"{up};\n"), None)
        for number, up in ((2, "create table n (id int)"), (3, "select 'abc'::int"), (4, asks))
    ]
    base = Migration("001", "init", Source("sql/001_init.up.sql", SETUP), None)

    result = pipeline.review_on(server, Subjects("main", (base,), tuple(new)), pipeline.Settings(Path()))

    found = [[each.rule.name for each in one.findings if each.rule.name != "down-missing"] for one in result.migrations]
    assert found == [[], ["statement-fails"], []]


def test_few_rows_are_deleted(server: databases.Shadow) -> None:
    """Only the rows that the error points at: the others are still there for the other statements."""
    up = "alter table customers alter email set not null;\nupdate customers set name = 'x'"

    found = findings(review(server, up))

    assert "of `customers` are written in one transaction" in found["bulk-dml"].message


def test_no_trigger_runs_with_more_rights_while_rows_are_deleted(server: databases.Shadow) -> None:
    """The rows are deleted by the role that executes migrations, also where a hostile trigger always fires."""
    first = Migration(
        "002",
        "hostile",
        Source(
            "sql/002_hostile.up.sql",
            """\
create table caught (who text, is_super text);
create function spy() returns trigger language plpgsql as $$
begin
    insert into caught values (current_user, current_setting('is_superuser'));
    return old;
end $$;
create trigger spy before delete on customers for each row execute function spy();
alter table customers enable always trigger spy;
""",
        ),
        None,
    )
    second = Migration(
        "003",
        "fails",
        Source(
            "sql/003_fails.up.sql",
            "alter table customers alter email set not null;\n"
            "alter table caught add check (is_super = 'off' and who = current_user);\n"
            "do $$ begin if (select count(*) from caught) = 0 then raise 'nothing was caught'; end if; end $$;\n",
        ),
        None,
    )
    base = Migration("001", "init", Source("sql/001_init.up.sql", SETUP), None)
    result = pipeline.review_on(server, Subjects("main", (base,), (first, second)), pipeline.Settings(Path()))

    assert [
        each.message for each in result.migrations[1].findings if each.rule.name in ("fails-on-data", "statement-fails")
    ] == ['it fails on generated rows: column "email" of relation "customers" contains null values']


REFERENCED = """\
create table parents (id bigint generated always as identity primary key, name text);
create table children (id bigint generated always as identity primary key, parent bigint not null references parents);
"""


def test_orphans_are_deleted_with_their_parents(server: databases.Shadow) -> None:
    """No foreign key is violated afterwards: a new one on the same columns accepts the rows."""
    up = (
        "alter table parents alter name set not null;\n"
        "alter table children add constraint again foreign key (parent) references parents"
    )

    found = findings(review(server, up, setup=REFERENCED))

    assert {"set-not-null-scan", "foreign-key-without-not-valid"} <= found.keys()
    assert found["fails-on-data"].what_now.endswith("select count(*) from parents where name is null;")


def test_policies_that_hide_rows_from_the_owner_are_no_obstacle(server: databases.Shadow) -> None:
    """They are lifted while the rows are deleted, and are in force again afterwards."""
    setup = REFERENCED + (
        "create policy none on parents using (false);\nalter table parents enable row level security;\n"
        "alter table parents force row level security;\n"
    )

    result = review(server, "alter table parents alter name set not null", "select 1", setup)

    assert {"set-not-null-scan", "fails-on-data"} <= findings(result).keys()
    assert "rls-disabled" not in findings(result)


@pytest.mark.parametrize("rights", ["createdb", "createdb createrole"])
def test_no_superuser_is_needed(postgres: Server, rights: str) -> None:
    """Where no one may switch triggers off, a table is emptied together with those that reference it."""
    with connect(postgres.url()) as session:
        session.ask(Request(f"create role given login {rights}"))
    try:
        with databases.server(Path("/nowhere"), postgres.url(user="given")) as running:
            found = findings(review(running, "alter table parents alter name set not null", setup=REFERENCED))
    finally:
        with connect(postgres.url()) as session:
            (rows,) = session.ask(Request("select datname::text from pg_database where datname like 'sqlmigrate%'"))
            for (name,) in rows:
                session.ask(Request(f"drop database {name}"))
            session.ask(Request("drop role if exists sqlmigrate_review"), Request("drop role given"))

    assert {"set-not-null-scan", "fails-on-data"} <= found.keys()

"""`sqlmigrate squash`: one pair that makes the same schema and rows, proven by executing it; or nothing is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing

import generated_history
import pytest
from postgres_servers import Server
from project import Project, succeeded
from terminal import Ended

from sqlmigrate.catalog import compare, read
from sqlmigrate.database.session import Request, connect
from sqlmigrate.executor.events import Finished, Folded
from sqlmigrate.files.folder import load
from sqlmigrate.operations import up_down
from sqlmigrate.parsing.script import read as read_script
from sqlmigrate.schema import squash_text
from sqlmigrate.shadow import squash_rows
from sqlmigrate.source import Source

Squash = Callable[..., Ended]

ROWS = """\
create table countries (code text primary key, name text not null, added timestamptz default now());
insert into countries values ('de', E'Deutschland\\ttab', default), ('fr', 'France', default);
create sequence numbers start 10;
select nextval('numbers');
"""
TABLES = """\
create table customers (
    id bigint generated always as identity primary key,
    country text not null references countries,
    label text generated always as (country || '!') stored
);
insert into customers (country) values ('de'), ('fr');
delete from customers where id = 1;
create index concurrently_is_a_name on customers (country);
"""
LATER = """\
create function refuse() returns trigger language plpgsql as 'begin raise ''no''; end';
create trigger refuse before insert on countries for each row execute function refuse();
create view germans as select * from customers where country = 'de';
create materialized view counted as select country, count(*) from customers group by country;
alter table customers add constraint id_is_large check (id > 100) not valid;
alter table countries enable row level security, force row level security;
create policy everyone on countries using (true);
"""
ALONE = "create index concurrently countries_name on countries (name);"
CHANGING = (
    "values that are others each time the migrations are executed (a time, a random number), and will be the same in "
    "each new database: public.countries.added"
)
LABELS = ("001_rows", "002_tables", "003_later", "004_alone")


@pytest.fixture
def four(project: Project) -> Project:
    """Four migrations: rows, generated values, triggers that would refuse the rows, an index without a transaction."""
    project.add("001_rows", ROWS, "drop table countries; drop sequence numbers;")
    project.add("002_tables", TABLES, "drop table customers;")
    project.add("003_later", LATER, "drop materialized view counted; drop view germans; drop function refuse cascade;")
    return project.add("004_alone", ALONE, "drop index countries_name;")


@pytest.fixture
def squash(four: Project, postgres: Server) -> Squash:
    """Call `squash` on the PostgreSQL 18 of the tests: it is running already."""
    shadow = ("--shadow-url", postgres.url(), "--schema-postgres", "18")
    return lambda *arguments, **environment: four.call("squash", *arguments, *shadow, **environment)


def files(project: Project) -> list[str]:
    return sorted(path.relative_to(project.folder).as_posix() for path in project.folder.rglob("*.sql"))


PAIRS = [f"{label}.{way}.sql" for label in LABELS for way in ("down", "up")]


def test_the_pair_makes_the_same(four: Project, squash: Squash) -> None:
    """The files are written, and what they replace is in the archive; a new database gets the same as before."""
    four.up()
    before = four.query("select * from countries order by 1"), four.query("select * from customers")

    ended = squash("4", "core", "--yes")

    assert (ended.code, ended.stdout) == (0, """\
proven: 004_squashed_core makes the same as 001_rows to 004_alone: 31 objects, 3 rows
✅ sql/004_squashed_core.up.sql
✅ sql/004_squashed_core.down.sql
✅ 4 migrations moved to sql/squashed/
next: sqlmigrate status
""")  # fmt: skip
    assert (
        ended.stderr
        == f"""\
⚠️ {CHANGING}
note: comments in the files, and how expressions were written, are not carried over: they stay in the archive
rows of 2 tables:
   public.countries           2
   public.customers           1
"""
    )
    assert files(four) == ["004_squashed_core.down.sql", "004_squashed_core.up.sql", *(f"squashed/{x}" for x in PAIRS)]
    assert [type(each) for each in four.up()][1] is Folded
    assert (four.query("select * from countries order by 1"), four.query("select * from customers")) == before


HISTORY = ("public.migrations", "public.migrations_log", "public.migrations_schema")


@pytest.mark.parametrize("last", [2, 3, 4])
def test_every_state_ends_in_the_same_catalog_and_rows(
    four: Project, squash: Squash, last: int, postgres: Server
) -> None:
    """A new database, a complete one and each in the middle: all of them are the same after `up`."""
    with postgres.database() as first, postgres.database() as second, postgres.database() as third:
        middle = [first, second, third][: last - 1]
        for count, url in enumerate(middle, 1):
            four.at(url).up(steps=count)
        four.up(to=str(last))
        assert squash(str(last), "core", "--yes").code == 0
        with postgres.database() as fresh:
            for url in (four.url, *middle, fresh):
                four.at(url).up()
            catalogs, rows = zip(*(_read(url) for url in (four.url, *middle, fresh)), strict=True)
            assert [compare.differences(catalogs[0], each) for each in catalogs] == [()] * len(catalogs)
            assert [_differing(rows[0], each) for each in rows[1:-1]] == [["public.countries"]] * (last - 1)  # now()
            assert [four.at(url).recorded() for url in middle] == [four.recorded()] * len(middle)
            assert len(four.recorded()) == 5 - last


def _read(url: str) -> tuple[object, squash_rows.Rows]:
    with connect(url) as session:
        return read.read(session, HISTORY), squash_rows.read(session, HISTORY)


def _differing(first: squash_rows.Rows, second: squash_rows.Rows) -> list[str]:
    """Give the tables with other values, if all have as many rows, and sequences and views are the same."""
    assert (first.values, first.views) == (second.values, second.views)
    assert [each.count for each in first.sums.values()] == [each.count for each in second.sums.values()]
    return [name for name, each in first.sums.items() if each.checksum != second.sums[name].checksum]


@pytest.mark.slow
def test_a_long_history(project: Project, postgres: Server) -> None:
    """200 migrations as a project has them are proven, with their down file, and a new database executes the one."""
    generated_history.write(project.folder, generated_history.migrations(200, 5, 18, ("elsewhere",)))
    last = load(project.folder)[-1].version
    shadow = ("--shadow-url", postgres.url(), "--schema-postgres", "18", "--trusted")

    ended = project.call("squash", last, "all", "--yes", *shadow)

    assert ended.code == 0, ended.stderr
    assert files(project)[:2] == [f"{last}_squashed_all.down.sql", f"{last}_squashed_all.up.sql"]
    assert [event.step.label for event in project.up() if isinstance(event, Finished)] == [f"{last}_squashed_all"]
    assert succeeded(project.down()) == [f"{last}_squashed_all"]
    made = "select rolname from pg_roles where rolname ~ '^sqlmigrate_(reader|writer)'"
    for (role,) in postgres.admin.execute(made).fetchall():
        postgres.admin.execute(f"drop role {role}")


def test_the_down_file_drops_everything(four: Project, squash: Squash) -> None:
    """Up, down: nothing is left."""
    squash("4", "core", "--yes")
    four.up()

    four.down(all=True)

    assert four.relations() == set()
    assert four.value("select count(*) from pg_proc where proname = 'refuse'") == 0


def statements(text: str) -> Iterator[str]:
    source = Source("", text)
    for each in read_script(source).statements:
        yield text[each.start : each.data.end if each.data else each.end]


@pytest.mark.slow
def test_a_squash_that_lacks_a_statement_is_never_written(
    four: Project, squash: Squash, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever statement is taken out of it: the difference is named, and no file is changed."""
    write, count = squash_text.up, 0

    def lacking(*given: object, **named: object) -> str:
        text = write(*given, **named)  # type: ignore[arg-type]
        found = list(statements(text))
        nonlocal count
        count = len(found)
        return text.replace(found[index], "select 1", 1)

    monkeypatch.setattr(squash_text, "up", lacking)
    index = 0
    while not count or index < count:
        ended = squash("4", "core", "--yes")
        assert (ended.code, ended.stdout) == (1, ""), index
        assert files(four) == PAIRS
        index += 1
    assert count > 15


def test_without_the_rows(four: Project, squash: Squash) -> None:
    """`--data none` says what a new database does not get; the sequences begin where they are created."""
    ended = squash("4", "core", "--yes", "--data", "none")

    assert "⚠️ 3 rows that the migrations put in: a new database does not get them\n" in ended.stderr
    text = (four.folder / "004_squashed_core.up.sql").read_text()
    assert not re.search("COPY|setval|REFRESH", text)
    assert "-- Written by: sqlmigrate squash --data none\n" in text
    checked = squash("4", "--check")  # the file tells how it was written
    assert (checked.code, checked.stdout) == (
        0,
        "✅ 004_squashed_core makes the same as 001_rows to 004_alone: 31 objects\n",
    )


def test_it_asks_before_it_writes(four: Project) -> None:
    """Without a terminal nothing is written; that is said before anything is built."""
    ended = four.call("squash", "4", "--shadow-url", "postgresql://nowhere.invalid/")

    assert (ended.code, ended.stderr.splitlines()[0]) == (
        2,
        "error: `squash` asks a question first, and there is no terminal to ask on",
    )
    assert files(four) == PAIRS


@pytest.mark.parametrize(("length", "code"), [(224, 0), (225, 2)])
def test_a_long_name(four: Project, squash: Squash, length: int, code: int) -> None:
    """A file name may have 255 bytes, also while the file is written."""
    ended = squash("4", "n" * length, "--yes")

    assert ended.code == code, ended.stderr
    if code:
        assert ended.stderr.splitlines() == [
            "error: the name is too long for a file, by 1 byte",
            "   nothing was changed",
            "   hint    shorten NAME",
            "",
        ]
        assert files(four) == PAIRS


def test_a_squash_of_what_is_squashed(squash: Squash) -> None:
    """It is said that it is done, and how it is proven again."""
    squash("4", "core", "--yes")

    assert squash("4", "other").stderr.splitlines() == [
        "error: there is nothing to squash: 004_squashed_core has replaced 001-004 already",
        "   nothing was changed",
        "   hint    to squash it again with later ones, name a later version; to prove it again:",
        "   next    sqlmigrate squash 004 --check",
        "",
    ]


def test_an_interrupted_squash_is_finished(four: Project, squash: Squash) -> None:
    """The same call moves the rest; nothing is asked, and nothing is built."""
    squash("4", "core", "--yes")
    for name in ("002_tables.up.sql", "002_tables.down.sql"):
        (four.folder / "squashed" / name).rename(four.folder / name)

    ended = four.call("squash", "4", "core", "--shadow-url", "postgresql://nowhere.invalid/")

    assert (ended.code, ended.stdout) == (
        0,
        """\
✅ 1 migration that 004_squashed_core replaces moved to sql/squashed/: an earlier squash was interrupted
next: sqlmigrate verify
""",
    )
    assert files(four) == ["004_squashed_core.down.sql", "004_squashed_core.up.sql", *(f"squashed/{x}" for x in PAIRS)]


def test_the_screens_fit_the_terminal(squash: Squash) -> None:
    """But for commands, which are pasted, no line is wider than 80 cells."""
    shown = [squash("4", "core", "--yes", COLUMNS="80"), squash("4", "--check", COLUMNS="80")]

    lines = "".join(each.stdout + each.stderr for each in shown).splitlines()
    assert [line for line in lines if len(line) > 80] == []


def test_the_name_and_the_json(squash: Squash) -> None:
    """Without a name the range is the name; JSON has what the screen has."""
    ended = squash("2", "--yes", "--format", "json")

    assert json.loads(ended.stdout) == {
        "up": "sql/002_squashed_001_to_002.up.sql",
        "down": "sql/002_squashed_001_to_002.down.sql",
        "replaces": ["001_rows", "002_tables"],
        "archive": "sql/squashed/",
        "objects": 19,
        "rows": {"public.countries": 2, "public.customers": 1},
        "lost": [
            CHANGING,
            "comments in the files, and how expressions were written, are not carried over: they stay in the archive",
        ],
        "not_compared": [],
    }


def test_one_migration_is_not_squashed(squash: Squash) -> None:
    ended = squash("1", "--yes")

    assert ended.stderr.splitlines()[0] == "error: there is nothing to squash: 001_rows is the only migration up to 1"


def test_roles_are_carried_over(four: Project, squash: Squash) -> None:
    """They belong to the server, so no catalog has them: the statements of the files are taken as they are."""
    four.add("005_roles", "create role squash_reader;\ngrant select on customers to squash_reader;", "select 1;")

    ended = squash("5", "core", "--yes", "--trusted")

    assert ended.code == 0, ended.stderr
    text = (four.folder / "005_squashed_core.up.sql").read_text()
    assert "create role squash_reader;\n" in text
    assert "GRANT SELECT ON TABLE public.customers TO squash_reader;\n" in text


def test_what_is_not_carried_over_is_told(four: Project, squash: Squash) -> None:
    """A subscription would connect to another server: the shadow does not create it, so the squash does not have it."""
    four.add("005_copy", "create subscription s connection 'dbname=x' publication p with (connect = false);")

    ended = squash("5", "core", "--yes")

    assert "⚠️ 005_copy, line 1: CREATE SUBSCRIPTION s is not carried over: execute it by hand where" in ended.stderr


def test_rows_in_tables_of_extensions_are_told(four: Project, squash: Squash) -> None:
    """They are not part of the schema, and what the extension itself has put there is not known."""
    four.add(
        "005_extension",
        "create table settings (name text); create table empty ();"
        "alter extension plpgsql add table settings; alter extension plpgsql add table empty;"
        "insert into settings values ('one');"
        "create schema chunks; alter extension plpgsql add schema chunks;"
        "create table chunks.day as select 1 as one;",
        "select 1;",
    )

    ended = squash("5", "core", "--yes", "--trusted")

    assert ended.code == 0
    told = [" ".join(line.split()) for line in ended.stderr.partition("note:")[0].split("⚠️") if "extension" in line]
    sentence = (
        "{} belongs to an extension: rows that the migrations put into it are not carried over; "
        "put them in with a migration of its own"
    )
    assert told == [sentence.format(table) for table in ("chunks.day", "public.settings")]


def test_a_folder_that_does_not_build(four: Project, squash: Squash) -> None:
    """The error names the file and the place, and nothing is written."""
    four.add("005_wrong", "create table t (\n    a no_type\n);")

    ended = squash("5", "core", "--yes")

    assert ended.code == 1
    assert ended.stderr.splitlines()[:2] == [
        (
            "error: what the migrations make cannot be built: 005_wrong fails in the throwaway database: "
            'type "no_type" does not exist'
        ),
        "  ──▶ sql/005_wrong.up.sql:2:7",
    ]


def test_a_squash_of_a_squash(four: Project, squash: Squash) -> None:
    """The second one replaces the first and what follows it, from the same first version on."""
    four.up()
    assert squash("2", "core", "--yes").code == 0

    assert squash("4", "all", "--yes").code == 0
    assert squash("4", "--check").code == 0

    assert (four.folder / "004_squashed_all.up.sql").read_text().splitlines()[:2] == [
        "-- sqlmigrate: replaces 001-004",
        f"--   002_squashed_core   {load(four.folder).archive.migrations[2].checksum[:16]}",
    ]
    with closing(up_down.up(four.url, load(four.folder))) as events:
        assert [each.fold.migration.label for each in events if isinstance(each, Folded)] == [
            "002_squashed_core",
            "004_squashed_all",
        ]


def test_time_stamps_are_versions(project: Project, postgres: Server) -> None:
    """The squashed migration has the time stamp of the last one."""
    for day, name in enumerate("abc", 1):
        project.add(f"2026010{day}_120000_{name}", f"create table {name} ();", f"drop table {name};")

    ended = project.call("squash", "20260102_120000", "core", "--yes", "--shadow-url", postgres.url())

    assert ended.code == 0, ended.stderr
    assert [each.label for each in load(project.folder)] == ["20260102_120000_squashed_core", "20260103_120000_c"]
    assert (project.folder / "20260102_120000_squashed_core.up.sql").read_text().splitlines()[:2] == [
        "-- sqlmigrate: replaces 20260101_120000-20260102_120000",
        f"--   20260101_120000_a   {load(project.folder).archive.migrations[0].checksum[:16]}",
    ]


OWNED = """\
alter default privileges grant select on tables to squash_reader;
create table owned (id serial primary key);
create function owned_count() returns bigint language sql as 'select count(*) from owned';
alter table owned owner to squash_owner;
alter function owned_count() owner to squash_owner;
revoke execute on function owned_count() from public;
"""


def test_owners_and_rights_are_the_same(four: Project, squash: Squash) -> None:
    """What belongs to the role that executes the migrations is not given to anyone; other owners are named."""
    four.add("005_owned", OWNED, "drop function owned_count(); drop table owned;")

    ended = squash("5", "core", "--yes")

    assert ended.code == 0, ended.stderr
    text = (four.folder / "005_squashed_core.up.sql").read_text()
    assert re.findall("OWNER TO (.*);", text) == ["squash_owner", "squash_owner"]
    assert "ON SCHEMA" not in text  # the shadow lets the role own objects, and takes that back


def test_migrations_without_a_down_file_are_told(four: Project, squash: Squash) -> None:
    """They were irreversible; now one down file drops everything."""
    four.remove("002_tables", "down")

    assert squash("4", "core", "--yes").stderr.splitlines()[0] == (
        "⚠️ no down file: 002_tables; the down file of the squashed one drops what they made all the same"
    )


def test_without_a_down_file(four: Project, squash: Squash) -> None:
    """The up file says that it is intended."""
    assert squash("4", "core", "--yes", "--no-down").code == 0

    assert not (four.folder / "004_squashed_core.down.sql").exists()
    text = (four.folder / "004_squashed_core.up.sql").read_text()
    assert "-- sqlmigrate: irreversible (squashed without a down file)\n" in text
    four.up()
    assert four.call("verify").code == 0


def test_a_down_that_is_not_proven_is_not_written(
    four: Project, squash: Squash, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it leaves is named, and the way without it."""
    write = squash_text.down
    monkeypatch.setattr(
        squash_text, "down", lambda contents: write(contents).replace("DROP SEQUENCE public.numbers;", "")
    )

    ended = squash("4", "core", "--yes")

    assert (
        ended.stderr.partition("error: ")[2]
        == """\
004_squashed_core does not undo all that it makes, so it was not written
   the down file leaves: sequence public.numbers: left over
   no file was changed
   hint    write it without a down file: --no-down

"""
    )
    assert files(four) == PAIRS


def test_drift_knows_a_squash(four: Project, squash: Squash, postgres: Server) -> None:
    """Before the fold the database is compared with what it has executed; after it, nothing was changed by hand."""
    four.up()
    squash("3", "core", "--yes")
    against = ("drift", "--against", "files", "--shadow-url", postgres.url())

    assert four.call(*against).code == 0
    four.up()
    assert four.call(*against).code == 0
    assert four.call("drift").code == 0
    four.execute("create table by_hand ()")
    assert four.call("drift").code == 1


def test_the_schema_file_stays_as_it_is(four: Project, squash: Squash, postgres: Server) -> None:
    """The squashed migration makes the same schema, so `schema --check` has nothing to say."""
    shadow = ("--shadow-url", postgres.url(), "--schema-postgres", "18")
    assert four.call("schema", *shadow).code == 0
    squash("4", "core", "--yes")

    assert four.call("schema", "--check", *shadow).code == 0


def test_check_proves_it_again(squash: Squash) -> None:
    """In CI, from the archive: an edit after the squash is noticed; times are not compared."""
    squash("4", "core", "--yes")

    ended = squash("4", "--check")

    assert (ended.code, ended.stderr) == (0, "")
    assert (
        ended.stdout
        == """\
✅ 004_squashed_core makes the same as 001_rows to 004_alone: 31 objects, 3 rows, but for what could not be compared
not compared, because they are not the same each time that the migrations are executed:
   public.countries.added
"""
    )


DATED = """\
create table prices (code text primary key, valid_from date not null, note text);
insert into prices values ('a', current_date, 'checked on ' || current_date), ('b', date '2020-01-01', 'fixed');
create table samples (id serial primary key);
insert into samples select from generate_series(1, extract(day from current_date)::int);
create table events (at date) partition by range (at);
do $$ begin
    execute format('create table events_%s partition of events for values from (%L) to (%L)',
        to_char(current_date, 'YYYY_MM_DD'), current_date, current_date + 1);
end $$;
"""
ANOTHER_DAY = {
    r"\d{4}-\d\d-\d\d\tchecked on .*": "2020-02-03\tchecked on 2020-02-03",  # the day on which it was written
    r"'public.samples_id_seq', \d+": "'public.samples_id_seq', 3",
    r"(?s)(COPY public.samples .*?;\n).*?\\\.": r"\g<1>1\n2\n3\n\\.",
    r"events_\d{4}_\d\d_\d\d": "events_2020_02_03",
    r"FROM \('\d{4}-\d\d-\d\d'\) TO \('\d{4}-\d\d-\d\d'\)": "FROM ('2020-02-03') TO ('2020-02-04')",
}


@pytest.fixture
def dated(four: Project, squash: Squash) -> Project:
    """A squashed migration that was written on another day, and depends on the day in every way."""
    four.add("005_dated", DATED, "drop table prices; drop table samples; drop table events;")
    assert squash("5", "core", "--yes").code == 0
    for way in ("up", "down"):
        path = four.folder / f"005_squashed_core.{way}.sql"
        text = path.read_text()
        for then, now in ANOTHER_DAY.items():
            text = re.sub(then, now, text)
        path.write_text(text)
    return four


@pytest.mark.usefixtures("dated")
def test_check_on_another_day(squash: Squash) -> None:
    """What depends on the day is named as not compared: dates, the number of rows, names, sequences."""
    ended = squash("5", "--check")

    assert (ended.code, ended.stderr) == (0, "")
    today = re.search(r"events_(\d{4}_\d\d_\d\d)", ended.stdout)
    assert today
    assert ended.stdout.splitlines()[1:] == [
        "not compared, because they are not the same each time that the migrations are executed:",
        f"   table public.events_{today[1]}",
        "   public.countries.added",
        "   public.prices.note",
        "   public.prices.valid_from",
        "   the rows of public.samples: their number is not the same each time",
        "   the value of the sequence public.samples_id_seq",
    ]


@pytest.mark.parametrize(
    ("text", "edited", "said"),
    [
        ("b\t2020-01-01\tfixed\n", "", "table public.prices: 2 rows before, 1 rows after"),
        ("b\t2020-01-01", "c\t2020-01-01", "table public.prices: 2 rows before, 2 rows after, with other values"),
        ("CREATE TABLE public.events_2020_02_03", "CREATE TABLE public.other_2020_02_03", "left over"),
    ],
)
def test_check_on_another_day_notices_an_edit(
    dated: Project, squash: Squash, text: str, edited: str, said: str
) -> None:
    """A lost row, another value in a column that does not depend on the day, another table: none of it is excused."""
    path = dated.folder / "005_squashed_core.up.sql"
    assert text in path.read_text()
    path.write_text(path.read_text().replace(text, edited))

    ended = squash("5", "--check")

    assert ended.code == 1
    assert said in ended.stderr
    assert "the time or random numbers are used in 001_rows, line 1 (now), 005_dated, line 2 (current_date)" in (
        ended.stderr
    )


def test_nothing_is_kept_on_the_server(squash: Squash, postgres: Server) -> None:
    """Each proof executes again, so that what changes with the day is seen; and nothing is left."""
    before = _databases(postgres)

    assert squash("4", "core", "--yes").code == 0

    assert _databases(postgres) == before


def _databases(server: Server) -> list[object]:
    with connect(server.url()) as session:
        return session.ask(Request("select datname::text from pg_database order by 1"))[0]


EDITED = {
    "an index": ("CREATE INDEX countries_name", "CREATE INDEX other_name", "index public.countries_name: missing"),
    "a value": ("fr\tFrance", "fr\tFrench", "table public.countries: 2 rows before, 2 rows after, with other values"),
    "a sequence": (
        "'public.numbers', 10, true",
        "'public.numbers', 11, true",
        "sequence public.numbers: another value",
    ),
}


@pytest.mark.parametrize(("text", "edited", "said"), EDITED.values(), ids=EDITED)
def test_check_notices_an_edit(four: Project, squash: Squash, text: str, edited: str, said: str) -> None:
    """What it makes now is not what the archive makes."""
    squash("4", "core", "--yes")
    path = four.folder / "004_squashed_core.up.sql"
    assert text in path.read_text()
    path.write_text(path.read_text().replace(text, edited))

    ended = squash("4", "--check")

    assert (ended.code, ended.stdout) == (1, "")
    lines = ended.stderr.splitlines()
    assert lines[0] == "error: 004_squashed_core does not make the same as the migrations that it replaces"
    assert f"   {said}" in lines


def test_check_needs_the_archive(four: Project, squash: Squash) -> None:
    """Without it there is nothing to compare with."""
    assert squash("3", "--check").stderr.splitlines()[0] == "error: 003_later is not a squashed migration"
    squash("4", "core", "--yes")
    (four.folder / "squashed" / "002_tables.up.sql").unlink()

    assert squash("4", "--check").stderr.splitlines()[0] == (
        "error: sql/squashed/ lacks 002_tables, so 004_squashed_core cannot be proven"
    )


def test_the_role_of_the_shadow_is_not_in_the_files(four: Project, squash: Squash) -> None:
    """Default privileges of the role that executes the migrations are its own, whatever it is called elsewhere."""
    four.add("005_privileges", "alter default privileges grant select on tables to public;", "select 1;")

    ended = squash("5", "core", "--yes")

    assert ended.code == 0, ended.stderr
    up, down = ((four.folder / f"005_squashed_core.{way}.sql").read_text(encoding="utf-8") for way in ("up", "down"))
    assert "-- default privileges tables\nALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;\n" in up
    assert "ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC;\n" in down
    assert "sqlmigrate_review" not in up + down

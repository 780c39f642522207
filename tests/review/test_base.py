"""The base of a review: with which rights it is built, and which rights new migrations have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import shadow_servers
from postgres_servers import Server

from sqlmigrate.errors import ServerError
from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.formats import wording
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.shadow import databases
from sqlmigrate.shadow.build import without_subscriptions
from sqlmigrate.source import Source

# What a dump and a careful deployer write: each statement needs a superuser.
OF_A_SUPERUSER = """\
create table t (id bigint primary key);
alter table t disable trigger all;
update pg_index set indisready = indisready where indrelid = 't'::regclass;
alter table t enable trigger all;
alter table t owner to postgres;
create function f() returns int language sql security definer as 'select 1';
alter function f() owner to postgres;
create publication everything for all tables;
set session_replication_role = replica;
set local log_min_messages = 'warning';
alter role app set log_min_duration_statement = 0;
grant select on t to reader;
"""


@pytest.fixture(scope="module", params=[16, 18], ids=lambda version: f"PostgreSQL {version}")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Shadow]:
    """Both embedded versions, as shadow servers."""
    with shadow_servers.of_tests(tmp_path_factory, request.param) as found:
        yield found


def migration(version: str, up: str) -> Migration:
    return Migration(version, "case", Source(f"sql/{version}_case.up.sql", up), None)


def reviewed(server: databases.Shadow, base: str, new: str, **settings: bool) -> Review:
    """Review one new migration; the base is merged, unless `is_merged` is false."""
    irreversible = "-- sqlmigrate: irreversible (a test)\n"
    is_merged = settings.pop("is_merged", True)
    subjects = Subjects("main", (migration("001", base),), (migration("002", irreversible + new),), is_merged=is_merged)
    return pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=2.0, **settings))


def told(result: Review) -> list[tuple[str, str, str]]:
    """Return the findings: rule, message, advice."""
    return [(each.rule.name, each.message, each.what_now) for one in result.migrations for each in one.findings]


def test_a_base_that_needs_a_superuser(server: databases.Shadow) -> None:
    """A merged base is executed as a superuser; the roles that it names are created for it."""
    result = reviewed(server, OF_A_SUPERUSER, "alter table t add column note text;")

    assert told(result) == []
    assert result.basis.stub_roles == ("app", "reader")
    assert result.basis.filled == 1


def test_a_new_migration_that_needs_a_superuser(server: databases.Shadow) -> None:
    """It is told so, with what to do; with --trusted it is executed, and the report says so."""
    base, new = "create table t (id int);", "update pg_index set indisready = indisready;"
    advice = "if you trust the new migrations, execute them as a superuser of the shadow server: --trusted"

    refused = reviewed(server, base, new)
    trusted = reviewed(server, base, new, is_trusted=True)

    assert told(refused) == [("needs-more-rights", "permission denied for table pg_index", advice)]
    assert [name for name, _, _ in told(trusted)] == []
    assert refused.basis.server == server.label
    assert trusted.basis.server == f"{server.label}, new migrations as a superuser (--trusted)"


def test_a_base_that_is_not_merged(server: databases.Shadow) -> None:
    """Files of the working tree are not trusted: they are executed without a superuser, and the hint says how."""
    with pytest.raises(ServerError) as caught:
        reviewed(server, OF_A_SUPERUSER, "select 1;", is_merged=False)

    assert caught.value.message == (
        "the base cannot be built: 001_case of main fails in the throwaway database: "
        "permission denied for table pg_index"
    )
    assert caught.value.hint == "it was executed without a superuser; if you trust these files, with one: --trusted"
    assert told(reviewed(server, OF_A_SUPERUSER, "select 1;", is_merged=False, is_trusted=True)) == []


def test_a_base_that_fails(server: databases.Shadow) -> None:
    """The hint names what was not tried yet."""
    with pytest.raises(ServerError) as caught:
        reviewed(server, "create extension does_not_exist;", "select 1;")

    assert caught.value.hint == "try a server like production's: --shadow-url; or review the text only: --static"


def test_a_base_that_fails_on_a_given_server(every_postgres: Server) -> None:
    """There --shadow-url was named already, and its role may lack a right."""
    subjects = Subjects("main", (migration("001", "update pg_index set indisready = true;"),), (), (), is_merged=True)
    extension = Subjects("main", (migration("001", "create extension nowhere;"),), (), (), is_merged=True)
    superuser = every_postgres.url()
    with databases.server(Path("/nowhere"), superuser) as running, pytest.raises(ServerError) as of_an_extension:
        pipeline.review_on(running, extension, pipeline.Settings(Path()))
    with databases.server(Path("/nowhere"), superuser) as running:
        running._ask("create role given login createdb createrole")
    weak = every_postgres.url(user="given")
    with databases.server(Path("/nowhere"), superuser) as running:
        running._ask("drop role sqlmigrate_review")
    with databases.server(Path("/nowhere"), weak) as running, pytest.raises(ServerError) as of_a_right:
        pipeline.review_on(running, subjects, pipeline.Settings(Path()))
    with databases.server(Path("/nowhere"), superuser) as running:
        running._ask("drop role given")
    with databases.server(Path("/nowhere"), superuser) as running:
        running._ask("drop role sqlmigrate_review")

    assert of_an_extension.value.hint == (
        "make this server like production's (version, extensions, roles); or review the text only: --static"
    )
    assert of_a_right.value.hint == "name a role in --shadow-url that has this right, or review the text only: --static"


def test_a_base_with_a_subscription(server: databases.Shadow) -> None:
    """It is not created, because that connects to the publisher; everything else of the file is executed."""
    base = (
        "-- sqlmigrate: no-transaction\n"
        "create table t (id int primary key);\n"
        "create subscription s connection 'host=192.0.2.1'\n    publication p;\n"
        "alter subscription s disable;\n"
        "create table u (id int primary key);\n"
    )

    assert told(reviewed(server, base, "alter table u add column a int;")) == []
    assert without_subscriptions(migration("001", base)).up.line_count == 7


ARRANGED = {
    "an event trigger fires": (
        (
            "create table seen (tag text); create function f() returns event_trigger language plpgsql as"
            " 'begin insert into public.seen values (tg_tag); end';"
            " create event trigger f on ddl_command_end execute function f()"
        ),
        "create table u (); do $$ begin assert exists (select from seen where tag = 'CREATE TABLE'); end $$",
    ),
    "a function with SECURITY DEFINER is called": (
        (
            "create table t (id int); create function f() returns bigint language sql security definer"
            " as 'select count(*) from t'"
        ),
        "do $$ begin assert f() > 0; end $$",
    ),
    "a policy for a role of the base": (
        (
            "create role app; create table t (id int); alter table t enable row level security;"
            " create policy p on t to app using (true)"
        ),
        "alter policy p on t using (id > 0)",
    ),
    "a role that the base made a member": (
        "create role app; create role web in role app; create table t (id int); alter table t owner to app",
        "alter table t add column a int; grant select on t to web",
    ),
}


@pytest.mark.parametrize(("base", "new"), ARRANGED.values(), ids=ARRANGED)
def test_new_migrations_use_what_the_base_made(server: databases.Shadow, base: str, new: str) -> None:
    """The superuser that built the base is no obstacle to new migrations."""
    found = told(reviewed(server, base, f"{new};"))

    assert [(name, said) for name, said, _ in found if name in ("needs-more-rights", "statement-fails")] == []


def test_an_old_file_that_would_be_refused_today(server: databases.Shadow) -> None:
    """The base has what it holds, and the report says what the base does not have."""
    base = "create table t (id int);\ncreate index concurrently i on t (id);\ncommit;\ncreate database reports;\n"

    result = reviewed(server, base, "drop index i;")

    assert told(result) == [("drop-index-blocking", "dropping `i` locks `t` in ACCESS EXCLUSIVE mode", "")]
    assert "left out of the base: `001_case` (line 4: `create database reports …` cannot run in a transaction)." in (
        "\n".join(wording.basis(result))
    )

"""What a database has, compared with what the files make: `drift --against files`, and `baseline` before it asks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import psycopg
import pytest
from postgres_servers import Server
from project import Project, succeeded
from terminal import Ended

Against = Callable[..., Ended]


@pytest.fixture
def against(shop: Project, postgres: Server) -> Against:
    """Call `drift --against files` on the PostgreSQL 18 of the tests: it is running already."""
    return lambda *arguments: shop.call("drift", "--against", "files", "--shadow-url", postgres.url(), *arguments)


def lines(ended: Ended) -> list[str]:
    """What is said of the objects, without the head."""
    assert ended.stderr == ""
    return ended.stdout.splitlines()[2:]


ALL_FILES = "⚠️ note: the database has no history: it is compared with all files"
OWNERS = "⚠️ note: owners are compared only where the files name them"


def test_a_database_that_was_never_ours(shop: Project, against: Against) -> None:
    """It is compared with all files."""
    for each in sorted(shop.folder.glob("*.up.sql")):
        shop.execute(each.read_text(encoding="utf-8"))

    ended = against()

    assert (ended.code, lines(ended)) == (
        0,
        ["✅ no drift: 22 objects compared, with columns and constraints", ALL_FILES, OWNERS],
    )


def test_the_comment_that_every_server_has_is_not_drift(shop: Project, against: Against) -> None:
    """The database postgres has it from initdb; the embedded server is used through that database."""
    succeeded(shop.up())
    (name,) = shop.query("select quote_ident(current_database())")[0]
    shop.execute(f"comment on database {name} is 'default administrative connection database'")
    assert against().code == 0

    shop.execute(f"comment on database {name} is 'ours'")
    assert "      comment: none ──▶ ours" in lines(against())


def test_what_differs_from_the_files(shop: Project, against: Against, postgres: Server) -> None:
    """Pending migrations are not counted as drift; a snapshot is not needed."""
    succeeded(shop.up(steps=1))
    shop.execute("alter table customers alter email drop not null, add phone text; drop table migrations_schema")

    ended = against()

    assert (ended.code, lines(ended)) == (
        1,
        [
            "public.customers",
            "  ~ different  column public.customers.email",
            "      not null: true ──▶ false",
            "  + left over  column public.customers.phone",
            "      ALTER TABLE public.customers ADD COLUMN phone text;",
            "",
            "2 objects differ: 1 left over, 1 different",
            "PostgreSQL does not record who did it. These roles have the right to:",
            "   superusers: postgres",
            "⚠️ note: 1 pending migration not compared",
            OWNERS,
            f"next: sqlmigrate drift --against files --shadow-url {shlex.quote(postgres.url())} --sql",
        ],
    )


def test_another_role_owns_what_is_there(shop: Project, against: Against) -> None:
    """Files do not say who executes them: an owner, and rights that it has granted, are not drift."""
    role = f"owning_{shop.value('select current_database()')}"
    shop.add("003_rights", "grant select on customers to pg_monitor;", "revoke select on customers from pg_monitor;")
    shop.execute(f"create role {role}")
    try:
        succeeded(shop.up())
        shop.execute(f"alter table customers owner to {role}")

        assert against().code == 0

        shop.execute("grant insert on customers to pg_monitor")
        assert lines(against())[:3] == [
            "public.customers",
            "  ~ different  table public.customers",
            "      rights of pg_monitor: SELECT ──▶ SELECT, INSERT",
        ]
    finally:
        shop.execute(f"drop owned by {role} cascade; drop role {role}")


def test_a_role_without_any_right(shop: Project, postgres: Server) -> None:
    """What the system catalogs show is enough; a history that cannot be read is said."""
    role = f"looking_{shop.value('select current_database()')}"
    succeeded(shop.up())
    shop.execute(f"create role {role} login; create table own ()")
    try:
        looking = shop.at(psycopg.conninfo.make_conninfo(shop.url, user=role))
        ended = looking.call("drift", "--against", "files", "--shadow-url", postgres.url())
    finally:
        shop.execute(f"drop role {role}")

    assert (ended.code, lines(ended)[:2]) == (1, ["public.own", "  + left over  table public.own"])
    note = f"⚠️ note: the role {role} may not read the history public.migrations: it is compared with all files"
    assert note in lines(ended)


def test_a_missing_file_is_compared_by_its_recorded_text(shop: Project, against: Against) -> None:
    succeeded(shop.up())
    shop.remove("001_create_customers")

    ended = against()

    assert ended.code == 0
    note = "⚠️ note: 001_create_customers: the file is missing, and the text recorded in the history is used"
    assert lines(ended)[1:] == [note, OWNERS]


def test_another_major_version(shop: Project, postgres: Server, postgres16: Server) -> None:
    """Views and expressions that only print differently are not drift; what was not compared is said."""
    shop.add("003_view", "create view sums as select o.customer_id, sum(o.total) as total, c.email "
             "from orders o join customers c on c.id = o.customer_id group by 1, 3;", "drop view sums;")  # fmt: skip
    with postgres16.database() as url:
        older = shop.at(url)
        succeeded(older.up())

        ended = older.call("drift", "--against", "files", "--shadow-url", postgres.url())
        assert (ended.code, lines(ended)[0]) == (0, "✅ no drift: 26 objects compared, with columns and constraints")

        older.execute("create or replace view sums as select o.customer_id, sum(o.total) as total, c.email from "
                      "orders o join customers c on c.id = o.customer_id where o.total > 0 group by 1, 3")  # fmt: skip
        ended = older.call("drift", "--against", "files", "--shadow-url", postgres.url())
        assert ended.code == 0
        said = " ".join(ended.stdout.split())
        assert "the two versions of PostgreSQL write it differently: view public.sums (view)" in said


def test_a_folder_that_does_not_build(shop: Project, against: Against) -> None:
    succeeded(shop.up())
    shop.add("002_create_orders", "create table orders (nothing nowhere);", "drop table orders;")

    ended = against()

    assert ended.code == 3  # 1 says that something was changed by hand
    assert ended.stderr.startswith(
        "error: the schema cannot be built: 002_create_orders fails in the throwaway database: "
    )


# -- baseline ----------------------------------------------------------------------------------------------------------


def test_a_baseline_tells_what_disagrees(shop: Project) -> None:
    """Without a terminal it asks nothing, and records nothing."""
    shop.execute("create table customers (id bigint primary key, email text); create table orders (id bigint)")

    ended = shop.call("baseline", "2")

    assert ended.code == 2
    said = re.search(r"^   (\d+) objects disagree with what these files make: (.*)$", ended.stderr, re.MULTILINE)
    assert said is not None
    assert said[1] == "16"
    assert said[2].endswith("; and 13 more")
    assert ended.stderr.startswith("to see what disagrees, with all values: sqlmigrate drift --against files --to 2\n")
    assert shop.states() == {"001_create_customers": "pending", "002_create_orders": "pending"}
    assert shop.call("baseline", "2", "--yes").code == 0


def test_a_baseline_of_what_the_files_make(shop: Project) -> None:
    """It is recorded without a question; what else is there is noted."""
    for each in sorted(shop.folder.glob("*.up.sql")):
        shop.execute(each.read_text(encoding="utf-8"))
    shop.execute("create table own ()")

    ended = shop.call("baseline", "2")

    assert ended.code == 0
    assert ended.stderr == "⚠️ note: 1 object here is not made by these files: left over table public.own\n"


def test_the_statements_make_what_the_files_make(shop: Project, against: Against) -> None:
    """There may have been nothing else before."""
    succeeded(shop.up())
    shop.execute("alter table customers alter email drop not null")

    ended = against("--sql")

    assert ended.stdout.startswith("-- These statements make the schema what the files make.\n")
    assert "\nALTER TABLE public.customers ALTER COLUMN email SET NOT NULL;\n" in ended.stdout


def test_the_files_up_to_a_version(shop: Project, against: Against, postgres: Server) -> None:
    """Whatever is executed, and also before a baseline. The next command has the same options."""
    shop.execute((shop.folder / "001_create_customers.up.sql").read_text(encoding="utf-8"))
    assert against("--to", "1").code == 0
    shop.execute("alter table customers drop email")

    ended = against("--to", "001", "--trusted")

    assert (ended.code, ended.stdout.splitlines()[-1]) == (
        1,
        f"next: sqlmigrate drift --against files --to 001 --shadow-url {shlex.quote(postgres.url())} --trusted --sql",
    )
    assert against("--to", "9").code == 2
    assert shop.call("drift", "--to", "1").code == 2

"""A review as a user meets it: in a repository, with the real program, on real servers; and what goes wrong there."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import children
import documents
import psycopg
import pytest
from git_repository import Repository
from in_process import Quick
from postgres_servers import Server
from psycopg.conninfo import make_conninfo
from terminal import Ended
from waiting import until

from sqlmigrate.embedded.cluster import Cluster

SCREEN = Path(__file__).parent / "review.console"
ROOT = Path(__file__).parents[2]

SHOP = """\
create table customers (id bigint primary key, name text not null);
create table orders (id bigint primary key, customer bigint not null references customers, total integer not null);
create view big_orders as select id, total from orders where total > 1000;
"""
BACK = "drop view big_orders;\ndrop table orders;\ndrop table customers;\n"
CURRENCY = (
    "alter table orders add column currency text default 'EUR';\n",
    "alter table orders drop column currency;\n",
)
INDEX = (
    "create index concurrently orders_customer on orders (customer);\n",
    "drop index concurrently orders_customer;\n",
)
STATES = (
    "alter table orders add column state text not null default 'new';\n"
    "alter table orders add constraint orders_state check (state in ('new', 'paid'));\n"
)
STATE = (STATES, "alter table orders drop constraint orders_state;\n")
SIZES = "table,rows,bytes\npublic.orders,300000000,41000000000\n"


class Branch:
    """A repository with a shop in main, on a branch that has new migrations; and the program, called in it."""

    def __init__(self, root: Path, cache: Path, *, is_empty: bool = False) -> None:
        self.root = root
        self.repository = Repository(root, root.with_name(f"{root.name}-home")).init()
        self.cache = cache
        (root / "sql").mkdir()
        if not is_empty:
            self.merged(**{"001_shop": (SHOP, BACK)})

    def merged(self, **texts: tuple[str, str | None]) -> None:
        self.new(**texts)
        self.repository.commit()
        self.repository.git("checkout", "-q", "-B", "main")
        self.repository.git("checkout", "-q", "-B", "change")

    def new(self, **texts: tuple[str, str | None]) -> None:
        for label, pair in texts.items():
            for direction, text in zip(("up", "down"), pair, strict=True):
                if text is not None:
                    (self.root / "sql" / f"{label}.{direction}.sql").write_text(text, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        return {**self.repository.environment, "CI": "true", "TZ": "UTC"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "sqlmigrate", *arguments]

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        """Run the program; the shadow's folder is shared by all tests, so that its server is made once."""
        place = self.root / ".sqlmigrate"
        if not place.exists():
            place.symlink_to(self.cache)
        ended = children.run(
            self.command(*arguments), cwd=self.root, env={**self.environment, **environment}, capture_output=True,
            encoding="utf-8",
        )  # fmt: skip
        return Ended(ended.stdout, ended.stderr, ended.returncode)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def branch(tmp_path: Path, cache: Path) -> Branch:
    return Branch(tmp_path / "my shop", cache)


def findings(ended: Ended) -> list[tuple[str, str]]:
    """Give the migration and the rule of every finding in a JSON report."""
    report = json.loads(ended.stdout)
    return [(each["version"], finding["rule"]) for each in report["migrations"] for finding in each["findings"]]


# -- the screen --------------------------------------------------------------------------------------------------------


def _issue(branch: Branch) -> None:
    branch.new(**{"004_add_order_currency": CURRENCY, "005_index_orders_customer": INDEX, "006_order_state": STATE})
    (branch.root / "sizes.csv").write_text(SIZES)


def test_the_screen_is_as_designed(branch: Branch) -> None:
    """A safe file is one line; the dangerous one has its lock, who waits and how long, its place, and the way out."""
    _issue(branch)

    ended = branch("review", "--postgres", "18", "--sizes", "sizes.csv")

    typed, _, screen = SCREEN.read_text(encoding="utf-8").partition("\n")
    assert typed == "$ sqlmigrate review --sizes sizes.csv"
    assert (ended.stdout, ended.stderr, ended.code) == (screen, "", 1)


def test_a_document_shows_it() -> None:
    """README or a page of docs/ holds the screen, to the letter (`make docs` copies it there)."""
    assert documents.shows(SCREEN.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_first_review_of_a_project(tmp_path: Path, cache: Path) -> None:
    """From `git init` on, with nothing but defaults: without a commit, after other files, and once merged."""
    branch = Branch(tmp_path / "new shop", cache, is_empty=True)
    branch.new(**{"001_shop": (SHOP, BACK)})

    before = branch("review", "--format", "json")
    branch.repository.git("checkout", "-q", "-b", "main")
    (branch.root / ".gitignore").write_text(".sqlmigrate\n")
    branch.repository.git("add", ".gitignore")
    branch.repository.git("commit", "-q", "-m", "x")
    other_files = branch("review", "--format", "json")
    branch.repository.commit()
    branch.new(**{"002_add_order_currency": CURRENCY})
    merged = branch("review", "--format", "json")

    for ended, base, built, new in (
        (before, "a repository without commits", 0, "001"),
        (other_files, "main", 0, "001"),
        (merged, "main", 1, "002"),
    ):
        assert (ended.stderr, ended.code) == ("", 0)
        report = json.loads(ended.stdout)
        assert [each["version"] for each in report["migrations"]] == [new]
        assert (report["ground"]["base"], report["ground"]["base_migrations"]) == (base, built)
        assert report["ground"]["server"].startswith("PostgreSQL")
        assert {finding["severity"] for each in report["migrations"] for finding in each["findings"]} <= {"note"}


def test_every_format_at_once(branch: Branch) -> None:
    """One review, written in every format; the comment begins with its marker, as bots look for it."""
    _issue(branch)
    forms = ("text", "markdown", "json", "sarif", "github", "gitlab", "html")

    outputs = [word for form in forms for word in ("--output", f"{form}=out.{form}")]
    ended = branch("review", "--postgres", "18", "--format", "markdown", *outputs)

    written = {form: (branch.root / f"out.{form}").read_text(encoding="utf-8") for form in forms}
    assert ended.stdout == written["markdown"]
    assert ended.stdout.startswith("<!-- sqlmigrate review -->\n### ❗ 1 of 3 new migrations would block production\n")
    assert "add-column-check-scan" in written["sarif"]
    assert written["github"].startswith("::error file=sql/006_order_state.up.sql,line=2,")
    assert json.loads(written["gitlab"])[0]["location"]["path"] == "sql/006_order_state.up.sql"
    assert written["html"].startswith("<!doctype html>")


# -- which are new -----------------------------------------------------------------------------------------------------


def test_nothing_is_new(branch: Branch) -> None:
    """Nothing is started, and the exit code is 0."""
    ended = branch("review")

    assert ended.code == 0
    assert ended.stdout.endswith("✅ no new migrations\n")


def test_a_squash_is_executed_in_the_place_of_what_it_replaces(branch: Branch) -> None:
    """In an empty database, not behind the migrations that it replaces; a new one after it has these for its base."""
    branch.merged(**{"002_phones": ("create table phones (number text);", "drop table phones;")})
    assert branch("squash", "2", "core", "--yes", "--schema-postgres", "18").code == 0
    branch.new(**{"003_emails": ("alter table phones add email text;", "alter table phones drop email;")})

    ended = branch("review", "--postgres", "18")

    assert ended.code == 0
    assert ended.stdout.splitlines()[:5] == [
        "2 new migrations · base main",
        "",
        "✅ 002_squashed_core   no one waits · down restores everything · no lock on existing tables",
        "✅ 003_emails          for an instant: everyone on `phones` · down restores everything",
        "",
    ]


SQUASHED = "002_squashed_core makes the same as 001_shop to 002_phones: 20 objects, 1 row."
DIFFERS = (
    "002_squashed_core does not make the same as what it replaces: column public.phones.number: type is character "
    "varying, and should be text; table public.phones: 1 rows before, 0 rows after"
)
PHONES = ("create table phones (number text);\ninsert into phones values ('112');", "drop table phones;")


@pytest.fixture
def squashed(branch: Branch) -> Branch:
    """A branch that squashes the shop and its phones."""
    branch.merged(**{"002_phones": PHONES})
    assert branch("squash", "2", "core", "--yes", "--schema-postgres", "18").code == 0
    return branch


def test_a_squash_is_proven(squashed: Branch) -> None:
    """What it makes is compared with what the archive makes, and the report says so."""
    ended = squashed("review", "--postgres", "18")

    assert ended.code == 0
    assert SQUASHED in ended.stdout.splitlines()
    assert "The base, `main`, has 2 migrations." in ended.stdout
    text = json.loads(squashed("review", "--static", "--format", "json").stdout)["ground"]["text"]
    assert "002_squashed_core is not proven: nothing was executed." in text


def test_an_edited_squash_differs(squashed: Branch) -> None:
    """A lost row and another type: each is named, and the review fails; an exception needs a reason in the file."""
    path = squashed.root / "sql/002_squashed_core.up.sql"
    path.write_text(path.read_text().replace("112\n", "").replace("number text", "number varchar"))

    ended = squashed("review", "--postgres", "18", "--format", "json")

    (found,) = json.loads(ended.stdout)["migrations"][0]["findings"]
    assert ended.code == 1
    assert (found["rule"], found["severity"], found["message"]) == (
        "squash-differs",
        "danger",
        DIFFERS,
    )
    path.write_text(path.read_text().replace("\n\n", "\n-- sqlmigrate: allow squash-differs (meant)\n\n", 1))
    assert squashed("review", "--postgres", "18").code == 0


def test_a_squash_that_cannot_be_executed_is_not_proven(squashed: Branch) -> None:
    """Nothing is known of it then, so the review fails, also if only rights are missing."""
    path = squashed.root / "sql/002_squashed_core.up.sql"
    path.write_text(path.read_text() + "create foreign data wrapper w;\n")

    ended = squashed("review", "--postgres", "18", "--format", "json")

    found = json.loads(ended.stdout)["migrations"][0]["findings"]
    assert (ended.code, {each["rule"] for each in found}) == (1, {"squash-not-proven", "needs-more-rights"})
    (unproven,) = (each for each in found if each["rule"] == "squash-not-proven")
    assert unproven["message"] == (
        "it is not known whether 002_squashed_core makes the same as what it replaces: the squashed migration cannot "
        "be built: 002_squashed_core fails in the throwaway database: "
        'permission denied to create foreign-data wrapper "w"'
    )


def test_the_files_that_are_named(branch: Branch) -> None:
    """By path, by name, by version: what stands below the first of them is the base."""
    branch.new(**{"002_currency": CURRENCY, "003_index": INDEX})

    for named in ("sql/003_index.up.sql", "003_index", "003", "3"):
        assert [
            each["version"] for each in json.loads(branch("review", "--format", "json", named).stdout)["migrations"]
        ] == ["003"]
    wrong = branch("review", "004")
    assert wrong.code == 2
    assert wrong.stderr.startswith("error: there is no migration `004` in the folder or in the history\n")


@pytest.mark.slow
def test_what_is_pending_on_a_database(branch: Branch, database: str) -> None:
    """With --database-url the new ones are those that are pending there; nothing is executed there."""
    branch("up", "--database-url", database)
    branch.new(**{"002_currency": CURRENCY})

    report = json.loads(branch("review", "--database-url", database, "--format", "json").stdout)

    assert [each["version"] for each in report["migrations"]] == ["002"]
    with psycopg.connect(database) as conn:
        assert conn.execute("select version from migrations").fetchall() == [("001",)]


def test_git_alone_finds(branch: Branch) -> None:
    """A merged migration that was edited is found without any server."""
    (branch.root / "sql" / "001_shop.up.sql").write_text(SHOP + "create table more ();\n")

    ended = branch("review", "--static")

    assert ended.code == 1
    assert "merged-migration-changed: 001_shop is merged in main, and its up file was edited (SQL)" in ended.stdout


@pytest.mark.parametrize(("limit", "code"), [("danger", 0), ("warning", 1), ("never", 0)])
def test_exit_codes(limit: str, code: int, branch: Branch) -> None:
    """A warning fails where that is asked for."""
    branch.new(**{"002_note": ("alter table orders add column note text;\n", None)})

    assert branch("review", "--fail-on", limit).code == code


# -- sizes and rows ----------------------------------------------------------------------------------------------------


def test_the_sizes_query_exports_what_is_read(branch: Branch, postgres: Server, database: str) -> None:
    """Exported as CSV by psql, they are what the review estimates with; empty tables have no estimate."""
    branch("up", "--database-url", database)
    query = branch("review", "--sizes-query").stdout
    psql = [str(postgres.cluster.program("psql")), "--csv", "-X", "-c", query, database]
    (branch.root / "sizes.csv").write_text(children.run(psql, capture_output=True, text=True, check=True).stdout)
    branch.new(**{"002_total": ("alter table customers alter name type varchar(90);\n", None)})

    report = json.loads(branch("review", "--sizes", "sizes.csv", "--format", "json").stdout)

    found = {each["rule"]: each["severity"] for each in report["migrations"][0]["findings"]}
    assert found["type-change-rewrite"] == "note"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "error: sizes.csv:1: the header does not name the columns table, rows, bytes"),
        (
            "table,rows,bytes\npublic.t,many,2\n",
            "error: sizes.csv:2: expected the name of a table, its rows and its bytes",
        ),
        (
            "[{]",
            "error: sizes.csv is not JSON: Expecting property name enclosed in double quotes: line 1 column 3 (char 2)",
        ),
    ],
)
def test_sizes_that_are_none(text: str, message: str, branch: Branch) -> None:
    """The line is named, and how to export them."""
    (branch.root / "sizes.csv").write_text(text)

    ended = branch("review", "--sizes", "sizes.csv")

    assert (ended.code, ended.stderr.splitlines()[0]) == (2, message)


def test_rows_of_the_projects_own(branch: Branch) -> None:
    """What fails on them is found; a seed that fails is told with its place."""
    (branch.root / "seed.sql").write_text("insert into customers values (1, 'Ann'), (2, 'Ann');\n")
    branch.new(**{"002_unique": ("alter table customers add constraint one unique (name);\n", None)})

    assert ("002", "statement-fails") in findings(branch("review", "--seed", "seed.sql", "--format", "json"))
    assert "1 table has the rows of --seed.\n" in branch("review", "--seed", "seed.sql").stdout
    (branch.root / "seed.sql").write_text("insert into customer values (1);\n")
    wrong = branch("review", "--seed", "seed.sql")
    assert (wrong.code, wrong.stderr.splitlines()[:2]) == (
        1,
        ['error: relation "customer" does not exist', "  ──▶ seed.sql:1:13"],
    )


@pytest.mark.slow
def test_rows_with_fixed_keys_do_not_meet_ours(branch: Branch) -> None:
    """Rows that are made up stay away from the small keys that migrations give to theirs."""
    branch.new(
        **{
            "002_rows": (
                "insert into customers values (1, 'Ann'), (2, 'Bob');\n",
                "delete from customers where id < 3;\n",
            )
        }
    )

    assert findings(branch("review", "--format", "json")) == []


@pytest.mark.slow
def test_a_history_in_a_schema_of_its_own(branch: Branch) -> None:
    """The schema is made on the shadow, as somebody has made it on the database."""
    branch.new(**{"002_currency": CURRENCY})

    assert branch("--table", "ops.history", "review").code == 0


@pytest.mark.parametrize("table", ["ops.history", '"My History"', '"Ops"."a.b"'])
def test_a_history_of_any_name(table: str, branch: Branch) -> None:
    """The history and its log are never part of a review, in whatever schema they are and however they are called."""
    branch.new(**{"004_add_order_currency": CURRENCY, "005_index_orders_customer": INDEX})
    branch.new(**{"006_rows": ("insert into customers values (1, 'Ada');\n", "delete from customers where id = 1;\n")})

    ended = branch("--table", table, "review", "--format", "json")

    assert (findings(ended), ended.stderr, ended.code) == ([], "", 0)
    assert "istory" not in ended.stdout


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_that_fails_and_one_that_hangs_are_findings(branch: Branch) -> None:
    """Each with its place; the others are still reviewed."""
    branch.new(**{
        "002_fails": ("select 1;\nalter table nothing add a int;\n", None),
        "003_hangs": ("do $$ begin loop end loop; end $$;\n", None),
        "004_cut": ("select 'open;\n", None),
        "005_currency": CURRENCY,
    })  # fmt: skip

    ended = branch("review", "--timeout", "2s", "--format", "json")

    found = [each for each in findings(ended) if each[1] != "down-missing"]
    assert found == [("002", "statement-fails"), ("003", "hangs"), ("004", "statement-fails")]
    assert ended.code == 1


def test_rows_that_are_made_up_stop_nobody(branch: Branch) -> None:
    """That they are not unique is a warning, and the rest is executed: also what drops the index of an earlier file."""
    branch.new(**{
        "002_unique": (
            "create unique index concurrently one on customers (name);\n", "drop index concurrently one;\n"
        ),
        "003_one": (
            "alter table customers add constraint one unique using index one;\n",
            "alter table customers drop constraint one;\n",
        ),
    })  # fmt: skip

    ended = branch("review", "--format", "json")

    assert (findings(ended), ended.code) == ([("002", "fails-on-data"), ("003", "down-incomplete")], 1)


@pytest.mark.slow
def test_a_block_that_commits_is_not_called_safe(branch: Branch) -> None:
    """Its locks are mostly gone too soon to be seen: the report never says that no one waits."""
    block = "do $$ begin create index o on orders (total); commit; end $$;\n"
    branch.new(**{"002_block": (f"-- sqlmigrate: no-transaction\n{block}", "drop index concurrently o;\n")})

    lines = branch("review").stdout.splitlines()

    assert (lines[2], lines[4]) == ("⚠️ 002_block", "   waits   unknown")
    assert lines[3] in (
        "   lock    only partly measured: the file commits by itself",
        "   lock    SHARE on `orders`, for an instant",  # seen on a busy machine
    )


def test_a_base_that_does_not_build(branch: Branch) -> None:
    """The migration that broke is named with its place and why, and the ways on."""
    branch.merged(**{"002_wrong": ("create table a ();\nselect nothing;\n", None)})
    branch.new(**{"003_currency": CURRENCY})

    ended = branch("review")

    assert ended.code == 1
    assert ended.stderr.splitlines()[:2] == [
        (
            "error: the base cannot be built: 002_wrong of main fails in the throwaway database: "
            'column "nothing" does not exist'
        ),
        "  ──▶ sql/002_wrong.up.sql:2:8",
    ]
    assert branch("review", "--static").code == 0


def test_a_role_that_is_only_named_is_made(branch: Branch) -> None:
    """The review names it; what the migration grants to it is not a finding."""
    branch.new(
        **{"002_grant": ("grant select on orders to reporting_4711;\n", "revoke all on orders from reporting_4711;\n")}
    )

    ended = branch("review")

    assert (ended.code, "Roles created for the review: `reporting_4711`." in ended.stdout) == (0, True)


def test_no_repository(tmp_path: Path) -> None:
    """The message says so, and that files can be named."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "001_a.up.sql").write_text("select 1;")

    ended = Quick(tmp_path, {"CI": "true", "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})("review")

    assert ended.code == 2
    assert "git" in ended.stderr.splitlines()[0]


@pytest.mark.slow
def test_a_hostile_file_does_no_harm(branch: Branch, tmp_path: Path) -> None:
    """Programs, files, settings, other databases: each attempt fails, as a finding, and nothing is left of it."""
    loot = tmp_path / "loot"
    hostile = {
        "002_program": f"copy (select 1) to program 'touch {loot}';\n",
        "003_file": f"copy (select 1) to '{loot}';\n",
        "004_read": "select pg_read_file('/etc/passwd');\n",
        "005_system": "alter system set work_mem = '1GB';\n",
        "006_super": "alter role sqlmigrate_review superuser;\n",
        "007_database": "drop database postgres;\n",
        "008_owned": "drop owned by current_user cascade;\n",
    }
    branch.new(**{label: (text, None) for label, text in hostile.items()})

    found = [each for each in findings(branch("review", "--format", "json")) if each[1] != "down-missing"]

    assert not loot.exists()
    refused = {
        version for version, rule in found if rule in ("needs-more-rights", "statement-fails", "not-in-transaction")
    }
    assert refused >= {"002", "003", "004", "005", "006", "007"}
    branch.new(**dict.fromkeys(hostile, ("select 1;\n", None)))
    assert {rule for _, rule in findings(branch("review", "--format", "json"))} == {"down-missing"}


@pytest.fixture
def slow(branch: Branch) -> Iterator[subprocess.Popen[bytes]]:
    """A review in mid-statement."""
    branch.new(**{"002_slow": ("select pg_sleep(60);\n", None)})
    branch("review", "--static")  # the folder of the shadow is there
    process = children.start(
        branch.command("review"),
        cwd=branch.root,
        env=branch.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until(lambda: _sleeps(branch))
    yield process
    process.kill()
    process.communicate()


def _sleeps(branch: Branch) -> bool:
    """Tell whether a server of these tests executes a statement for the owner of a review."""
    sleeping = "select 1 from pg_stat_activity where usename = 'sqlmigrate_review' and query like 'select pg_sleep%'"
    for password in (*branch.cache.glob("shadow-*/password"), *branch.cache.glob("shadow-*/elsewhere/password")):
        cluster = Cluster(password.parent.resolve())
        if cluster.is_ready():
            with psycopg.connect(make_conninfo(cluster.url(), password=password.read_text())) as conn:
                if conn.execute(f"{sleeping} and state = 'active'").fetchone():
                    return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_review_leaves_nothing(
    number: signal.Signals, slow: subprocess.Popen[bytes], branch: Branch
) -> None:
    """It ends with the signal's code, and its statement with it."""
    slow.send_signal(number)
    slow.communicate()

    assert slow.returncode == 128 + number
    assert not _sleeps(branch)


def test_a_killed_review_is_not_in_the_way_of_the_next(slow: subprocess.Popen[bytes], branch: Branch) -> None:
    """What it leaves behind is removed by the next one."""
    slow.kill()
    slow.communicate()
    (branch.root / "sql" / "002_slow.up.sql").write_text("select 1;\n")

    assert branch("review").code == 0


def test_a_folder_that_was_copied(branch: Branch, tmp_path: Path) -> None:
    """A cache of CI restores the shadow with another owner: it is made again."""
    branch.new(**{"002_currency": CURRENCY})
    branch("review")
    shutil.copytree(branch.cache, tmp_path / "copied", symlinks=True)
    branch.cache = tmp_path / "copied"
    (branch.root / ".sqlmigrate").unlink()

    assert branch("review").code == 0


def test_two_reviews_at_once(branch: Branch) -> None:
    """Each gets a server of its own."""
    branch.new(**{"002_currency": CURRENCY})
    branch("review", "--static")

    with ThreadPoolExecutor() as pool:
        both = [pool.submit(branch, "review") for _ in range(2)]

    assert [ended.result().code for ended in both] == [0, 0]


# -- what is delivered -------------------------------------------------------------------------------------------------


def test_the_hooks_name_commands_that_there_are() -> None:
    """Each hook of .pre-commit-hooks.yaml calls a command of ours."""
    text = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"^  entry: sqlmigrate (\w+)$", text, re.MULTILINE)

    assert entries == ["verify", "review"]
    for entry in entries:
        asked = [sys.executable, "-m", "sqlmigrate", entry, "--help"]
        assert children.run(asked, capture_output=True, env=os.environ).returncode == 0

"""The example `docs/examples/shop/`: its Makefile, its workflow files, its image and its job do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path

import children
import psycopg
import pytest
from documents import ROOT
from git_repository import Repository
from postgres_servers import Server

SHOP = ROOT / "docs" / "examples" / "shop"
GITHUB = (SHOP / ".github" / "workflows" / "database.yml").read_text(encoding="utf-8")
DRIFT = (SHOP / ".github" / "workflows" / "drift.yml").read_text(encoding="utf-8")
FLEET = (SHOP / ".github" / "workflows" / "fleet.yml").read_text(encoding="utf-8")
GITLAB = (SHOP / ".gitlab-ci.yml").read_text(encoding="utf-8")

# Commands of the workflow files that are not run, each with its reason.
NOT_RUN = {
    "pip install sqlmigrate-pg": "needs the index; tests/test_packaging.py builds and installs the wheel",
    "pip install 'sqlmigrate-pg[embedded]'": "needs the index; tests/test_packaging.py builds and installs the wheel",
}


class Checkout:
    """A copy of the example in a repository, on the branch `change`, with the program on the path."""

    def __init__(self, root: Path, database: str, cache: Path) -> None:
        self.root = root
        shutil.copytree(SHOP, root)
        (root / ".sqlmigrate").symlink_to(cache)
        self.repository = Repository(root, root.with_name("home")).init()
        self.repository.commit()
        self.repository.git("checkout", "-q", "-B", "main")
        self.repository.git("checkout", "-q", "-B", "change")
        programs = root.with_name("bin")
        programs.mkdir()
        self.program = programs / "sqlmigrate"
        self.program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sqlmigrate "$@"\n', encoding="utf-8")
        self.program.chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**self.repository.environment, "DATABASE_URL": database, "PATH": path}

    def __call__(self, command: str, *without: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a line in a shell; variables may be added, or left out by their names."""
        given = {name: value for name, value in {**self.environment, **environment}.items() if name not in without}
        return children.run(
            ["bash", "-e", "-c", command], cwd=self.root, env=given, capture_output=True, encoding="utf-8",
        )  # fmt: skip

    def add_phone(self) -> None:
        """Add a migration on the branch, as the Makefile does it."""
        assert self('make create name="add phone"', SQLMIGRATE=str(self.program)).returncode == 0
        for direction, what in (("up", "add column phone text"), ("down", "drop column phone")):
            with (self.root / "sql" / f"007_add_phone.{direction}.sql").open("a", encoding="utf-8") as file:
                file.write(f"alter table customers {what};\n")
        assert self("sqlmigrate schema").returncode == 0
        self.repository.commit()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the servers of reviews, shared by all tests, so that they are made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shop(tmp_path: Path, database: str, cache: Path) -> Checkout:
    return Checkout(tmp_path / "my shop", database, cache)


def _steps(text: str, job: str) -> list[str]:
    """Return the commands of a job, of either service, in their order and without comments."""
    start = re.search(rf"^(?P<indent> *){job}:\n", text, re.MULTILINE)
    assert start is not None
    body = re.split(rf"^{start['indent']}\S", text[start.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^ *(?:- )?run: (.+)$", body, re.MULTILINE)
    if script := re.search(r"^  script:\n((?:    - .+\n)+)", body, re.MULTILINE):
        found += re.findall(r"^    - (.+)$", script[1], re.MULTILINE)
    return [re.sub(r"\s+#.*", "", command).strip() for command in found]


def _run(shop: Checkout, text: str, job: str, *without: str, **environment: str) -> dict[str, str]:
    """Run a job's commands and return what each wrote to stdout; every one must end well."""
    outputs = {}
    for command in _steps(text, job):
        if command not in NOT_RUN:
            ended = shop(command, *without, CI="true", **environment)
            assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
            outputs[command] = ended.stdout
    return outputs


@pytest.mark.slow
def test_make(shop: Checkout) -> None:
    """Each target does what its line in the Makefile says, on a real server."""
    make = {"SQLMIGRATE": str(shop.program)}

    assert shop("make migrate", **make).stdout.endswith("\n6 executed\n")
    assert "Total: 6 | Executed: 6 | Pending: 0" in shop("make status", **make).stdout
    assert shop("make verify", **make).returncode == 0
    assert "006_create_order_totals" in shop("make down", **make).stdout
    assert "Total: 6 | Executed: 5 | Pending: 1" in shop("make status", **make).stdout
    shop.add_phone()
    assert "007_add_phone" in shop("make review", **make).stdout
    written = shop.root / "schema.sql"
    written.write_text("\n".join(written.read_text(encoding="utf-8").splitlines()[:2]), encoding="utf-8")
    assert shop("make schema", **make).stdout.startswith("✅ schema.sql written again: ")
    listed = re.findall(r"^  make (\w+)", shop("make", **make).stdout, re.MULTILINE)
    assert listed == ["help", "migrate", "status", "down", "create", "verify", "review", "schema"]


def test_the_schema_is_what_the_migrations_make(shop: Checkout) -> None:
    """`schema --check` finds no difference."""
    ended = shop("sqlmigrate schema --check", "DATABASE_URL")

    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_migrations_go_up_and_down(shop: Checkout, database: str) -> None:
    """With rows in the tables: old orders are marked as sent in parts, and the way down leaves nothing."""
    assert shop("sqlmigrate up --to 3").returncode == 0
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("insert into customers (email, name) values ('ann@example.org', 'Ann')")
        conn.execute(
            "insert into orders (customer_id, ordered_at) select 1, '2025-05-05' from generate_series(1, 12000)"
        )
        conn.execute("insert into orders (customer_id) values (1)")

        assert shop("sqlmigrate up").returncode == 0
        assert dict(conn.execute("select state, count(*) from orders group by state").fetchall()) == {
            "sent": 12000,
            "new": 1,
        }
        assert shop("sqlmigrate down --all --yes").returncode == 0
        left = conn.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
        )
        assert sorted(left.fetchall()) == [("migrations",), ("migrations_log",), ("migrations_schema",)]


def test_a_review_of_the_example_finds_nothing(shop: Checkout) -> None:
    """What the example shows is what a review recommends: each migration after the first blocks nothing."""
    files = " ".join(f"sql/{path.name}" for path in sorted((SHOP / "sql").glob("00[2-6]*.up.sql")))

    ended = shop(f"sqlmigrate review --postgres 18 --format json --fail-on warning {files}", "DATABASE_URL")

    review = json.loads(ended.stdout)
    found = [finding["rule"] for each in review["migrations"] for finding in each["findings"] if not finding["allowed"]]
    assert (ended.returncode, found, review["findings"]) == (0, [], [])


@pytest.mark.slow
def test_the_workflow_for_github(shop: Checkout, tmp_path: Path) -> None:
    """A pull request gets annotations and a summary, and a push to main is executed."""
    shop.add_phone()
    summary = tmp_path / "summary.md"

    said = _run(
        shop, GITHUB, "review", "DATABASE_URL", GITHUB_ACTIONS="true", GITHUB_BASE_REF="main",
        GITHUB_STEP_SUMMARY=str(summary),
    )  # fmt: skip
    assert "7 migrations" in said["sqlmigrate verify"]
    assert "007_add_phone" in summary.read_text(encoding="utf-8")

    assert _run(shop, GITHUB, "migrate")["sqlmigrate up"].endswith("\n7 executed\n")


@pytest.mark.slow
def test_the_workflow_for_gitlab(shop: Checkout) -> None:
    """A merge request gets a code quality report and a page, and a push to the default branch is executed."""
    shop.add_phone()

    _run(shop, GITLAB, "review", "DATABASE_URL", CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main")
    assert isinstance(json.loads((shop.root / "review.json").read_text(encoding="utf-8")), list)
    assert "007_add_phone" in (shop.root / "review.html").read_text(encoding="utf-8")

    assert _run(shop, GITLAB, "migrate")["sqlmigrate up"].endswith("\n7 executed\n")


def test_the_workflow_for_many_databases(shop: Checkout, postgres: Server) -> None:
    """Canaries are executed first; where one of the others fails, its job fails, and called again it goes on."""
    with ExitStack() as stack:
        urls = [stack.enter_context(postgres.database()) for _ in range(3)]
        _fleet_job(shop, urls)


def _fleet_job(shop: Checkout, urls: list[str]) -> None:
    lines = [f"shop_{number} {url}" for number, url in enumerate(urls)]
    (shop.root / "customers.txt").write_text("\n".join([f"{lines[0]} @canary", *lines[1:]]), encoding="utf-8")
    up, *_, check = _steps(FLEET, "others")[1:]

    canaries = _run(shop, FLEET, "canaries")[_steps(FLEET, "canaries")[-1]]
    assert canaries.splitlines()[0] == "1 target: 1 needs 001 to 006"
    with psycopg.connect(urls[2], autocommit=True) as conn:
        conn.execute("create table orders ()")
        left_out = shop(up, CI="true")
        assert left_out.returncode == 1
        assert "this database has a table, orders, already, and no history" in left_out.stderr
        assert shop(check, CI="true").returncode == 3
        assert "shop_2" in (shop.root / "fleet.html").read_text(encoding="utf-8")
        conn.execute("drop table orders")
    assert _run(shop, FLEET, "others")[up].splitlines()[0] == "3 targets: 1 needs 001 to 006, 2 up to date"


# Stands for the program of GitHub: its only issue is a file, which exists as long as the issue is open.
GH = """\
#!/bin/bash
echo "gh $1 $2" >> calls
case "$2" in
  list) if [ -e issue ]; then echo 7; fi ;;
  create) cp "${@: -1}" issue ;;
  edit) cp "${@: -1}" issue ;;
  comment) cp "${@: -1}" comment ;;
  close) rm issue ;;
esac
"""


class Weekly:
    """The weekly job in a checkout, with an issue instead of GitHub."""

    def __init__(self, shop: Checkout) -> None:
        self.shop = shop
        self.look, self.tell = (
            textwrap.dedent(each) for each in re.findall(r"^        run: \|\n((?: {10}.*\n)+)", DRIFT, re.MULTILINE)
        )
        (condition,) = re.findall(r"^        if: (.*)$", DRIFT, re.MULTILINE)
        self.codes = re.findall(r"outputs.code == '(\d)'", condition)
        gh = shop.program.with_name("gh")
        gh.write_text(GH, encoding="utf-8")
        gh.chmod(0o755)

    def __call__(self, **environment: str) -> tuple[int, list[str]]:
        """Run the job once; gives its exit code, and what it has asked of GitHub."""
        files = {name: str(self.shop.root / name.lower()) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        calls = self.shop.root / "calls"
        calls.write_text("", encoding="utf-8")
        code = self.shop(self.look, **files, **environment).returncode
        if str(code) in self.codes:
            assert f"code={code}\n" in Path(files["GITHUB_OUTPUT"]).read_text(encoding="utf-8")
            told = self.shop(self.tell, CODE=str(code), TITLE="Drift in production")
            assert (told.returncode, told.stderr) == (0, "")
        return code, calls.read_text(encoding="utf-8").splitlines()

    @property
    def issue(self) -> str | None:
        """The first line of the open issue that can be seen."""
        path = self.shop.root / "issue"
        return path.read_text(encoding="utf-8").splitlines()[1] if path.exists() else None


def test_the_weekly_look_for_drift(shop: Checkout, database: str) -> None:
    """It keeps one issue open as long as there is drift; where it could not look, it fails and leaves the issue."""
    weekly = Weekly(shop)
    assert weekly() == (3, [])  # no history yet
    assert shop("sqlmigrate up").returncode == 0
    assert weekly() == (0, ["gh issue list"])

    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("create table by_hand ()")
        assert weekly() == (1, ["gh issue list", "gh issue create"])
        assert weekly.issue == "### ⚠️ 1 object differs: 1 left over"
        conn.execute("create table more ()")
        assert weekly() == (1, ["gh issue list", "gh issue edit"])
        assert weekly.issue == "### ⚠️ 2 objects differ: 2 left over"

        assert weekly(DATABASE_URL="") == (2, [])
        assert weekly(DATABASE_URL="postgresql://127.0.0.1:1/shop") == (5, [])
        assert weekly(PATH=f"{shop.root}:/usr/bin:/bin") == (127, [])
        assert weekly.issue == "### ⚠️ 2 objects differ: 2 left over"

        conn.execute("drop table by_hand, more")
    assert weekly() == (0, ["gh issue list", "gh issue comment", "gh issue close"])
    assert weekly.issue is None


def test_a_forgotten_secret_fails_the_deployment(shop: Checkout) -> None:
    """A workflow in which DATABASE_URL is empty does not pass as a deployment."""
    for value in ("", " "):
        assert shop("sqlmigrate up", CI="true", DATABASE_URL=value).returncode == 2


def test_every_reason_is_needed() -> None:
    """A command that is left out stands in a workflow file."""
    steps = {step for text in (GITHUB, GITLAB) for job in ("review", "migrate") for step in _steps(text, job)}

    assert set(NOT_RUN) - steps == set()


def test_the_image_calls_the_program(shop: Checkout) -> None:
    """The command of the Dockerfile, run in a folder with `sql`, executes the migrations; in it `CI` is set."""
    text = (SHOP / "Dockerfile").read_text(encoding="utf-8")
    entry = json.loads(re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[0])
    default = json.loads(re.findall(r"^CMD (.*)$", text, re.MULTILINE)[0])
    (variables,) = re.findall(r"^ENV (\w+)=(\w+)$", text, re.MULTILINE)

    command = " ".join([*entry, *default])
    assert shop(command, **dict([variables])).stdout.endswith("\n6 executed\n")
    assert shop(command, "DATABASE_URL", **dict([variables])).returncode == 2

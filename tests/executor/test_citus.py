"""Migrations on the coordinator of a Citus cluster, with an ordinary history and with one that Citus distributes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TypeGuard

import psycopg
import pytest
from citus_cluster import Cluster
from pgbouncer import bouncer_of
from project import Project, failure, finished, succeeded, told
from psycopg.conninfo import make_conninfo

from sqlmigrate.errors import Kind, ServerError
from sqlmigrate.executor.events import Blocked, Event, Failed, Noted, NotTried, Progress, Recovered
from sqlmigrate.files.folder import load
from sqlmigrate.operations import repair as repairing
from sqlmigrate.output import progress_lines
from sqlmigrate.plan.plan import Limits

ALONE = "-- sqlmigrate: no-transaction\n"
ADS = "create table ads (id bigint primary key, kind int);\nselect create_distributed_table('ads', 'id');\n"
SEQUENTIAL = "set local citus.multi_shard_modify_mode to 'sequential';\n"
DROP_ADS = "drop table ads;"


def ordinary(cluster: Cluster) -> str:
    return cluster.url


def in_a_distributed_schema(cluster: Cluster) -> str:
    with psycopg.connect(cluster.url, autocommit=True) as conn:
        conn.execute("set citus.enable_schema_based_sharding to on; create schema tenant")
    return make_conninfo(cluster.url, options="-csearch_path=tenant")


def managed(cluster: Cluster) -> str:
    with psycopg.connect(cluster.url, autocommit=True) as conn:
        conn.execute(f"alter database {conn.info.dbname} set citus.use_citus_managed_tables to on")
    return cluster.url


@pytest.fixture
def plain(tmp_path: Path, citus: Cluster) -> Project:
    """A project with an ordinary history on the coordinator."""
    return Project(tmp_path / "sql", citus.url)


@pytest.fixture(params=[ordinary, in_a_distributed_schema, managed], ids=lambda place: place.__name__)
def project(request: pytest.FixtureRequest, tmp_path: Path, citus: Cluster) -> Project:  # the one of this module
    """A project for each kind of history in turn."""
    place: Callable[[Cluster], str] = request.param
    return Project(tmp_path / "sql", place(citus))


@pytest.fixture(params=[in_a_distributed_schema, managed], ids=lambda place: place.__name__)
def distributed(request: pytest.FixtureRequest, tmp_path: Path, citus: Cluster) -> Project:
    """A project for each kind of history that Citus distributes."""
    place: Callable[[Cluster], str] = request.param
    return Project(tmp_path / "sql", place(citus))


def left(project: Project) -> list[str]:
    """Name what is prepared on some node, and not ended."""
    return [gid for (gid,) in project.query("select gid from pg_prepared_xacts")]


# -- the history -------------------------------------------------------------------------------------------------------


def test_a_life(project: Project) -> None:
    """Up, dry run, verify, down, a file without a transaction, up again: the history agrees with the files."""
    project.add("001_a", "create table a (id int primary key);", "drop table a;")
    project.add("002_b", "alter table a add k int;\ninsert into a values (1);", "alter table a drop k;")
    project.add("003_c", "create index concurrently a_k on a (k);", "drop index concurrently a_k;")
    project.add("004_d", f"{ALONE}insert into a values (2);\nvacuum a;", f"{ALONE}delete from a where id = 2;")
    labels = ["001_a", "002_b", "003_c", "004_d"]

    tried = project.up(dry_run=True)
    assert (finished(tried), [each.step.label for each in tried if isinstance(each, NotTried)]) == (
        labels[:2],
        labels[2:],
    )
    assert succeeded(project.up()) == labels
    assert project.recorded() == [(version, "executed") for version in ("001", "002", "003", "004")]
    assert project.call("verify").code == 0
    assert project.call("drift").code == 0
    assert succeeded(project.down(all=True)) == labels[::-1]
    assert project.recorded() == []
    assert succeeded(project.up()) == labels
    assert [action for action, _ in project.logged()] == ["up"] * 4 + ["down"] * 4 + ["up"] * 4


def test_snapshots(project: Project) -> None:
    """One is taken after each run, also if the run has changed no schema; what is changed by hand is found."""
    events = project.add("001_a", "create table a (id int);").up()
    events += project.add("002_b", "insert into a values (1);", "delete from a;").up()
    events += project.down()
    assert not [each for each in events if isinstance(each, Noted)]
    assert project.call("drift").code == 0

    project.execute("alter table a add k int")
    assert "k" in project.call("drift").stdout
    project.call("drift", "--accept", "--yes")
    assert project.call("drift").code == 0


def test_a_failure(project: Project) -> None:
    """A file that fails, and those behind it that were sent already, leave nothing; it is recorded, and mended."""
    project.add("001_a", "create table a (id int);", "drop table a;").add("002_b", "select 1 / 0;", "select 1;")
    for number in range(3, 9):
        project.add(f"{number:03}_c", f"create table c{number} ();", f"drop table c{number};")

    assert failure(project.up()).error.message == "division by zero"
    assert project.recorded() == [("001", "executed"), ("002", "failed")]

    assert len(succeeded(project.add("002_b", "select 1;").up())) == 7
    project.add("005_c", "drop table c5;", "drop table nothing;")
    project.call("repair", "005", "--yes")
    assert failure(project.down(all=True)).step.label == "005_c"
    assert project.recorded()[-1] == ("005", "executed")
    assert project.logged()[-1] == ("failure", "005")


def test_a_row_that_the_file_spoils(project: Project) -> None:
    """A file that deletes its own row, or ends its transaction, is not executed."""
    project.add("001_a", "create table a ();").up()
    project.add("002_b", "delete from migrations where version = '002';")
    assert "something in the file deletes its row" in failure(project.up()).error.message

    project.add("002_b", "update migrations set status = 'failed' where version = '002';")
    assert "something in the file changes its row" in failure(project.up()).error.message


def test_a_transaction_that_is_ended_by_the_file(project: Project) -> None:
    """A row that another transaction has begun is not completed."""
    project.add("001_a", "create table a (id int);").up()
    end = "create or replace function pg_temp.none() returns int language sql as 'select 1';\n"
    project.add("002_b", f"{end}insert into a values (1);\nupdate migrations set error = 'mine' where version = '002';")

    failed = failure(project.up())

    assert project.value("select count(*) from a") == 0
    assert "its row in the history" in failed.error.message
    assert failed.error.kind is not Kind.TRANSACTION_ENDED


STOPPED = f"{ALONE}insert into a values (1);\nselect nothing;\ninsert into a values (2);"
STOPPED_DOWN = f"{ALONE}delete from a where id = 1;\nselect nothing;\ndelete from a where id = 2;"
STAYS = ("statement 1 is executed and stays",)


def mended(text: str) -> str:
    return text.replace("nothing", "1")


def test_resume(project: Project) -> None:
    """A file without a transaction goes on where it stopped."""
    project.add("001_a", "create table a (id int);").add("002_b", STOPPED)
    assert failure(project.up()).kept == STAYS
    assert project.states()["002_b"] == "failed"

    assert succeeded(project.add("002_b", mended(STOPPED)).up()) == ["002_b"]

    assert project.query("select id from a order by id") == [(1,), (2,)]


def test_resume_of_a_down(project: Project) -> None:
    """A down goes on as well; what was undone in part and brought back by hand is counted as executed."""
    project.add("001_a", "create table a (id int);").add("002_b", mended(STOPPED), STOPPED_DOWN).up()
    assert failure(project.down()).kept == STAYS
    project.execute("insert into a values (1)")
    assert project.call("repair", "002", "--yes").code == 0
    assert project.states()["002_b"] == "executed"

    assert failure(project.down()).kept == STAYS
    assert succeeded(project.add("002_b", mended(STOPPED), mended(STOPPED_DOWN)).down()) == ["002_b"]

    assert project.value("select count(*) from a") == 0
    assert project.recorded() == [("001", "executed")]


def test_repair_and_baseline(project: Project) -> None:
    """What changes the history without executing anything."""
    project.add_tables("a", "b", "c")
    assert [row.label for row in repairing.baseline(project.url, load(project.folder), "002")[1]] == ["001_a", "002_b"]
    project.add("002_b", "select 2;")
    row, _ = repairing.repairable(project.url, load(project.folder), "002")
    repairing.repair(project.url, row)

    assert project.recorded() == [("001", "baseline"), ("002", "baseline")]
    assert succeeded(project.up()) == ["003_c"]


def test_an_older_history(project: Project) -> None:
    """Tables that an older version has created are brought up to date on all nodes."""
    project.add("001_a", "select 1;", "select 1;").up()
    project.execute("alter table migrations_log drop column run")
    project.execute("alter table migrations rename column unfinished to making")
    project.add("002_b", f"{ALONE}select 1;", f"{ALONE}select 1;")

    assert succeeded(project.up()) == ["002_b"]
    assert project.value("select count(*) from migrations_log where run is not null") == 1
    assert succeeded(project.down(all=True)) == ["002_b", "001_a"]


def test_a_squashed_migration(project: Project) -> None:
    """The rows of what it replaces become one row."""
    project.add("001_a", "create table a (id int);", "drop table a;").add("002_b", "alter table a add k int;").up()
    assert project.call("squash", "002", "--yes").code == 0

    assert project.call("up").code == 0

    assert project.recorded() == [("002", "executed")]
    assert project.logged()[-1] == ("fold", "002")


def test_adopt(tmp_path: Path, citus: Cluster) -> None:
    """A distributed history of another tool is taken over, and given back. It cannot refuse writes, which is said."""
    distributed = Project(tmp_path / "sql", in_a_distributed_schema(citus))
    distributed.execute("create table schema_migrations (version varchar(128) primary key)")
    distributed.execute("insert into schema_migrations values ('20240101000000')")
    folder = distributed.folder.parent / "db" / "migrations"
    folder.mkdir(parents=True)
    (folder / "20240101000000_z.sql").write_text("-- migrate:up\nselect 1;\n-- migrate:down\nselect 2;\n")

    assert distributed.call("adopt", "--write", "--yes").code == 0
    refusal = distributed.call("adopt", "--finish", "--yes")
    assert distributed.recorded() == [("20240101000000", "executed")]
    assert distributed.call("adopt", "--undo", "--yes").code == 0

    assert "Citus lets no trigger refuse the writes" in refusal.stderr
    assert "psql: revoke insert, update, delete, truncate on" in refusal.stderr
    assert distributed.query("select to_regclass('migrations')") == [(None,)]


def test_a_file_that_distributes_the_history(plain: Project) -> None:
    """Its own row is completed on a worker, and so are those of the next files."""
    plain.execute("create schema shop")
    shop = plain.at(make_conninfo(plain.url, options="-csearch_path=shop"))
    shop.add("001_a", "create table a (id int primary key);")
    shop.add("002_b", "select citus_schema_distribute('shop');")
    shop.add("003_c", "alter table a add k int;")

    assert succeeded(shop.up()) == ["001_a", "002_b", "003_c"]
    assert shop.recorded() == [("001", "executed"), ("002", "executed"), ("003", "executed")]


# -- which node --------------------------------------------------------------------------------------------------------

WRITING = {
    "up": ("up",),
    "down": ("down", "--yes"),
    "dry run": ("up", "--dry-run"),
    "repair": ("repair", "001", "--yes"),
    "baseline": ("baseline", "001"),
    "drift": ("drift", "--accept"),
}


@pytest.mark.parametrize("command", [*WRITING.values(), ("status",), ("verify",), ("log",)], ids=" ".join)
def test_a_worker_is_refused(command: tuple[str, ...], plain: Project, citus: Cluster) -> None:
    """Before anything is written, and with the address of the coordinator; what looks would show an empty history."""
    plain.add_tables("a").up()
    worker = plain.at(citus.workers[0])
    before = worker.query("select count(*), max(oid::bigint) from pg_class")

    ended = worker.call(*command)

    assert ended.code == (3 if command[0] == "drift" else 1)
    assert "is a worker of a Citus cluster" in ended.stderr
    with psycopg.connect(citus.url) as conn:
        assert f"connect to the coordinator, {conn.info.host}:{conn.info.port}" in ended.stderr
    assert worker.query("select count(*), max(oid::bigint) from pg_class") == before


def test_a_worker_shows_a_distributed_history(distributed: Project, citus: Cluster) -> None:
    """`status` of a worker is the one of the cluster; `up` is refused there."""
    distributed.add_tables("a").up()
    options = {} if "options" not in distributed.url else {"options": "-csearch_path=tenant"}
    worker = distributed.at(make_conninfo(citus.workers[0], **options))

    assert worker.states() == {"001_a": "executed"}
    with pytest.raises(ServerError, match="is a worker"):
        worker.add("002_b", "select 1;").up()


def test_a_distributed_history_needs_a_direct_connection(distributed: Project, pgbouncer: str, citus: Cluster) -> None:
    """Without `xmin`, requests that arrive after a lost connection could not be kept from doing their work."""
    distributed.add_tables("a")
    with bouncer_of(pgbouncer, citus.url, "transaction", "ignore_startup_parameters = options") as pool:
        name = f"--table={'tenant' if 'options' in distributed.url else 'public'}.migrations"
        pooled = distributed.at(pool + distributed.value("select current_database()"))
        first = pooled.call("up", name)
        distributed.up()
        second = pooled.add("002_b", "select 1;").call("up", name)
        assert pooled.call("status", name).code == 0

    assert "Citus would distribute the history" in first.stderr
    assert "Citus distributes the history" in second.stderr
    assert distributed.recorded() == [("001", "executed")]


def test_an_ordinary_history_needs_none(plain: Project, pgbouncer: str, citus: Cluster) -> None:
    """Through a pooler that shares sessions, up and down are executed, and a failure is recorded."""
    with bouncer_of(pgbouncer, citus.url, "transaction") as pool:
        pooled = plain.at(pool + plain.value("select current_database()"))
        pooled.add("001_ads", ADS, DROP_ADS).add("002_b", "select 1 / 0;")
        assert failure(pooled.up()).step.label == "002_b"
        assert len(succeeded(pooled.add("002_b", "select 1;", "select 1;").up())) == 1
        assert succeeded(pooled.down(all=True)) == ["002_b", "001_ads"]


# -- locks on workers --------------------------------------------------------------------------------------------------


class Reader:
    """A session that has read a table over a worker, in a transaction that is still open."""

    def __init__(self, url: str, table: str) -> None:
        self.conn = psycopg.connect(url, application_name="nightly report")
        self.conn.execute(f"select count(*) from {table}")
        self.pid = self.conn.info.backend_pid

    def close(self) -> None:
        self.conn.close()


@pytest.fixture
def ads(plain: Project) -> Project:
    plain.add("001_ads", ADS, DROP_ADS).up()
    plain.execute("insert into ads select n, n % 7 from generate_series(1, 1000) n")
    return plain


@pytest.fixture
def reader(ads: Project, citus: Cluster) -> Iterator[Reader]:
    """Reads the table `ads` over the first worker."""
    assert ads.url == citus.url
    with closing(Reader(citus.workers[0], "ads")) as reading:
        yield reading


@pytest.mark.parametrize("before", ["", ALONE], ids=["in a transaction", "without"])
def test_the_wait_for_a_lock_on_a_worker_is_bounded(before: str, ads: Project, reader: Reader) -> None:
    """The coordinator does not see that lock. After `lock_timeout` the file is rolled back, and tried again."""
    ads.add("002_b", f"{before}alter table ads add k int;")
    events: list[Event] = []
    for event in ads.running_up(limits=Limits(lock_timeout="200ms", lock_retries=1), tick=0.02):
        events.append(event)
        if isinstance(event, Blocked):
            reader.close()

    assert [each.message for each in events if isinstance(each, Blocked)] == ["canceling statement due to lock timeout"]
    assert finished(events) == ["002_b"]


def test_a_blocker_on_a_worker_is_named(ads: Project, reader: Reader, citus: Cluster) -> None:
    """With its node, what it does, and the command that ends it, to be executed on the coordinator."""
    ads.add("002_b", "alter table ads add k int;")
    seen: list[Progress] = []
    for event in ads.running_up(limits=Limits(lock_timeout="1min"), tick=0.1):
        if isinstance(event, Progress) and event.activity.blockers and not seen:
            seen.append(event)
            (blocker,) = event.activity.blockers
            with psycopg.connect(citus.workers[0]) as conn:
                assert (blocker.pid, blocker.node) == (reader.pid, f"{conn.info.host}:{conn.info.port}")
            *_, command = blocker.ending
            ads.execute(command)

    said = progress_lines.live(seen[0], 300)
    assert f"waits for nightly report (process {reader.pid}), a lock on a worker, idle in transaction" in said
    assert ads.states()["002_b"] == "executed"


SETTINGS = (
    "create table {} as select current_setting('lock_timeout') as a, current_setting('work_mem') as b from ads limit 1;"
)


def test_a_prepared_transaction_on_a_worker(ads: Project, citus: Cluster) -> None:
    """It has no session to be named, so the failure says how such transactions are ended."""
    ads.add("002_b", "alter table ads add k int;")
    with psycopg.connect(citus.workers[0], autocommit=True) as conn:
        shards = "select shard_name from citus_shards where table_name = 'ads'::regclass and nodeport = %s"
        shard, *_ = ads.query(shards, conn.info.port)
        conn.execute("begin")
        conn.execute(f"select count(*) from {shard[0]}".encode())
        conn.execute("prepare transaction 'left behind'")
        failed = failure(ads.up(limits=Limits(lock_timeout="100ms", lock_retries=0)))
        conn.execute("rollback prepared 'left behind'")

    assert failed.error.detail[-2:] == (
        "no session was seen in the way; a prepared transaction on a worker may be, until it is ended:",
        "select recover_prepared_transactions();",
    )
    assert succeeded(ads.up()) == ["002_b"]


def test_settings_of_the_file_are_its_own(ads: Project) -> None:
    """Our bound reaches the workers, and so does a lock_timeout of the file; its other settings do not."""
    sets = "set local work_mem to '7MB';\n"
    ads.add("002_b", f"{sets}{SETTINGS.format('ours')}\nset local lock_timeout to '7s';\n{SETTINGS.format('its_own')}")
    usual = ads.value("show work_mem")

    assert succeeded(ads.up(limits=Limits(lock_timeout="3s"))) == ["002_b"]

    assert ads.query("table ours") == [("3s", usual)]
    assert ads.query("table its_own") == [("7s", usual)]


# -- indexes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def duplicate(ads: Project) -> Project:
    """002_index failed on the shard that has the same number twice."""
    ads.execute("insert into ads values (5000, 1), (5001, 1)")
    ads.add("002_index", "create unique index concurrently ads_once\n  on ads (id, (kind / (id - 5000)));")
    return ads


def test_an_index_that_failed_on_one_shard_heals(duplicate: Project) -> None:
    """The next `up` drops what is left of it on the shards, and builds it again."""
    failed = failure(duplicate.up())
    assert failed.error.message == "division by zero"
    assert "the next up drops it and builds it again" in failed.kept[0]

    duplicate.execute("delete from ads where id = 5000")
    events = duplicate.up()

    assert finished(events) == ["002_index"]
    assert any(isinstance(each, Recovered) for each in events)
    assert duplicate.value("select indisvalid from pg_index where indexrelid = 'ads_once'::regclass")


def test_a_mistake_that_citus_explains(ads: Project) -> None:
    """Its hint says what to write, so it is the file that has to be mended, not the server."""
    ads.add("002_b", "alter table ads add k int;\ncreate type mood as enum ('good');")

    error = failure(ads.up()).error

    assert error.sqlstate == "XX000"
    assert error.next_steps == ("fix the file, then: sqlmigrate up",)
    assert ads.add("002_b", f"{SEQUENTIAL}alter table ads add k int;\ncreate type mood as enum ('good');").up()
    assert ads.states()["002_b"] == "executed"


def test_the_caret_points_to_the_name_without_its_shard(ads: Project) -> None:
    """The worker names the index of the shard: `ads_kind_102008`."""
    ads.add("002_b", "alter table ads add constraint ads_positive\n  check (kind > 0);")

    error = failure(ads.up()).error

    print(told(error))
    assert error.span is not None
    assert error.span.text == "ads_positive"


# -- what is executed on workers ---------------------------------------------------------------------------------------

WAIT = """\
create function wait() returns trigger language plpgsql as
  'begin perform pg_advisory_xact_lock_shared(7); return null; end'"""
TRIGGER = (
    "create constraint trigger slow after insert on ads deferrable initially {} for each row execute function wait()"
)


@contextmanager
def held_up(project: Project, citus: Cluster, when: str) -> Iterator[None]:
    """Let an INSERT into `ads` wait on the workers: `immediate`ly, or, if `deferred`, in its COMMIT."""
    with project.connection() as conn:
        for each in ("set citus.enable_unsafe_triggers to on", WAIT, TRIGGER.format(when)):
            conn.execute(each)
    with ExitStack() as stack:
        for worker in citus.workers:
            holder = stack.enter_context(psycopg.connect(worker, autocommit=True, application_name="holder"))
            holder.execute("select pg_advisory_lock(7)")
        yield


def is_held_up(event: Event, *, in_commit: bool) -> TypeGuard[Progress]:
    if not isinstance(event, Progress):
        return False
    return bool(event.activity.blockers) and event.activity.is_commit == in_commit


IN_THE_WAY = {
    "a statement": ("", "immediate", "statement 2 of 2"),
    "deferred": ("", "deferred", "2 of 2 statements done"),
    "a COMMIT": (ALONE, "deferred", "statement 2 of 2"),
}


@pytest.mark.parametrize(("before", "when", "where"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_an_insert_that_waits_on_the_workers(before: str, when: str, where: str, ads: Project, citus: Cluster) -> None:
    """Whom it waits for is said, and if it is a COMMIT that waits. Ctrl-C leaves nothing of the statement."""
    ads.add("002_b", f"{before}create table b (id int);\ninsert into ads select generate_series(2000, 2010), 1;")
    with held_up(ads, citus, when):
        events = ads.running_up(tick=0.05, limits=Limits(lock_timeout="1min"))
        waiting = next(each for each in events if is_held_up(each, in_commit=when == "deferred"))
        assert isinstance(events, Generator)
        last = events.throw(KeyboardInterrupt)
        while not isinstance(last, Failed):  # the workers say what was cancelled
            last = next(events)
        with pytest.raises(KeyboardInterrupt):
            next(events)

    said = progress_lines.live(waiting, 300)
    print(said)
    assert where in said
    assert "waits for holder (process" in said
    assert "a lock on a worker" in said
    assert ads.recorded() == [("001", "executed"), ("002", "failed")]
    ads.query("select recover_prepared_transactions()")
    assert succeeded(ads.up()) == ["002_b"]
    assert ads.value("select count(*) from ads where id between 2000 and 2010") == 11

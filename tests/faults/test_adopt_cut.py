"""The connection is cut at messages of `adopt --write` and `--undo`: nothing is half taken over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cut import Cut, Side, after_each
from dbmate_project import TABLES, made
from postgres_servers import Server
from project import Project, Quick
from waiting import until

pytestmark = pytest.mark.slow

_OTHERS = """\
select count(*) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"""
WRITTEN = sorted(f"{label}.{way}.sql" for label in TABLES for way in ("up", "down"))
ADOPTED = ["1", "2"]
CONNECTIONS = (1, 2)  # the first looks, the second writes


def recorded(project: Project) -> list[str]:
    """Return the versions in the history of sqlmigrate; an empty list if the table does not exist."""
    with project.connection() as conn:
        until(lambda: conn.execute(_OTHERS).fetchone() == (0,))  # a cut session may still be committing
        (there,) = conn.execute("select to_regclass('migrations') is not null").fetchone() or (False,)
        return [version for (version,) in conn.execute("select version from migrations order by 1")] if there else []


def written(project: Project) -> list[str]:
    return sorted(path.name for path in project.folder.glob("*")) if project.folder.is_dir() else []


def tried(server: Server, folder: Path, command: list[str], connection: int, every: int) -> Iterator[tuple[Side, int]]:
    """Give the points of one connection of a command, after each `every`th message."""
    with server.database() as url:
        project = made(folder, url)
        if "--undo" in command:
            assert project.call("adopt", "--write").code == 0
        cut = Cut(url, connection=connection)
        with cut.listening() as through:
            assert Quick(folder, {"DATABASE_URL": through})(*command).code == 0
    shutil.rmtree(folder)
    yield from after_each(cut.counts, every)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_adopt_write_is_cut(connection: int, postgres: Server, tmp_path: Path) -> None:
    """Rows are there all or none, and never without their files; a second call ends as an undisturbed one."""
    command = ["adopt", "--write"]
    points = list(tried(postgres, tmp_path / "counted", command, connection, 9))
    for number, (side, after) in enumerate(points):
        with postgres.database() as url:
            folder = tmp_path / str(number)
            project = made(folder, url)
            with Cut(url, side, after, connection).listening() as through:
                Quick(folder, {"DATABASE_URL": through})(*command)
            assert recorded(project) in ([], ADOPTED), (side, after)
            assert not recorded(project) or written(project) == WRITTEN, (side, after)
            assert project.call(*command).code == 0, (side, after)
            assert (recorded(project), written(project)) == (ADOPTED, WRITTEN), (side, after)
            assert list(project.states().values()) == ["executed", "executed", "pending"]
    assert len(points) > 5


def test_adopt_undo_is_cut(postgres: Server, tmp_path: Path) -> None:
    """What was adopted is taken back whole or not at all; then files may be left, which a second `adopt` knows."""
    command = ["adopt", "--undo", "--yes"]
    points = list(tried(postgres, tmp_path / "counted", command, 1, 9))
    for number, (side, after) in enumerate(points):
        with postgres.database() as url:
            folder = tmp_path / str(number)
            project = made(folder, url)
            assert project.call("adopt", "--write").code == 0
            with Cut(url, side, after).listening() as through:
                Quick(folder, {"DATABASE_URL": through})(*command)
            assert recorded(project) in ([], ADOPTED), (side, after)
            if recorded(project):
                assert written(project) == WRITTEN, (side, after)
            assert project.call("adopt", "--write").code == 0, (side, after)
            assert (recorded(project), written(project)) == (ADOPTED, WRITTEN), (side, after)
    assert len(points) > 5

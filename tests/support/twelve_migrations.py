"""Twelve migrations that each tool executes in its own form, and the way from the tool to ours that each test goes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import database_dump
from in_process import Quick
from postgres_servers import Server
from project import Project, succeeded

_FUNCTION = """\
-- a body with statements
create function touch() returns trigger language plpgsql as $body$
begin
  new.body := coalesce(new.body, 'empty; so far');
  return new;
end
$body$;
"""


@dataclass(frozen=True)
class Step:
    """A migration: its name, what it does, what undoes it, and whether it runs in a transaction."""

    name: str
    up: str
    down: str
    has_transaction: bool = True


TWELVE = (
    Step("users", "create table users (id int primary key, note text default 'a;b');\n", "drop table users;\n"),
    Step(
        "posts",
        "-- the posts of a user\n"
        "create table posts (id int primary key, user_id int references users (id), body text);\n",
        "drop table posts;\n",
    ),
    Step("index", "create index concurrently posts_user on posts (user_id);\n", "drop index posts_user;\n", False),
    Step("touch", _FUNCTION, "drop function touch();\n"),
    Step(
        "trigger",
        "create trigger touches before insert on posts for each row execute function touch();\n",
        "drop trigger touches on posts;\n",
    ),
    Step("lines", "alter table posts\r\n  add column words int;\r\n", "alter table posts drop column words;\r\n"),
    Step(
        "quoted",
        'alter table users add column "semi;colon" int default 0;\n',
        'alter table users drop column "semi;colon";\n',
    ),
    Step("view", "create view titles as select id, body from posts;\n-- the end\n", "drop view titles;\n"),
    Step("comment", "comment on table posts is 'text; of a user'", "comment on table posts is null"),
    Step(
        "data",
        "insert into users (id) values (1);\ninsert into posts (id, user_id) values (1, 1);\n",
        "delete from posts;\ndelete from users;\n",
    ),
    Step("more", "update posts set words = 1;\n", "update posts set words = null;\n"),
    Step("later", "create table later (id int);\n", "drop table later;\n"),
)
EXECUTED = 11
_INDEX = Step("later", "create index concurrently later on posts (words);\n", "drop index later;\n", False)
WITHOUT_TRANSACTION_AT_LAST = (*TWELVE[:EXECUTED], _INDEX)


Execute = Callable[[Path, str, int | None], CompletedProcess[str]]


@dataclass(frozen=True)
class Folder:
    """A folder of another tool in a project, and the database that both tools use.

    Attributes:
        project: Our side.
        root: The folder of the project, in which the tool is called.
        server: The server, for dumps.
        execute: Has the tool execute that many migrations, or all; gets the folder, the URL and the number.
    """

    project: Project
    root: Path
    server: Server
    execute: Execute

    def run_tool(self, count: int | None = None) -> CompletedProcess[str]:
        """Call the tool."""
        return self.execute(self.root, self.project.url, count)

    @property
    def call(self) -> Quick:
        return Quick(self.root, {"DATABASE_URL": self.project.url})

    def adopt(self, *options: str) -> str:
        """Call `adopt` with success; gives what it said."""
        ended = self.call("adopt", *options)
        assert ended.code == 0, ended.stdout + ended.stderr
        return ended.stdout

    def schema(self) -> str:
        return database_dump.schema(self.server, self.project.url)

    def everything(self) -> str:
        return hashlib.sha256(database_dump.everything(self.server, self.project.url).encode()).hexdigest()

    def details(self) -> list[str]:
        """What the log says of the adopted migrations, each text once."""
        rows = self.project.query("select distinct detail from migrations_log where action = 'adopt' order by 1")
        return [detail for (detail,) in rows]


@contextmanager
def only_first(folder: Path, count: int | None) -> Iterator[None]:
    """Take the files after the first `count` away meanwhile: for tools that always execute all of them."""
    away = folder.with_name(f"{folder.name} away")
    away.mkdir()
    moved = sorted(folder.iterdir())[count:] if count else []
    for path in moved:
        path.rename(away / path.name)
    try:
        yield
    finally:
        for path in moved:
            (away / path.name).rename(path)
        away.rmdir()


def go_whole_way(folder: Folder, whole: Folder, *, has_down: bool = True) -> None:
    """Take over what the tool has executed, execute the last one, go back, and take over again.

    In `whole` the tool itself has executed all of them.
    """
    folder.adopt("--write", "--yes")
    states = folder.project.states()
    assert list(states.values()) == ["executed"] * EXECUTED + ["pending"]
    assert succeeded(folder.project.up()) == [list(states)[-1]]
    assert folder.schema() == whole.schema()
    assert "0 files written, 0 migrations recorded as executed" in folder.adopt("--write", "--yes")
    if has_down:
        ended = folder.call("down", "--to", list(states)[EXECUTED - 2], "--yes")
        assert ended.code == 0, ended.stderr
        assert "later" not in folder.project.relations()
        assert folder.project.value("select words from posts") is None


def finish(folder: Folder) -> str:
    """End the time of the tool, which has something pending; gives what it says. It must change nothing."""
    folder.adopt("--finish")
    before = folder.everything()
    ended = folder.run_tool()
    assert folder.everything() == before, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def refusal(folder: Folder) -> str:
    """What `adopt --write` says where it refuses; nothing was written then."""
    ended = folder.call("adopt", "--write", "--yes")
    assert ended.code == 1, ended.stdout
    assert not (folder.root / "sql").exists()
    return ended.stderr


def changed(path: str, tool: str) -> str:
    """What is said of a file that is not the executed one."""
    return f"""\
error: {path} was changed after {tool} executed it: the checksum in its history differs
   nothing was changed
   hint    restore the file; or, if the change is right, take 1 changed file as executed
   next    sqlmigrate adopt --write --trust-changed

"""

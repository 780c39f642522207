"""A folder of migrations, and many databases that share it; the words of a page of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import psycopg
from in_process import Quick
from project import Project
from psycopg.conninfo import conninfo_to_dict
from terminal import Ended

from sqlmigrate.files.folder import load
from sqlmigrate.fleet.run import fleet
from sqlmigrate.fleet.target import Target

TARGETS = "targets.txt"


@dataclass(frozen=True)
class Fleet:
    """Databases `shop_01`, `shop_02` …, each by the name of its target, and the folder that they share."""

    folder: Path
    urls: dict[str, str]

    def __getitem__(self, name: str) -> Project:
        return Project(self.folder / "sql", self.urls[name])

    @property
    def sql(self) -> Project:
        """The folder of the migrations; the database is the first."""
        return self[next(iter(self.urls))]

    @property
    def targets(self) -> list[Target]:
        return [Target(name, url) for name, url in self.urls.items()]

    def write(self, *more: str, tags: dict[str, str] | None = None) -> None:
        """Write the file of targets, with further lines."""
        lines = [f"{name} {url} {(tags or {}).get(name, '')}" for name, url in self.urls.items()]
        (self.folder / TARGETS).write_text("\n".join([*lines, *more]) + "\n", encoding="utf-8")

    def call(self, action: str, *options: str, **environment: str) -> Ended:
        """Call ``sqlmigrate fleet ACTION --targets targets.txt``, in this process."""
        return Quick(self.folder, {})("fleet", action, "--targets", TARGETS, *options, **environment)

    def run(self, **options: Any) -> list[tuple[str, Any]]:
        """Execute what is pending through the library; gives all that happened."""
        return [(target.name, event) for target, event in fleet(self.targets, load(self.folder / "sql"), **options)]

    def execute(self, name: str, sql: str) -> None:
        with psycopg.connect(self.urls[name], autocommit=True) as conn:
            conn.execute(sql)

    def sleeping(self, and_: str = "true") -> int:
        """Count the sessions of these databases that execute a statement with ``pg_sleep(600)``."""
        query = (
            "select count(*) from pg_stat_activity where state = 'active' and query ~ 'pg_sleep.600' "
            f"and pid <> pg_backend_pid() and datname = any (%s) and {and_}"
        )
        names = [conninfo_to_dict(url)["dbname"] for url in self.urls.values()]
        with psycopg.connect(self.urls[next(iter(self.urls))], autocommit=True) as conn:
            found = conn.execute(query, (names,)).fetchone()
        return int(found[0]) if found else 0

    def recorded(self) -> dict[str, list[tuple[str, str]]]:
        """Give versions and statuses in the history of each target; an empty list for a target without a history."""
        found = {}
        for name, url in self.urls.items():
            with psycopg.connect(url, autocommit=True) as conn:
                exists = conn.execute("select to_regclass('migrations') is not null").fetchone()
                query = "select version, status from migrations order by version"
                found[name] = conn.execute(query).fetchall() if exists == (True,) else []
        return found


def words(page: str) -> str:
    """Give the text of a page, with a blank where an element begins or ends."""
    return " ".join(unescape(re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)).split())


def rows(page: str) -> list[str]:
    """Give the text of each row of the table of all targets."""
    return [words(row) for row in re.findall(r'<tr id="t\d+">.*?</tr>', page)]

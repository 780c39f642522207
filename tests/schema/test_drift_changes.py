"""What `drift` says of one manual change each: the object, and both values of what is different."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalog_mutations import MUTATIONS, NOTHING, Mutation
from inside import Inside
from postgres_servers import Server
from project import Project, succeeded

from sqlmigrate.history import read
from sqlmigrate.history.state import State
from sqlmigrate.operations import drift
from sqlmigrate.schema import drift_screen
from sqlmigrate.schema.drift_result import of_snapshot

HERE = Path(__file__).parent
BASE = (HERE.parent / "catalog" / "databases" / "base.sql").read_text(encoding="utf-8")
SAID = HERE / "drift_changes.txt"
_BLOCK = re.compile(r"^\$ (?P<sql>.*)\n(?P<lines>(?:  .*\n|\n)*)", re.MULTILINE)


def different_kinds() -> dict[str, Mutation]:
    """Choose one change of each kind: of those that say the same of the same kind of object, the first."""
    found: dict[tuple[str, ...], Mutation] = {}
    for each in MUTATIONS:
        if each.since <= 13:
            found.setdefault(tuple(re.sub(r" (?:app\.)?\S+(?=:|$)", "", said) for said in each.said), each)
    return {each.name: each for each in found.values()}


CHANGES = different_kinds()


class Changed:
    """A database with one of everything, made by a migration, and its snapshot."""

    def __init__(self, session: Inside, state: State) -> None:
        self.session, self.state = session, state

    def after(self, sql: str) -> str:
        """What `drift` says of the objects after statements, without its head and its end."""
        with self.session.after(sql):
            compared = drift.compare(self.session, self.state, ())
            lines = drift_screen.lines(of_snapshot(drift.Report(self.state, compared)), 80)
            texts = ["".join(text for _, text in line) for line in lines]
        return "".join(f"  {line}\n" if line else "\n" for line in texts[2:-2])


@pytest.fixture(scope="module")
def changed(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    postgres.admin.execute("create role catalog_owner; create role catalog_reader")
    try:
        with postgres.database() as url:
            project = Project(tmp_path_factory.mktemp("everything") / "sql", url)
            assert succeeded(project.add("001_everything", BASE).up()) == ["001_everything"]
            session = Inside(url)
            try:
                yield Changed(session, read.find(session, "migrations"))
            finally:
                session.close()
    finally:
        postgres.admin.execute("drop role catalog_owner; drop role catalog_reader")


def said() -> dict[str, str]:
    """What the file has for each change."""
    return {block["sql"]: block["lines"] for block in _BLOCK.finditer(SAID.read_text(encoding="utf-8"))}


def test_the_file_has_all_changes() -> None:
    assert list(said()) == list(CHANGES)
    assert len(CHANGES) >= 60


@pytest.mark.parametrize("name", CHANGES)
def test_a_manual_change_is_named_with_both_values(name: str, changed: Changed) -> None:
    assert changed.after(CHANGES[name].sql) == said()[name]


@pytest.mark.parametrize("sql", NOTHING)
def test_what_is_no_change_of_the_schema_is_no_drift(sql: str, changed: Changed) -> None:
    assert changed.after(sql) == ""

"""A pull request whose schema.sql does not show its migrations is told so, with the objects that differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_repository import Repository
from in_process import Quick
from postgres_servers import Server

OUTDATED = """\
warning schema-file-outdated: schema.sql does not show what the migrations make: {objects}
  ──▶ schema.sql
   what now:
     write it again, and commit it with the migration:
     sqlmigrate schema
   more: sqlmigrate explain schema-file-outdated
"""
ADD = "alter table a add column note text;"
CHANGES = {
    "a column": (ADD, "table public.a"),
    "a new table and its function": (
        "create table b (id int primary key); create function f(b) returns int language sql as 'select $1.id';",
        "table public.b and function public.f(public.b)",
    ),
    "a table that is gone": ("drop table old;", "table public.old"),
}


@pytest.fixture
def project(tmp_path: Path, postgres: Server) -> tuple[Repository, Quick]:
    """A repository with two merged migrations and the schema that they make, and the program in it."""
    repository = Repository(tmp_path, tmp_path / "home").init()
    quick = Quick(tmp_path, {"SHADOW": postgres.url()})
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "001_a.up.sql").write_text("create table a (id int primary key);", encoding="utf-8")
    (tmp_path / "sql" / "002_old.up.sql").write_text("create table old (id int primary key);", encoding="utf-8")
    assert quick("schema", "--shadow-url", postgres.url()).code == 0
    repository.commit()
    repository.git("checkout", "-q", "-b", "new")
    return repository, quick


@pytest.mark.parametrize(("sql", "objects"), CHANGES.values(), ids=CHANGES)
def test_an_outdated_file_is_found(sql: str, objects: str, project: tuple[Repository, Quick], postgres: Server) -> None:
    repository, quick = project
    (repository.root / "sql" / "003_b.up.sql").write_text(sql, encoding="utf-8")

    ended = quick("review", "--base", "main", "--shadow-url", postgres.url())

    assert " ".join(OUTDATED.format(objects=objects).split()) in " ".join(ended.stdout.split())  # wherever it is folded


def test_a_file_that_was_written_again_is_no_finding(project: tuple[Repository, Quick], postgres: Server) -> None:
    repository, quick = project
    (repository.root / "sql" / "003_b.up.sql").write_text(ADD, encoding="utf-8")
    quick("schema", "--shadow-url", postgres.url())

    ended = quick("review", "--base", "main", "--shadow-url", postgres.url())

    assert "schema.sql" not in ended.stdout


NOT_COMPARED = {
    "the file is that of another program": ({}, "-- PostgreSQL database dump\n", ADD, None),
    "another major version writes it": (
        {"SQLMIGRATE_SCHEMA_POSTGRES": "16"}, None, ADD, "schema.sql is not compared: PostgreSQL 16 writes it."
    ),
    "a migration fails": (
        {}, None, "alter table nothing add a int;", "schema.sql is not compared: not all migrations were executed."
    ),
    "there is none": ({"SQLMIGRATE_SCHEMA_FILE": "other.sql"}, None, ADD, None),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_COMPARED.values(), ids=NOT_COMPARED)
def test_what_cannot_be_compared_is_no_finding(
    case: tuple[dict[str, str], str | None, str, str | None], project: tuple[Repository, Quick], postgres: Server
) -> None:
    """The report says why, if the file is ours."""
    (repository, quick), (environment, text, sql, said) = project, case
    (repository.root / "sql" / "003_b.up.sql").write_text(sql, encoding="utf-8")
    if text is not None:
        (repository.root / "schema.sql").write_text(text, encoding="utf-8")

    ended = quick("review", "--base", "main", "--shadow-url", postgres.url(), **environment)

    assert "003_b" in ended.stdout
    assert "schema-file-outdated" not in ended.stdout
    assert ("is not compared" in ended.stdout) == (said is not None)
    assert said is None or said in " ".join(ended.stdout.split())

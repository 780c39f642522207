"""Tools whose migrations are programs are named, and the commands that take the schema as it is work."""

from __future__ import annotations

import os
import shlex

import children
import pytest
from old_folders import write_old
from postgres_servers import Server
from project import Project

RAILS_FILE = "class CreateUsers < ActiveRecord::Migration[7.1]\n  def change\n    create_table :users\n  end\nend\n"
DJANGO_FILE = "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n    operations = []\n"
RAILS_HISTORY = """\
create table schema_migrations (version varchar primary key);
create table ar_internal_metadata (key varchar primary key, value varchar, created_at timestamp(6) not null,
    updated_at timestamp(6) not null);
insert into schema_migrations values ('20240101000000'), ('20240102000000');
create table users (id bigserial primary key, email text)"""
DJANGO_HISTORY = """\
create table django_migrations (id bigserial primary key, app varchar(255) not null, name varchar(255) not null,
    applied timestamptz not null);
insert into django_migrations (app, name, applied) values ('auth', '0001_initial', now()), ('shop', '0001_a', now());
create table shop_user (id bigserial primary key, email text)"""
RAILS_SAID = """\
error: migrations of Rails are written in Ruby: they cannot be converted to SQL files
   db/migrate/: 2 migrations
   schema_migrations: 2 executed, the newest is 20240102000000
   nothing was changed
   hint    execute first what is pending: bin/rails db:migrate; then take the schema as it is for the first migration, \
without the tables of Rails, and record it
   next    mkdir -p sql
           pg_dump --schema-only --no-owner --no-privileges --exclude-table=schema_migrations \
--exclude-table=ar_internal_metadata "$DATABASE_URL" > sql/001_schema.up.sql
           sqlmigrate baseline 001

"""
DJANGO_SAID = """\
error: migrations of Django are written in Python: they cannot be converted to SQL files
   ./: 2 migrations
   django_migrations: 2 executed, the newest is shop.0001_a
   nothing was changed
   hint    execute first what is pending: python manage.py migrate; then take the schema as it is for the first \
migration, without the tables of Django, and record it
   next    mkdir -p sql
           pg_dump --schema-only --no-owner --no-privileges --exclude-table=django_migrations \
--exclude-table=django_migrations_id_seq "$DATABASE_URL" > sql/001_schema.up.sql
           sqlmigrate baseline 001

"""

GOES_ON = """\
   hint    sql/ has migrations already: compare the database with them, and record the last one it has
   next    sqlmigrate drift --against files --to VERSION
           sqlmigrate baseline VERSION

"""


@pytest.fixture
def rails(project: Project) -> Project:
    files = {f"2024010{day}000000_create_users.rb": RAILS_FILE for day in (1, 2)}
    write_old(project, "db/migrate", files)
    project.execute(RAILS_HISTORY)
    return project


@pytest.fixture
def django(project: Project) -> Project:
    files = {"manage.py": "import django", "shop/migrations/0001_a.py": DJANGO_FILE, "shop/migrations/__init__.py": ""}
    write_old(project, ".", {**files, "news/migrations/0001_initial.py": DJANGO_FILE})
    project.execute(DJANGO_HISTORY)
    return project


def test_rails_is_named(rails: Project) -> None:
    """Its history has the columns of dbmate's, but another table of Rails is in its schema."""
    for arguments in (["adopt"], ["adopt", "--write"], ["adopt", "--from", "db/migrate"]):
        ended = rails.call(*arguments)
        assert ended.code == 2
        assert ended.stderr == RAILS_SAID


def test_the_database_of_this_call_is_dumped(rails: Project) -> None:
    """Not the one of DATABASE_URL, which may be another one; a password is not shown."""
    said = rails.call("adopt", "--database-url", rails.url, DATABASE_URL="dbname=another").stderr
    assert f"--exclude-table=ar_internal_metadata {shlex.quote(rails.url)} > sql/001_schema.up.sql\n" in said

    with_password = rails.url.replace("postgres@", "postgres:geheim@")
    assert with_password != rails.url
    said = rails.call("adopt", "--database-url", with_password, DATABASE_URL="dbname=another").stderr
    assert f"{shlex.quote(with_password.replace('geheim', '***'))} > sql/" in said
    assert "geheim" not in said


def test_no_dump_is_written_among_migrations(rails: Project) -> None:
    """Two migrations with version 1 would keep the whole folder from being executed."""
    rails.add("001_users", "create table users (id bigserial primary key, email text);")

    ended = rails.call("adopt")

    assert ended.code == 2
    assert ended.stderr == RAILS_SAID[: RAILS_SAID.index("   hint")] + GOES_ON


def test_rails_is_named_by_its_history_alone(project: Project) -> None:
    """The project's folder may be elsewhere."""
    project.execute(RAILS_HISTORY)

    assert project.call("adopt").stderr == RAILS_SAID.replace("   db/migrate/: 2 migrations\n", "")


def test_django_is_named(django: Project) -> None:
    """`manage.py` says that the project is Django's."""
    assert django.call("adopt").stderr == DJANGO_SAID


@pytest.mark.parametrize(("tool", "table"), [("rails", "users"), ("django", "shop_user")])
def test_the_commands_of_the_message_work(
    request: pytest.FixtureRequest, postgres: Server, tool: str, table: str
) -> None:
    """The dump is executed as it is in an empty database, and recorded in the one that it is of."""
    project: Project = request.getfixturevalue(tool)
    said = project.call("adopt").stderr
    make, dump = (line[11:] for line in said[said.index("   next") :].splitlines()[:2])
    path = f"{postgres.cluster.program('pg_dump').parent}:{os.environ['PATH']}"
    environment = {**os.environ, "DATABASE_URL": project.url, "PATH": path}
    children.run(["sh", "-ec", f"{make}\n{dump}"], cwd=project.folder.parent, env=environment, check=True)

    assert project.call("baseline", "001").code == 0
    assert project.states() == {"001_schema": "baseline"}
    assert project.call("adopt").stderr == said[: said.index("   hint")] + GOES_ON
    with postgres.database() as url:
        empty = project.at(url)
        assert empty.call("up").code == 0
        assert empty.relations() == {table, f"{table}_pkey", f"{table}_id_seq"}

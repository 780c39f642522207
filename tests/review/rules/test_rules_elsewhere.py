"""Rules that depend on the server: its version, its extensions, its roles, and the rights of the shadow's owner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.formats.wording import verdict
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.shadow import databases
from sqlmigrate.source import Source

SETUP = """\
create table orders (id bigint primary key, note text);
insert into orders select i, 'note' from generate_series(1, 200) i;
"""


@pytest.fixture(params=[16, 18], ids=lambda version: f"PostgreSQL {version}")
def server(request: pytest.FixtureRequest, shadow_of: Callable[[int], databases.Shadow]) -> databases.Shadow:
    """Both embedded versions, as shadow servers."""
    return shadow_of(request.param)


def migration(version: str, up: str) -> Migration:
    text = up if version == "001" else f"-- sqlmigrate: irreversible (a test)\n{up};\n"
    return Migration(version, "case", Source(f"sql/{version}_case.up.sql", text), None)


def reviewed(server: databases.Shadow, up: str) -> Review:
    subjects = Subjects("main", (migration("001", SETUP),), (migration("002", up),))
    return pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=2.0))


def told(server: databases.Shadow, up: str) -> list[tuple[str, str, str]]:
    """Return the findings of an up file: rule, message, advice."""
    (each,) = reviewed(server, up).migrations
    return [(finding.rule.name, finding.message, finding.what_now) for finding in each.findings]


NEWER = {
    "a virtual column": (
        "alter table orders add column twice bigint generated always as (id * 2) virtual",
        'syntax error at or near "virtual"',
    ),
    "NOT ENFORCED": (
        "alter table orders\n    add constraint n check (id > 0)\n    not\n    enforced",
        'syntax error at or near "enforced"',
    ),
    "a name for NOT NULL": (
        "create table fresh (id int);\nalter table fresh add constraint has_id not null id",
        'syntax error at or near "not"',
    ),
    "a function": ("select uuidv7()", "function uuidv7() does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("name", NEWER)
def test_what_a_newer_server_knows(name: str, server: databases.Shadow) -> None:
    """A statement of PostgreSQL 18 is found on 16 as one that needs a newer server, and not found on 18."""
    statement, message = NEWER[name]
    expected = [("needs-newer-server", message)] if server.version < 180000 else []

    assert [(rule, said) for rule, said, _ in told(server, statement)] == expected


def test_what_no_server_knows(server: databases.Shadow) -> None:
    """A misspelled statement is not mistaken for newer syntax."""
    assert told(server, "alter tabel orders add column x int") == [
        ("statement-fails", 'syntax error at or near "tabel"', "")
    ]


def test_an_extension_that_is_missing(server: databases.Shadow) -> None:
    """A missing extension is a warning with advice, because production may have it."""
    (each,) = reviewed(server, "create extension nowhere").migrations
    (finding,) = each.findings

    assert (finding.rule.name, finding.severity) == ("missing-extension", "warning")
    assert finding.message.startswith('extension "nowhere" is not available')
    assert finding.what_now == "name a server that has it: --shadow-url"


def test_a_role_that_is_only_named(server: databases.Shadow) -> None:
    """A role that the migration only names is created, and the report says so."""
    result = reviewed(server, "grant select on orders to reporting")

    assert result.migrations[0].findings == ()
    assert result.basis.stub_roles == ("reporting",)


def test_a_role_that_is_to_own_something(server: databases.Shadow) -> None:
    """A role that becomes the owner of objects is created too, whatever their schema."""
    up = "create schema shop; create table shop.t (); alter table shop.t owner to app; alter table orders owner to app"

    assert told(server, up) == [
        ("owner-changed", "the owner of `orders` is now `app`, no longer `sqlmigrate_review`", "")
    ]


def test_a_base_that_names_roles(server: databases.Shadow) -> None:
    """A base can be built whose migrations name roles and make them owners; the report names the roles."""
    base = "create table t (id int);\nalter table t owner to app;\ngrant select on t to reporting;\n"
    setup = Migration("001", "base", Source("sql/001_base.up.sql", base), None)
    subjects = Subjects("main", (setup,), (migration("002", "grant insert on t to reporting"),))
    result = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=2.0))

    assert (result.basis.stub_roles, result.migrations[0].findings) == (("app", "reporting"), ())


def test_a_role_that_is_missing(server: databases.Shadow) -> None:
    """A role that the file itself drops first is reported, with advice."""
    assert told(server, "drop role reporting; set local role reporting") == [
        (
            "missing-role",
            'role "reporting" does not exist',
            "create the role in a migration, or name a server that has it: --shadow-url",
        )
    ]


MORE_RIGHTS = {
    "a program": ("copy orders to program 'cat'", "permission denied to COPY to or from an external program"),
    "a file": ("select pg_read_file('/etc/passwd')", "permission denied for function pg_read_file"),
    "a setting of the server": ("alter system set work_mem = '1GB'", 'permission denied to set parameter "work_mem"'),
    "a superuser": ("create role boss superuser", "permission denied to create role"),
}


@pytest.mark.parametrize("name", MORE_RIGHTS)
def test_what_only_a_superuser_may(name: str, server: databases.Shadow) -> None:
    """A statement that needs more rights than the shadow's owner has is a warning, not a failure."""
    statement, message = MORE_RIGHTS[name]
    (finding,) = reviewed(server, statement).migrations[0].findings

    assert (finding.rule.name, finding.severity) == ("needs-more-rights", "warning")
    assert finding.message.startswith(message)
    assert finding.what_now == (
        "if you trust the new migrations, execute them as a superuser of the shadow server: --trusted"
    )


def test_a_down_file_that_needs_a_newer_server(server: databases.Shadow) -> None:
    """It is told like an up file, and the verdict says that the way back is what fails."""
    up = Source("sql/002_case.up.sql", "create table fresh (id int);\n")
    down = Source("sql/002_case.down.sql", "drop table fresh;\nselect uuidv7();\n")
    subjects = Subjects("main", (migration("001", SETUP),), (Migration("002", "case", up, down),))
    result = pipeline.review_on(server, subjects, pipeline.Settings(Path(), limit=2.0))
    found = [(each.rule.name, each.path) for each in result.migrations[0].findings]

    expected = [] if server.version >= 180000 else [("needs-newer-server", down.path)]
    assert found == expected
    if expected:
        assert verdict(result) == ("danger", "1 of 1 new migration would not roll back cleanly")

"""Extensions that need a superuser, in a review and in the schema: created first, by the administrator of the server.

They come with PostgreSQL itself, and none of them is trusted. The server is the installed one: the embedded has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import postgres_servers
import pytest

from sqlmigrate.errors import ConfigError
from sqlmigrate.files.migration import Migration
from sqlmigrate.review import pipeline
from sqlmigrate.review.new.subjects import Subjects
from sqlmigrate.review.results import Review
from sqlmigrate.shadow import built_schema, squash_proof
from sqlmigrate.shadow.installed import Installed
from sqlmigrate.source import Source

BLOOM = "create index orders_bloom on orders using bloom (customer, product);\n"
ORDERS = "create table orders (id int primary key, customer int, product int);\n"


def migration(version: str, up: str, down: str | None = None) -> Migration:
    label = f"{version}_case"
    after = None if down is None else Source(f"sql/{label}.down.sql", down)
    return Migration(version, "case", Source(f"sql/{label}.up.sql", up), after)


@pytest.fixture(scope="module")
def shadow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a throwaway server, which is made once for all tests of this module."""
    home = tmp_path_factory.mktemp("extensions")
    yield home
    postgres_servers.delete_private_data(home)


class Reviewing:
    """Reviews on the installed server."""

    def __init__(self, home: Path, major: int) -> None:
        self.home, self.major = home, major

    def __call__(self, base: str, up: str, down: str | None, *extensions: str) -> Review:
        merged = tuple(migration(f"00{n}", text) for n, text in enumerate(filter(None, [base]), 1))
        subjects = Subjects("main", merged, (migration("005", up, down),), is_merged=True)
        settings = pipeline.Settings(self.home, postgres=self.major, extensions=extensions)
        return pipeline.review(subjects, settings)

    def wanted(self, *extensions: str) -> built_schema.Wanted:
        return built_schema.Wanted(self.home, "migrations", self.major, extensions=extensions)


@pytest.fixture
def review(shadow_home: Path, installed: Installed) -> Reviewing:
    return Reviewing(shadow_home, installed.major)


def rules(found: Review) -> list[str]:
    return [finding.rule.name for each in found.migrations for finding in each.findings]


def test_without_the_setting_the_way_out_is_named(review: Reviewing) -> None:
    """A new migration has no superuser: the finding names the flag, with the name of the extension."""
    (each,) = review(ORDERS, f"create extension bloom;\n{BLOOM}", None).migrations

    (finding,) = (each for each in each.findings if each.rule.name == "needs-more-rights")
    assert finding.message == 'permission denied to create extension "bloom"'
    assert finding.what_now == "let the server's administrator create it first: --extension bloom"


def test_a_new_migration_may_create_and_drop_it(review: Reviewing) -> None:
    """Its statements about the extension do nothing; what it makes with it is measured, up, down and up again."""
    up = f"create extension bloom;\ncomment on extension bloom is 'b';\n{ORDERS}{BLOOM}"

    found = review("", up, "drop table orders;\ndrop extension bloom;\n", "bloom")

    assert rules(found) == []
    assert ", installed on this machine, with bloom 1.0" in (found.basis.server or "")
    trip = found.migrations[0].trip
    assert trip is not None
    assert trip.ended_as_after_up


def test_a_merged_migration_may_create_it(review: Reviewing) -> None:
    """The base creates it again without a word; a new index on a merged table is judged as any other."""
    base = f"create schema tools;\ncreate extension bloom schema tools;\n{ORDERS}"

    found = review(base, BLOOM, "drop index orders_bloom;\n", "bloom")

    assert rules(found) == ["create-index-blocking"]


def test_no_file_creates_it(review: Reviewing) -> None:
    """In production an administrator has created it: the files use it, and mention it only by what they make."""
    assert rules(review(ORDERS, BLOOM, "drop index orders_bloom;\n", "bloom")) == ["create-index-blocking"]


def test_a_file_that_creates_it_if_it_is_missing(review: Reviewing) -> None:
    """That the statement has no effect here is not reported as a finding."""
    up = f"create extension if not exists bloom;\n{ORDERS}{BLOOM}"

    assert rules(review("", up, "drop table orders;\n", "bloom")) == []


def test_it_is_created_where_a_new_file_wants_it(review: Reviewing) -> None:
    """The schema that the file itself creates for it exists before: that statement does nothing, too."""
    view = "create view pages as select tools.page_checksum(null::bytea, 0) as sum;\n"
    up = f"create schema tools;\ncreate extension pageinspect schema tools;\n{view}"

    found = review("", up, "drop view pages;\ndrop extension pageinspect;\ndrop schema tools;\n", "pageinspect")

    assert rules(found) == []


def test_its_functions_are_open_to_new_migrations(review: Reviewing) -> None:
    """What a merged file has created is closed to new ones unless it is known as harmless; what is named is open."""
    base = "create extension dblink;\n"
    up = "select dblink_get_connections();\n"

    assert rules(review(base, up, up)) == ["needs-more-rights"]
    assert rules(review(base, up, up, "dblink")) == []


def test_its_views_may_be_read(review: Reviewing) -> None:
    """In production their owner has created them, or has granted it; hypopg has a view without a grant to all."""
    reads = "has_table_privilege('pg_buffercache', 'select')"
    up = f"do $$ begin if not {reads} then raise 'no right'; end if; end $$;\n"

    assert rules(review("", up, up, "pg_buffercache")) == []


def test_a_new_migration_is_no_superuser_for_it(review: Reviewing) -> None:
    """The setting gives only this right: files of the server stay out of reach."""
    table = "create foreign table passwords (line text) server files options (filename '/etc/passwd');\n"

    up = f"create server files foreign data wrapper file_fdw;\n{table}"

    found = review("", up, "drop server files;\n", "file_fdw")

    assert rules(found) == ["needs-more-rights"]


def test_extensions_that_it_needs_are_created_too(review: Reviewing) -> None:
    """As with CASCADE: earthdistance needs cube. A file may create that one, too."""
    up = "create extension cube;\ncreate extension earthdistance;\ncreate table places (at earth);\n"

    assert rules(review("", up, "drop table places;\n", "earthdistance")) == []


def test_one_that_is_not_available(review: Reviewing) -> None:
    """It is said before anything is executed; the hint names a package, or the name that was meant."""
    label = f"the extension {{}} is not available on PostgreSQL {review.major}"
    with pytest.raises(ConfigError) as refused:
        review("", "select 1;", None, "nowhere_at_all")
    assert refused.value.message.startswith(label.format("nowhere_at_all"))
    assert refused.value.hint == (
        f"install it there (Debian, Ubuntu: postgresql-{review.major}-nowhere-at-all), "
        "or name a server that has it: --shadow-url"
    )

    with pytest.raises(ConfigError) as misspelled:
        review("", "select 1;", None, "blom")
    assert misspelled.value.hint == "did you mean `bloom`?"


def test_a_version(review: Reviewing) -> None:
    """The version that is named is created; one that is not available is refused with those that are."""
    found = review("", "select 1;\n", "select 1;\n", "pageinspect=1.7")
    assert ", with pageinspect 1.7" in (found.basis.server or "")

    with pytest.raises(ConfigError) as refused:
        review("", "select 1;", None, "bloom=7")
    assert refused.value.message.startswith("version 7 of the extension bloom is not available on PostgreSQL ")
    assert refused.value.detail == ("available: 1.0",)
    assert refused.value.hint == "name one of these, or leave it out: --extension bloom"


def test_the_schema_of_files_that_create_it(review: Reviewing) -> None:
    """`schema` and its relatives build with the same setting, without a superuser for the files."""
    files = [migration("001", f"create extension bloom;\n{ORDERS}{BLOOM}")]

    made = built_schema.of_files(files, review.wanted("bloom"))

    kinds = {(each.kind, each.name) for each in made.schema.catalog.objects.values()}
    assert {("extension", "bloom"), ("index", "public.orders_bloom")} <= kinds


def test_a_squashed_migration_is_proven(review: Reviewing) -> None:
    """What is put into one creates the extension and drops it again; the proof executes both with the same setting."""
    files = [migration("001", "create extension bloom;\n"), migration("002", ORDERS), migration("003", BLOOM)]
    squashed = migration(
        "003", f"create extension bloom;\n{ORDERS}{BLOOM}", "drop table orders;\ndrop extension bloom;\n"
    )
    less = migration("003", f"create extension bloom;\n{ORDERS}", "drop table orders;\ndrop extension bloom;\n")

    with squash_proof.builder(review.wanted("bloom"), files) as builder:
        made = builder.make(files)
        proofs = [builder.prove(made, each, with_data=False) for each in (squashed, less)]

    assert [proof.differences for proof in proofs] == [(), ("index public.orders_bloom: missing",)]

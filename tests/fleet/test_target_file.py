"""A file of targets: what a line means, and where it is wrong."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.errors import ConfigError
from sqlmigrate.fleet.target import Target, chosen, require_different
from sqlmigrate.fleet.target_file import read_targets

BASE = "postgresql://app:base-secret@db.internal:6432/shop?sslmode=require"


def read(text: str, base: str = BASE) -> list[tuple[str, dict[str, str], str | None, tuple[str, ...]]]:
    """Give the name, libpq's keywords, the schema and the tags of each target."""
    return [
        (each.name, {name: str(value) for name, value in conninfo_to_dict(each.url).items()}, each.schema, each.tags)
        for each in read_targets("targets.txt", text, base)
    ]


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [str(each) for each in (caught.value, *caught.value.others)]


def test_a_line_is_a_name_and_keywords_or_a_url() -> None:
    text = """\
# all shops
shop_01 dbname=shop_01 @canary @eu

shop_02 postgresql://other@db2/two   # the second
shop_03 dbname='shop three' schema=tenant_3
"""
    base = {"user": "app", "password": "base-secret", "host": "db.internal", "port": "6432", "sslmode": "require"}

    assert read(text) == [
        ("shop_01", {**base, "dbname": "shop_01"}, None, ("canary", "eu")),
        ("shop_02", {"user": "other", "host": "db2", "dbname": "two", "port": "6432", "sslmode": "require"}, None, ()),
        ("shop_03", {**base, "dbname": "shop three"}, "tenant_3", ()),
    ]


def test_a_schema_alone_is_one_of_the_base() -> None:
    ((name, named, schema, _),) = read("one schema=tenant_1")

    assert (name, named["dbname"], schema) == ("one", "shop", "tenant_1")


@pytest.mark.parametrize("line", ["a host=elsewhere", "a user=other", "a postgresql://elsewhere/shop"])
def test_the_password_of_the_base_goes_to_no_other_server_or_role(line: str) -> None:
    ((_, named, _, _),) = read(line)

    assert "password" not in named


def test_a_service_names_everything_itself() -> None:
    ((_, named, _, _),) = read("a service=shop_a")

    assert named == {"service": "shop_a"}


def test_every_fault_has_its_place() -> None:
    text = (
        "a dbname=a\npostgresql://db/b\nb\n  a dbname=c\nd dbname=d port=none\ne nonsense=1\nf postgresql://db/f more\n"
    )

    assert faults(text) == [
        "targets.txt:2:1: the name of the target is missing: it comes first on the line",
        "targets.txt:3:1: the line names no database for `b`",
        "targets.txt:4:3: the name `a` is already on line 1",
        "targets.txt:5:3: the port must be a number from 1 to 65535",
        "targets.txt:6:3: libpq does not accept this",
        "targets.txt:7:21: nothing but `schema=…` and @tags may follow a URL",
    ]


EMPTY, TWICE = "is empty", "is given twice"
NO_DATABASE = "neither the line nor --database-url names the database of `a`"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a dbname=", f"1:3: `dbname` {EMPTY}"),
        ("a dbname= @canary", f"1:3: `dbname` {EMPTY}"),
        ("a dbname= host=db", f"1:3: `dbname` {EMPTY}"),
        ("a dbname = '' host=db", f"1:3: `dbname` {EMPTY}"),
        ("a host=db schema= dbname=z", f"1:11: `schema` {EMPTY}"),
        ("a postgresql://db/z?user= @eu", f"1:21: `user` {EMPTY}"),
        ("a dbname=z1 @eu dbname=z2", f"1:17: `dbname` {TWICE}"),
        ("a dbname=z1 schema=x schema=y", f"1:22: `schema` {TWICE}"),
        ("a postgresql://db/z1?dbname=z2", f"1:22: `dbname` {TWICE}"),
        ("a postgresql://db/z schema=x schema=y", f"1:30: `schema` {TWICE}"),
        ("a host=127.0.0.1", f"1:1: {NO_DATABASE}"),
        ("a postgresql://db/", f"1:1: {NO_DATABASE}"),
        ("a schema=x", f"1:1: {NO_DATABASE}"),
    ],
)
def test_a_line_that_leaves_the_database_to_libpq_is_refused(line: str, fault: str) -> None:
    """The default of libpq is the database of the role, and of two values it takes the last: neither is intended."""
    with pytest.raises(ConfigError) as caught:
        read(line, "postgresql://app@db.internal")

    assert str(caught.value) == f"targets.txt:{fault}"


@pytest.mark.parametrize(
    ("line", "base"),
    [("a service=shop", ""), ("a host=db2", "dbname=shop"), ("a schema=x", "service=shop"), ("a dbname = z", "")],
)
def test_the_line_or_the_base_names_the_database(line: str, base: str) -> None:
    assert [name for name, *_ in read(line, base)] == ["a"]


def test_a_file_without_targets_is_refused() -> None:
    assert faults("# nothing\n\n") == ["targets.txt names no target"]


@pytest.mark.parametrize(
    "line",
    [
        "a postgresql://app:Planted-1@db:none/a",
        "a dbname=a password=Planted-1 port=none",
        "a dbname=a password='Planted-1 x' nonsense=1",
        "a dbname=a passwrd=Planted-1",
        "postgresql://app:Planted-1@db/a",
    ],
)
def test_no_error_shows_a_password(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(line)

    error = caught.value
    assert error.span
    assert "Planted-1" not in f"{error} {error.hint} {error.detail} {error.span.source.text} {error!r}"


def test_a_target_does_not_show_its_url() -> None:
    assert "secret" not in repr(Target("a", BASE))


def test_targets_are_chosen_by_name_pattern_and_tag() -> None:
    targets = read_targets("t", "a1 dbname=1 @eu\na2 dbname=2\nb1 dbname=3 @eu", "")

    def names(only: list[str], skip: list[str]) -> list[str]:
        return [each.name for each in chosen(targets, only, skip)]

    assert names([], []) == ["a1", "a2", "b1"]
    assert names(["a*"], []) == ["a1", "a2"]
    assert names(["@eu"], ["b1"]) == ["a1"]
    with pytest.raises(ConfigError, match="no target matches `a3`"):
        names(["a3"], [])


def test_one_database_is_one_target() -> None:
    targets = read_targets("t", "a dbname=one\nb dbname=one user=other", "")

    with pytest.raises(ConfigError, match="`a` and `b` are the same database"):
        require_different(targets)


def test_an_empty_tag_is_wrong() -> None:
    assert faults("a dbname=x @ @eu") == ["targets.txt:1:12: a tag is empty"]

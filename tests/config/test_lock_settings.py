"""The settings for waiting and for the name of the session: their values, their errors, and their effect."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from project import Project
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.config.resolve import resolve
from sqlmigrate.config.url import named
from sqlmigrate.database import run_lock
from sqlmigrate.database.session import Request, connect
from sqlmigrate.errors import ConfigError

NAMES = ["lock_wait", "lock_timeout", "lock_retries", "application_name"]


def said(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.sqlmigrate]\n{text}\n", encoding="utf-8")
    return folder


# -- which one counts --------------------------------------------------------------------------------------------------

VALUES = {  # of the flag, the variable and the project: as they are written, and as the program reads them
    "lock_wait": ("1min", "500ms", '"2.5 s"', (60.0, 0.5, 2.5, 60.0)),
    "lock_timeout": ("0", "250ms", '"1min"', ("0", "250ms", "1min", "5s")),
    "lock_retries": ("0", "7", "20", (0, 7, 20, 10)),
    "application_name": (None, "deploy 7", '"shop\'s \\\\ CI"', (None, "deploy 7", "shop's \\ CI", "sqlmigrate")),
}


@pytest.mark.parametrize("name", NAMES)
def test_flags_over_environment_over_the_project(name: str, tmp_path: Path) -> None:
    """Flags override variables, which override the file; an empty value counts as not set; else the default holds."""
    flag, environment, project, (from_flag, from_environment, from_project, default) = VALUES[name]
    variable = f"SQLMIGRATE_{name.upper()}"
    said(tmp_path, f"{name} = {project}")

    def found(flag: str | None, environment: dict[str, str], folder: Path = tmp_path) -> object:
        return getattr(resolve({name: flag}, environment, folder), name)

    if flag is not None:
        assert found(flag, {variable: environment}) == from_flag
    assert found(None, {variable: environment}) == from_environment
    assert found("", {variable: ""}) == from_project
    (tmp_path / "pyproject.toml").unlink()
    assert found(None, {}) == default


# -- impossible values ------------------------------------------------------------------------------------------------

WRONG = {
    "a wait": ("lock_wait", "soon", "`soon` is not a duration", "a number and a unit: 60s, 500ms, 2min"),
    "a wait in days": ("lock_wait", "1d", "`1d` is not a duration", "a number and a unit: 60s, 500ms, 2min"),
    "a negative wait": ("lock_wait", "-1s", "`-1s` is not a duration", "a number and a unit: 60s, 500ms, 2min"),
    "a timeout": ("lock_timeout", "5 minutes", "`5 minutes` is not a duration", "a number and a unit: 5s, 500ms, 2min"),
    "a timeout without a unit": (
        "lock_timeout", "5", "`5` has no unit, and PostgreSQL would read it as milliseconds",
        "a number and a unit: 5s, 500ms, 2min",
    ),
    "a timeout that is too long": (
        "lock_timeout", "25d", "`25d` is longer than PostgreSQL can wait, which is 24 days",
        "a number and a unit: 5s, 500ms, 2min",
    ),
    "a timeout that is SQL": (
        "lock_timeout", "0'; drop table t; --", "`0'; drop table t; --` is not a duration",
        "a number and a unit: 5s, 500ms, 2min",
    ),
    "retries": ("lock_retries", "often", "`often` is not a number of retries", "a number from 0 to 1,000"),
    "negative retries": ("lock_retries", "-1", "`-1` is not a number of retries", "a number from 0 to 1,000"),
    "too many retries": ("lock_retries", "1001", "`1001` is not a number of retries", "a number from 0 to 1,000"),
    "a name with an accent": (
        "application_name", "café", "PostgreSQL cannot show `café` as a name in pg_stat_activity",
        "at most 63 ASCII characters: PostgreSQL cuts a longer name and shows `?` for other characters",
    ),
    "a name that is too long": (
        "application_name", "x" * 64, f"PostgreSQL cannot show `{'x' * 64}` as a name in pg_stat_activity",
        "at most 63 ASCII characters: PostgreSQL cuts a longer name and shows `?` for other characters",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value", "message", "cure"), WRONG.values(), ids=WRONG)
def test_an_impossible_variable(name: str, value: str, message: str, cure: str, tmp_path: Path) -> None:
    """The error names the variable, what is wrong with its value, and how to write it."""
    with pytest.raises(ConfigError) as caught:
        resolve({}, {f"SQLMIGRATE_{name.upper()}": value}, tmp_path)

    assert (caught.value.message, caught.value.hint) == (f"SQLMIGRATE_{name.upper()}: {message}", cure)


@pytest.mark.parametrize(("name", "value", "message", "cure"), WRONG.values(), ids=WRONG)
def test_an_impossible_value_in_the_file(name: str, value: str, message: str, cure: str, tmp_path: Path) -> None:
    """The error names file, line and key, even if a flag overrides the value."""
    said(tmp_path, f'\ntable = "m"\n{name} = "{value}"')

    with pytest.raises(ConfigError) as caught:
        resolve({name: "1"}, {}, tmp_path)

    where = f"{tmp_path}/pyproject.toml:4: {name}"
    assert (caught.value.message, caught.value.hint) == (f"{where}: {message}", cure)


@pytest.mark.parametrize(
    ("text", "message", "cure"),
    [
        ("lock_wait = 60", "`lock_wait` of [tool.sqlmigrate] must be a text in quotes", 'lock_wait = "10min"'),
        (
            "lock_timeout = 5.0",
            "`lock_timeout` of [tool.sqlmigrate] must be a text in quotes",
            'lock_timeout = "500ms"',
        ),
        ("lock_retries = true", "`lock_retries` of [tool.sqlmigrate] must be a whole number", "lock_retries = 20"),
        ("lock_retries = [1]", "`lock_retries` of [tool.sqlmigrate] must be a whole number", "lock_retries = 20"),
        (
            "application_name = 7",
            "`application_name` of [tool.sqlmigrate] must be a text in quotes",
            'application_name = "deploy"',
        ),
        ('lock_tiemout = "5s"', "unknown setting `lock_tiemout` in [tool.sqlmigrate]", "did you mean `lock_timeout`?"),
    ],
    ids=["wait", "timeout", "true", "list", "name", "unknown"],
)
def test_a_project_of_another_kind(text: str, message: str, cure: str, tmp_path: Path) -> None:
    """A value of another kind is refused: the unit of a bare number, for example, would be a guess."""
    with pytest.raises(ConfigError) as caught:
        resolve({}, {}, said(tmp_path, text))

    assert (caught.value.message, caught.value.hint) == (f"{tmp_path}/pyproject.toml:2: {message}", cure)


@pytest.mark.parametrize(
    ("arguments", "error", "cure"),
    [
        (["--lock-wait", "1d"], "`1d` is not a duration", "a number and a unit: 60s, 500ms, 2min"),
        (["--lock-timeout", "5"], "`5` has no unit, and PostgreSQL would read it as milliseconds",
         "a number and a unit: 5s, 500ms, 2min"),
        (["--lock-retries", "x"], "`x` is not a number of retries", "a number from 0 to 1,000"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_an_impossible_flag(arguments: list[str], error: str, cure: str, project: Project) -> None:
    """A wrong flag is a usage error that says how to write the value."""
    ended = project.call("up", *arguments)

    assert ended.code == 2
    assert ended.stderr.startswith(f"error: {arguments[0]}: {error}\n")
    assert f"\n   hint    {cure}\n" in ended.stderr


# -- at work -----------------------------------------------------------------------------------------------------------


def test_the_lock_timeout_and_the_name_reach_the_server(project: Project) -> None:
    """A migration runs with both; the directive in its file overrides the setting."""
    look = "create table {} as select current_setting('lock_timeout') as t, current_setting('application_name') as n;"
    project.add("001_a", look.format("a")).add("002_b", f"-- sqlmigrate: lock-timeout 7s\n{look.format('b')}")

    said(project.folder.parent, 'lock_timeout = "3s"\napplication_name = "deploy"')
    assert project.call("up").code == 0

    assert project.query("table a union all table b") == [("3s", "deploy"), ("7s", "deploy")]


@pytest.mark.parametrize("command", [["up"], ["baseline", "1", "--yes"]], ids=" ".join)
def test_the_wait_for_another_run_is_that_of_the_settings(command: list[str], project: Project) -> None:
    """Every command that writes waits that long and no longer."""
    project.add_tables("a")
    with project.connection() as other:
        other.execute("select pg_advisory_lock(%s)", [run_lock.lock_key("public.migrations")])

        ended = project.call(*command, SQLMIGRATE_LOCK_WAIT="0.3s")

    assert ended.code == 4
    assert "error: another run still holds the lock after 0.3 s\n" in ended.stderr


def test_the_number_of_tries_is_that_of_the_settings(project: Project) -> None:
    """With 0 retries, the first lock timeout is a failure."""
    project.add_tables("a").up()
    project.add("002_b", "alter table a add column b int;")
    with closing(psycopg.connect(project.url)) as reader:
        reader.execute("table a")
        ended = project.call("up", SQLMIGRATE_LOCK_TIMEOUT="100ms", SQLMIGRATE_LOCK_RETRIES="0")

    assert ended.code == 1
    assert "⏳" not in ended.stderr
    assert "error: canceling statement due to lock timeout\n" in ended.stderr


NAMED = {  # what is added to the URL, PGAPPNAME, the setting, and the name that the server shows
    "nothing": ("", None, "sqlmigrate", "sqlmigrate"),
    "the setting": ("", None, "deploy", "deploy"),
    "PGAPPNAME": ("", "libpq's", "deploy", "libpq's"),
    "the URL": ("&application_name=url", "libpq's", "deploy", "url"),
    "the URL's fallback": ("&fallback_application_name=url", None, "deploy", "url"),
    "a setting with quotes": ("", None, 'it\'s \\ "a" & b=c %41', 'it\'s \\ "a" & b=c %41'),
}


@pytest.mark.parametrize("form", ["URL", "keywords"])
@pytest.mark.parametrize(("added", "variable", "setting", "shown"), NAMED.values(), ids=NAMED)
def test_the_name_of_a_connection(  # noqa: PLR0913, PLR0917 - a row of the table, and the fixtures
    added: str, variable: str | None, setting: str, shown: str, form: str, database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The URL overrides libpq's variable, which overrides the setting, whether a URL or keywords are used."""
    url = f"{database_url}{added}"
    if form == "keywords":
        url = " ".join(f"{key}='{value}'" for key, value in conninfo_to_dict(url).items())
    if variable is not None:
        monkeypatch.setenv("PGAPPNAME", variable)

    with connect(named(url, setting)) as session:
        assert session.ask(Request("show application_name")) == [[[shown]]]


@pytest.fixture
def database_url(project: Project) -> str:
    """The URL of an empty database (`database` is a module here)."""
    return project.url


def test_the_name_where_libpqs_variables_name_the_database() -> None:
    """An empty URL becomes the setting alone, and stays empty if that is the default."""
    assert named("", "deploy") == "fallback_application_name='deploy'"
    assert named("", "sqlmigrate") == ""
    assert named("postgresql://h/d", "a b") == "postgresql://h/d?fallback_application_name=a%20b"

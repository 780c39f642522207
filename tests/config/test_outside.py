"""White space, invisible characters and quotes around values from outside: left out, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlmigrate.config.resolve import Config, resolve
from sqlmigrate.errors import ConfigError

AROUND = ["\r", "\n", "\r\n", " ", "\t", "\ufeff", "\u00a0", "\u200b"]
VALUES = {
    "DATABASE_URL": ("postgresql://app@db/shop", "url", "postgresql://app@db/shop"),
    "SQLMIGRATE_TABLE": ("ops.migrations", "table", "ops.migrations"),
    "SQLMIGRATE_DIRECTORY": ("db/sql", "directory", "db/sql"),
    "SQLMIGRATE_LOCK_WAIT": ("2min", "lock_wait", 120.0),
    "SQLMIGRATE_LOCK_TIMEOUT": ("2s", "lock_timeout", "2s"),
    "SQLMIGRATE_LOCK_RETRIES": ("3", "lock_retries", 3),
    "SQLMIGRATE_APPLICATION_NAME": ("deploy", "application_name", "deploy"),
}


def _resolved(folder: Path, **environment: str) -> Config:
    return resolve({}, environment, folder)


@pytest.mark.parametrize("around", AROUND, ids=ascii)
@pytest.mark.parametrize("variable", VALUES)
def test_what_is_around_a_value_is_left_out(variable: str, around: str, tmp_path: Path) -> None:
    """Every setting, and every character that an editor or a secret store may add."""
    text, field, expected = VALUES[variable]
    assert getattr(_resolved(tmp_path, **{variable: f"{around}{text}{around}"}), field) == expected


@pytest.mark.parametrize("around", AROUND, ids=ascii)
def test_in_the_file_of_the_project_too(around: str, tmp_path: Path) -> None:
    """The same door for `sqlmigrate.toml`."""
    escaped = "".join(f"\\u{ord(each):04x}" for each in around)
    (tmp_path / "sqlmigrate.toml").write_text(f'lock_timeout = "{escaped}7s{escaped}"\n')
    assert _resolved(tmp_path).lock_timeout == "7s"


def _refusal(folder: Path, **environment: str) -> str:
    with pytest.raises(ConfigError) as refused:
        _resolved(folder, **environment)
    return refused.value.message


def test_quotes_and_line_breaks_are_refused_by_name(tmp_path: Path) -> None:
    """Quotes that the shell did not take away, and a value of two lines; a table may need its quotes."""
    assert _refusal(tmp_path, SQLMIGRATE_LOCK_TIMEOUT='"5s"') == (
        "SQLMIGRATE_LOCK_TIMEOUT is in quotes, and they are part of the value"
    )
    assert _refusal(tmp_path, SQLMIGRATE_DIRECTORY="db\nsql") == (
        "SQLMIGRATE_DIRECTORY has a line break in it, after 2 characters"
    )
    assert _resolved(tmp_path, SQLMIGRATE_TABLE='"My History"').table == '"My History"'


OF_LIBPQ = {
    "PGPORT": ("5432\r", "PGPORT ends with a carriage return"),
    "PGHOST": ("db\n", "PGHOST ends with a line break"),
    "PGDATABASE": (" shop", "PGDATABASE begins with a space"),
    "PGPASSWORD": ("S3cr3t\r\n", "PGPASSWORD ends with a line break"),
    "PGUSER": ("\ufeffapp", "PGUSER begins with a byte order mark"),
}


@pytest.mark.parametrize("variable", OF_LIBPQ)
def test_variables_that_libpq_reads_itself(variable: str, tmp_path: Path) -> None:
    """They cannot be trimmed: each is named, without its value."""
    value, expected = OF_LIBPQ[variable]
    assert _refusal(tmp_path, **{variable: value}) == expected


def test_a_password_may_end_with_a_space(tmp_path: Path) -> None:
    """White space is not certainly a mistake there."""
    assert _resolved(tmp_path, PGPASSWORD="S3cr3t ", PGHOST="db").url == ""

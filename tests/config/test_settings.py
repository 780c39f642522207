"""The records of the settings: each is complete, and everything that is said about a setting comes from it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import pytest

from sqlmigrate.cli.commands import cli
from sqlmigrate.config.resolve import Config, resolve
from sqlmigrate.config.settings import IN_FILE, SCOPES, SETTINGS, Setting, default, markdown_table

RECORDS = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)


@RECORDS
def test_a_record_is_complete(setting: Setting) -> None:
    """It says what the setting decides; default and example are possible values, and differ."""
    assert setting.meaning
    assert not setting.meaning.endswith(".")
    assert setting.example != setting.default
    assert setting.fault(setting.example) is None
    assert not setting.default or setting.fault(setting.default) is None
    assert not setting.choices or {setting.example, setting.default} <= set(setting.choices)


@RECORDS
def test_a_setting_can_be_set_somewhere(setting: Setting) -> None:
    """By a flag, a variable or a key; a variable is named after the key, but for the one that every tool reads."""
    assert setting.scope or setting.variable or setting.is_in_file
    assert setting.variable in (None, "DATABASE_URL", f"SQLMIGRATE_{setting.name.upper()}")


@pytest.mark.parametrize("setting", IN_FILE.values(), ids=IN_FILE)
def test_the_key_with_its_example_is_a_line_of_the_file(setting: Setting, tmp_path: Path) -> None:
    """What a hint shows can be pasted into the file, and sets the setting."""
    assert list(tomllib.loads(setting.key)) == [setting.name]
    (tmp_path / "pyproject.toml").write_text(f"[tool.sqlmigrate]\n{setting.key}\n", encoding="utf-8")

    found = resolve({}, {}, tmp_path)

    assert Path(str(getattr(found, setting.name))).name == Path(str(setting.read(setting.example))).name


def test_the_defaults_are_those_of_the_records() -> None:
    """Seconds for a wait, a number for a count, otherwise the text."""
    assert {name: default(name) for name in IN_FILE} == {
        "directory": "sql", "table": "migrations", "lock_wait": 60.0, "lock_timeout": "5s", "lock_retries": 10,
        "application_name": "sqlmigrate", "into_existing": False, "schema_file": "schema.sql", "schema_postgres": None,
        "drift": "warn", "drift_ignore": (), "extension": (),
    }  # fmt: skip
    assert {name: getattr(Config(), name) for name in IN_FILE} == {name: default(name) for name in IN_FILE}


@RECORDS
def test_the_program_has_every_flag(setting: Setting) -> None:
    """A setting with a scope is an option of the program, whose help is the record's meaning and default.

    One schema is named to the command alone: a command that has no such flag must not overlook it.
    """
    options = {option.name: option for option in cli.params if isinstance(option, click.Option)}

    assert (setting.name in options) == (setting.scope not in (None, "one schema"))
    if setting.name in options:
        assert options[setting.name].opts == [setting.flag]
        assert str(options[setting.name].help).startswith(setting.meaning)
        assert setting.default in str(options[setting.name].help)


_LOOKS = {"database", "one schema", "folder"}
USES = {
    "baseline": {*_LOOKS, "shadow"}, "create": {"folder"}, "down": {*_LOOKS, "execution"}, "log": _LOOKS,
    "repair": _LOOKS, "split": set(), "verify": _LOOKS, "reset": {*_LOOKS, "execution", "first run"},
    "status": _LOOKS, "up": {*_LOOKS, "execution", "first run"},
}  # fmt: skip


@pytest.mark.parametrize(("name", "uses"), USES.items(), ids=USES)
def test_a_command_shows_the_flags_that_it_uses(name: str, uses: set[str]) -> None:
    """`sqlmigrate up --help` lists `--database-url`, `--directory` and `--table` like its own options."""
    command = cli.commands[name]
    shown = command.get_help(click.Context(command, info_name=name))

    for setting in SETTINGS.values():
        is_shown = f"  {setting.flag} " in shown
        assert is_shown == (setting.scope in {"all", *uses}), setting.flag


def test_the_table_of_the_documentation() -> None:
    """One row a setting, with flag, variable, key, default, example and meaning, in Markdown."""
    head, line, *rows = markdown_table().splitlines()

    assert head == "| flag | environment variable | key in the file | default | example | meaning |"
    assert set(line) == {"|", "-"}
    assert len(rows) == len(SETTINGS)
    assert rows[0].startswith(
        "| `--database-url URL` | `DATABASE_URL` |  |  | `postgresql://app@db.internal/shop` | Data"
    )
    assert r"| `--format text\|json` |  |  | `text` | `json` | " in rows[4]
    assert rows[5] == (
        "| `--lock-wait TIME` | `SQLMIGRATE_LOCK_WAIT` | `lock_wait` | `60s` | `10min` | "
        f"How long to wait for another run of sqlmigrate (flag of {SCOPES['execution']}) |"
    )
    assert rows[-1].startswith("|  | `SQLMIGRATE_APPLICATION_NAME` | `application_name` | `sqlmigrate` | `deploy` | ")

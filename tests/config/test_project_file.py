"""The project's file with settings: `sqlmigrate.toml`, or `[tool.sqlmigrate]` of `pyproject.toml`."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp

import pytest
from in_process import Quick

from sqlmigrate.config.resolve import resolve
from sqlmigrate.errors import ConfigError

# Each file, and how settings are headed in it.
OWN, SHARED = ("sqlmigrate.toml", ""), ("pyproject.toml", "[tool.sqlmigrate]\n")
BOTH = pytest.mark.parametrize(("name", "head"), [OWN, SHARED], ids=["sqlmigrate.toml", "pyproject.toml"])


def refusal(folder: Path) -> str:
    """Return the error of the settings of a folder, with its hint."""
    with pytest.raises(ConfigError) as caught:
        resolve({}, {}, folder)
    error = caught.value
    assert error.state == "nothing was executed"
    return f"{error.message} → {error.hint}" if error.hint else error.message


def write(folder: Path, name: str, text: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


# -- which file counts -------------------------------------------------------------------------------------------------


@BOTH
def test_the_nearest_folder_counts(name: str, head: str, tmp_path: Path) -> None:
    """From a folder below, `directory` is relative to the file; a nearer file hides the one above as a whole."""
    write(tmp_path, name, f'{head}directory = "db/changes"\ntable = "above"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    found = resolve({}, {}, below)
    assert (found.directory, found.table) == (str(tmp_path / "db" / "changes"), "above")

    for nearer in (OWN, SHARED):
        write(tmp_path / "a", nearer[0], '[project]\nname = "other"\n' if nearer == SHARED else 'lock_wait = "1s"\n')
        found = resolve({}, {}, below)
        assert (found.directory, found.table) == ("sql", "migrations")
        (tmp_path / "a" / nearer[0]).unlink()


@BOTH
def test_in_its_own_folder_the_path_is_as_it_is_written(name: str, head: str, tmp_path: Path) -> None:
    """Messages name the files as the project does."""
    assert resolve({}, {}, write(tmp_path, name, f'{head}directory = "db/changes"\n')).directory == "db/changes"


@BOTH
def test_a_byte_order_mark_is_dropped(name: str, head: str, tmp_path: Path) -> None:
    """Some editors write one; it is not part of the first key."""
    write(tmp_path, name, b"\xef\xbb\xbf" + f'{head}table = "own"\n'.encode())

    assert resolve({}, {}, tmp_path).table == "own"


def test_a_pyproject_of_other_tools_does_not_count(tmp_path: Path) -> None:
    """A pyproject.toml without our table does not hide sqlmigrate.toml, nor the other way round."""
    write(tmp_path, "pyproject.toml", '[project]\nname = "shop"\n[tool.ruff]\nline-length = 120\n')
    assert resolve({}, {}, write(tmp_path, "sqlmigrate.toml", 'table = "own"\n')).table == "own"

    write(tmp_path, "sqlmigrate.toml", "# nothing is set here\n")
    assert resolve({}, {}, write(tmp_path, "pyproject.toml", '[tool.sqlmigrate]\ntable = "shared"\n')).table == "shared"


def test_two_files_with_settings_are_refused(tmp_path: Path) -> None:
    """It would be unclear which one counts, even if they set different things."""
    write(tmp_path, "pyproject.toml", '[tool.sqlmigrate]\ntable = "shared"\n')
    write(tmp_path, "sqlmigrate.toml", 'lock_wait = "1s"\n')

    assert refusal(tmp_path) == (
        f"both {tmp_path}/sqlmigrate.toml and [tool.sqlmigrate] of pyproject.toml in the same folder have settings"
        " → move all settings to one of the two files"
    )


def test_the_program_reads_sqlmigrate_toml(tmp_path: Path, database: str) -> None:
    """A project that is not Python needs no pyproject.toml."""
    write(tmp_path, "sqlmigrate.toml", 'directory = "db"\ntable = "own"\n')
    write(tmp_path / "db", "001_a.up.sql", "create table a ();")

    ended = Quick(tmp_path, {"DATABASE_URL": database})("status", "--format", "json")

    assert '"directory": "db/"' in ended.stdout
    assert '"history": "public.own"' in ended.stdout


@BOTH
def test_a_project_has_one_embedded_database(name: str, head: str, tmp_path: Path) -> None:
    """Its folder lies next to the project's file, from whichever folder below it the program is called."""
    write(tmp_path, name, f'{head}table = "own"\n')
    below = tmp_path / "services" / "shop"
    below.mkdir(parents=True)

    assert resolve({}, {}, tmp_path).embedded_directory == ".sqlmigrate"
    assert resolve({}, {}, below).embedded_directory == f"{tmp_path}/.sqlmigrate"
    assert resolve({}, {}, below).shown == f"the embedded PostgreSQL in {tmp_path}/.sqlmigrate/"


def test_without_settings_the_embedded_database_is_in_the_current_folder(tmp_path: Path) -> None:
    """A pyproject.toml without our table makes no project; an empty sqlmigrate.toml does."""
    write(tmp_path, "pyproject.toml", '[project]\nname = "shop"\n')
    below = tmp_path / "below"
    below.mkdir()

    assert resolve({}, {}, below).embedded_directory == ".sqlmigrate"
    write(tmp_path, "sqlmigrate.toml", "")
    assert resolve({}, {}, below).embedded_directory == f"{tmp_path}/.sqlmigrate"


@pytest.mark.parametrize("named", ["", "embedded"], ids=["nothing is named", "the word embedded"])
def test_the_embedded_database_of_the_project_is_used(named: str, servers: Path) -> None:
    """Two folders of a project share it, and the screen says where it is."""
    root = Path(mkdtemp(dir=servers))
    write(root, "sqlmigrate.toml", 'directory = "sql"\n')
    write(root / "sql", "001_a.up.sql", "create table a ();")
    below = root / "services"
    below.mkdir()
    environment = {"DATABASE_URL": named} if named else {}
    reason = "" if named else "no database is named: "

    assert Quick(root, environment)("up").code == 0
    ended = Quick(below, environment)("status", "--check")

    assert ended.code == 0, ended.stdout + ended.stderr
    assert f"postgres, embedded in {root}/.sqlmigrate/" in " ".join(ended.stdout.split())
    assert ended.stderr == (
        f"{reason}using the embedded PostgreSQL in {root}/.sqlmigrate/, the folder of the project's file\n"
    )
    assert list(below.iterdir()) == []


# -- what is wrong in it -----------------------------------------------------------------------------------------------

WRONG = {
    "a misspelled setting": ('tabel = "x"', "unknown setting `tabel`{in} → did you mean `table`?"),
    "an unknown setting": (
        'xyz = "x"',
        (
            "unknown setting `xyz`{in}"
            " → known are: directory, table, lock_wait, lock_timeout, lock_retries, into_existing, "
            "schema_file, schema_postgres, drift, drift_ignore, extension, "
            "application_name"
        ),
    ),
    "a URL": (
        'database_url = "postgresql://u:QZX@h/"',
        (
            "unknown setting `database_url`{in}"
            " → name the database by --database-url or DATABASE_URL, never in a file that is committed"
        ),
    ),
    "a number for a text": ("table = 5", '`table`{of} must be a text in quotes → table = "ops.migrations"'),
    "a text for a list": (
        'drift_ignore = "extension *"',
        (
            "`drift_ignore`{of} must be a list of texts in quotes"
            ' → drift_ignore = ["partition public.events_*", "extension *"]'
        ),
    ),
    "a number in a list": (
        "drift_ignore = [5]",
        (
            "`drift_ignore`{of} must be a list of texts in quotes"
            ' → drift_ignore = ["partition public.events_*", "extension *"]'
        ),
    ),
    "an unknown choice": (
        'drift = "refused"',
        "drift: `refused` is not one of off, warn, refuse → did you mean `refuse`?",
    ),
    "a text for a number": (
        'lock_retries = "many"',
        "lock_retries: `many` is not a number of retries → a number from 0 to 1,000",
    ),
}


@BOTH
@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_an_impossible_setting_is_refused(name: str, head: str, text: str, message: str, tmp_path: Path) -> None:
    """The error names the file and the line, what is wrong and what would be right."""
    write(tmp_path, name, f"{head}{text}\n")

    expected = message.replace("{in}", " in [tool.sqlmigrate]" if head else "")
    expected = expected.replace("{of}", " of [tool.sqlmigrate]" if head else "")
    assert refusal(tmp_path) == f"{tmp_path}/{name}:{2 if head else 1}: {expected}"


def test_a_section_has_no_place_in_the_own_file(tmp_path: Path) -> None:
    """Who copies the table from pyproject.toml is told where the settings belong."""
    write(tmp_path, "sqlmigrate.toml", '[tool.sqlmigrate]\ntable = "own"\n')

    assert refusal(tmp_path) == (
        f"{tmp_path}/sqlmigrate.toml: unknown setting `tool`"
        " → in sqlmigrate.toml the settings stand at the top, without [tool.sqlmigrate]"
    )


@pytest.mark.parametrize("text", ["tool = 5 # sqlmigrate", "[tool]\nsqlmigrate = 5"], ids=["tool", "sqlmigrate"])
def test_a_section_that_is_not_a_table_is_refused(text: str, tmp_path: Path) -> None:
    """The error shows how the section is written."""
    assert refusal(write(tmp_path, "pyproject.toml", text)) == (
        f'{tmp_path}/pyproject.toml: [tool.sqlmigrate] is not a table → [tool.sqlmigrate]: table = "…"'
    )


@BOTH
@pytest.mark.parametrize(
    ("text", "reason"),
    [(b"[sqlmigrate\n", "Expected ']'"), (b'table = "caf\xe9" # sqlmigrate\n', "'utf-8' codec can't decode")],
    ids=["not TOML", "not UTF-8"],
)
def test_a_file_that_cannot_be_parsed_is_named(name: str, head: str, text: bytes, reason: str, tmp_path: Path) -> None:
    """The file and the place in it, as Python's own reader names it."""
    write(tmp_path, name, head.encode() + text)

    assert refusal(tmp_path).startswith(f"{tmp_path}/{name} cannot be read: {reason}")


@BOTH
def test_a_file_that_cannot_be_read_is_named(name: str, head: str, tmp_path: Path) -> None:  # noqa: ARG001
    """The operating system's reason is shown. Not even root can read the file that this link leads to."""
    (tmp_path / name).symlink_to("/proc/self/mem")

    assert refusal(tmp_path) == f"{tmp_path}/{name} cannot be read: Input/output error"


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder was deleted: an error, no traceback."""
    gone = tmp_path / "gone"
    gone.mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(gone)
        gone.rmdir()
        from sqlmigrate.cli.context import Context  # noqa: PLC0415 - read where the folder is gone

        with pytest.raises(ConfigError) as caught:
            _ = Context("status", {}).config
        patch.chdir(tmp_path)

    assert caught.value.message == "the current folder cannot be found: No such file or directory"

"""The Makefile of this repository: what a user sees while it installs. Python is replaced, so nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import children
import pytest
from documents import ROOT

_PYTHON = """\
#!/bin/sh
test "$1" != -I || exit {missing}
echo "Collecting psycopg, called as: $*"
exit {code}
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with a `.venv` whose programs only say that they were called."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    _program(tmp_path, "python", _PYTHON.format(code=0, missing=1))
    _program(tmp_path, "sqlmigrate", '#!/bin/sh\necho "sqlmigrate $*"\n')
    return tmp_path


def _program(clone: Path, name: str, text: str) -> None:
    path = clone / ".venv" / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _make(clone: Path, *arguments: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    ended = children.run(["make", *arguments], cwd=clone, env=environment, capture_output=True, text=True)
    return ended.returncode, ended.stdout, ended.stderr


def test_make_migrate_says_what_it_installs(clone: Path) -> None:
    """What is installed and how large it is comes first, then pip's own lines; stdout has the result alone."""
    code, stdout, stderr = _make(clone, "migrate")

    assert (code, stdout) == (0, "sqlmigrate up\n")
    assert stderr == (
        "installing sqlmigrate into .venv, only once: about 30 MB, most of it a PostgreSQL for development\n"
        "Collecting psycopg, called as: -m pip install --disable-pip-version-check --editable .[embedded]\n"
    )


def test_what_pip_has_installed_before_is_told_in_one_line(clone: Path) -> None:
    """After the pip of README, `make` has only to note it: pip is quiet."""
    _program(clone, "python", _PYTHON.format(code=0, missing=0))

    assert _make(clone, "status") == (
        0,
        "sqlmigrate status\n",
        (
            "sqlmigrate is in .venv: from now on it is the one of this folder\n"
            "Collecting psycopg, called as: -m pip install --disable-pip-version-check --quiet --editable .[embedded]\n"
        ),
    )


def test_the_second_call_installs_nothing(clone: Path) -> None:
    """Nothing is said about an installation that is there."""
    _make(clone, "migrate")

    assert _make(clone, "status") == (0, "sqlmigrate status\n", "")


def test_a_failed_installation_is_not_taken_for_done(clone: Path) -> None:
    """`sqlmigrate` is not called, and the next call installs again."""
    _program(clone, "python", _PYTHON.format(code=1, missing=1))
    code, stdout, stderr = _make(clone, "migrate")
    assert (code, stdout) == (2, "")
    assert "Collecting psycopg" in stderr

    _program(clone, "python", _PYTHON.format(code=0, missing=1))
    code, stdout, stderr = _make(clone, "migrate")
    assert (code, stdout) == (0, "sqlmigrate up\n")
    assert stderr.startswith("installing sqlmigrate into .venv")


def test_make_create_without_a_name(clone: Path) -> None:
    """The error says how make is called, not how the program is."""
    _make(clone, "status")

    code, stdout, stderr = _make(clone, "create")

    assert (code, stdout) == (2, "")
    assert stderr.startswith('a name is missing: make create name="add user settings table"\n')


def test_make_create_passes_the_name_on(clone: Path) -> None:
    """As one argument, whatever characters it contains."""
    _make(clone, "status")

    assert _make(clone, "create", 'name=add `x` "y"')[1] == 'sqlmigrate create add `x` "y"\n'

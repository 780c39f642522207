"""What is published: an sdist and a wheel that hold the whole program, and install into an empty environment."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import children
import pytest

import sqlmigrate

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STEM = f"sqlmigrate_pg-{sqlmigrate.__version__}"
SOURCES = {path.relative_to(ROOT).as_posix() for path in (ROOT / "sqlmigrate").rglob("*.py")} | {"sqlmigrate/py.typed"}

# The build backend that pyproject.toml names, called as pip calls it; it is installed already, so no network is needed.
BUILD_SDIST = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program that must end with 0, and return what it wrote to stdout."""
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", **environment}
    ended = children.run(command, cwd=cwd, env={**os.environ, **quiet}, capture_output=True, encoding="utf-8")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, built in a copy of the project, so that nothing is written into the working tree."""
    project = tmp_path_factory.mktemp("project with a space")
    shutil.copytree(ROOT / "sqlmigrate", project / "sqlmigrate", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    run(sys.executable, "-c", BUILD_SDIST, project / "dist", cwd=project)
    return project / "dist" / f"{STEM}.tar.gz"


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist alone."""
    folder = tmp_path_factory.mktemp("wheel")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    run(sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", folder, sdist, cwd=folder)
    return folder / f"{STEM}-py3-none-any.whl"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `bin` of an environment that the wheel is installed in.

    The dependencies are those of the test environment: its folder is on the path, and its links to the working tree
    (`.pth` files) are not followed from there.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    scheme = sysconfig.get_paths("venv", vars={"base": str(folder), "platbase": str(folder)})
    site, programs = Path(scheme["purelib"]), Path(scheme["scripts"])
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "dependencies.pth").write_text("\n".join(sorted(dependencies)), encoding="utf-8")
    offline = ("--no-deps", "--no-index", "--quiet")
    run(sys.executable, "-m", "pip", "--python", programs / "python", "install", *offline, wheel, cwd=folder)
    return programs


@pytest.mark.slow
def test_the_sdist_and_the_wheel_are_whole(sdist: Path, wheel: Path) -> None:
    """Both hold every module, the mark that it is typed, and the licence; the wheel holds nothing else."""
    with tarfile.open(sdist) as archive:
        in_sdist = set(archive.getnames())
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
        about = message_from_string(archive.read(f"{STEM}.dist-info/METADATA").decode())

    needed = SOURCES | {"LICENSE", "README.md", "pyproject.toml"}
    assert {f"{STEM}/{name}" for name in needed} <= in_sdist
    assert {name for name in in_wheel if not name.startswith(f"{STEM}.dist-info")} == SOURCES
    assert f"{STEM}.dist-info/licenses/LICENSE" in in_wheel
    assert (about["Name"], about["License-Expression"]) == ("sqlmigrate-pg", "MIT")
    assert about["Author"] == "the sqlmigrate authors"
    assert about["Description-Content-Type"] == "text/markdown"
    needs = [text for text in about.get_all("Requires-Dist", []) if "extra ==" not in text]
    assert needs == ["psycopg[binary]>=3.2.2", "sqlparse>=0.5", "click>=8.1", "rich>=13"]
    assert about.get_all("Provides-Extra") == ["embedded", "dev"]


def test_the_extras_name_the_project_itself() -> None:
    """The extra `dev` takes in `embedded` of this project, not of another one on the index."""
    assert PROJECT["name"] == "sqlmigrate-pg"
    assert "sqlmigrate-pg[embedded]" in PROJECT["optional-dependencies"]["dev"]


@pytest.mark.slow
def test_the_installed_program_works(installed: Path, tmp_path: Path, database: str) -> None:
    """It starts from the environment that it is installed in, not from the working tree, and executes a migration."""
    program = installed / "sqlmigrate"
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "001_add_customers.up.sql").write_text("create table customers (id bigint primary key);\n")

    assert run(program, "--version", cwd=tmp_path) == f"sqlmigrate {sqlmigrate.__version__}\n"
    where = run(installed / "python", "-c", "import sqlmigrate; print(sqlmigrate.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert "\n  review " in run(program, "--help", cwd=tmp_path)
    assert "1 executed" in run(program, "up", cwd=tmp_path, DATABASE_URL=database)

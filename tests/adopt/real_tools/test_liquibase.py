"""Liquibase itself executes the twelve migrations, and is taken over.

The npm package brings the jars of Liquibase 4.28; what in it is not under a free licence is not called.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import children
import pytest
import real_tools
from psycopg.conninfo import conninfo_to_dict
from twelve_migrations import EXECUTED, TWELVE, Execute, Folder, changed, finish, go_whole_way, refusal

pytestmark = pytest.mark.slow
FOLDER = Path("src", "main", "resources", "db", "changelog")
ROOT = """\
<?xml version="1.0" encoding="UTF-8"?>
<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://www.liquibase.org/xml/ns/dbchangelog
        http://www.liquibase.org/xml/ns/dbchangelog/dbchangelog-latest.xsd">
{}</databaseChangeLog>
"""


@pytest.fixture(scope="session")
def program(got: Callable[[Callable[[], Path]], Path]) -> list[str]:
    """Java, and the jars that are called."""
    java = got(lambda: real_tools.debian("java"))
    node = got(lambda: real_tools.npm("node-liquibase", "--ignore-scripts", "liquibase@4.28.1"))
    jars = (node.parents[1] / "liquibase" / "dist" / "liquibase" / "internal" / "lib").glob("*.jar")
    used = sorted(str(jar) for jar in jars if "commercial" not in jar.name)
    return [str(java), "-Xshare:auto", "-cp", ":".join(used), "liquibase.integration.commandline.LiquibaseCommandLine"]


def write(root: Path) -> None:
    (root / FOLDER).mkdir(parents=True)
    included = ""
    for number, step in enumerate(TWELVE):
        options = "" if step.has_transaction else " runInTransaction:false"
        rollback = "".join(f"--rollback {line}\n" for line in step.down.splitlines())
        marker = f"--changeset ann:{step.name}{options} splitStatements:false\n--comment of {step.name}\n"
        text = f"--liquibase formatted sql\n\n{marker}{step.up}\n{rollback}"
        name = f"{number:02}-{step.name}.sql"
        (root / FOLDER / name).write_bytes(text.encode())
        included += f'  <include file="db/changelog/{name}"/>\n'
    (root / FOLDER / "root.xml").write_text(ROOT.format(included))


@pytest.fixture
def execute(program: list[str]) -> Execute:
    def executed(root: Path, url: str, count: int | None) -> CompletedProcess[str]:
        to = conninfo_to_dict(url)
        command = [
            *program, "--log-level=off", "--show-banner=false", f"--username={to['user']}",
            f"--password={to['password']}", f"--url=jdbc:postgresql://{to['host']}:{to['port']}/{to['dbname']}",
            f"--search-path={root / FOLDER.parents[1]}", "--changelog-file=db/changelog/root.xml",
            *(["update-count", f"--count={count}"] if count else ["update"]),
        ]  # fmt: skip
        return children.run(command, cwd=root, capture_output=True, encoding="utf-8")

    return executed


def test_the_whole_way(make: Callable[..., Folder], execute: Execute) -> None:
    """The same are executed and pending; both lead to one schema; each checksum is verified."""
    folder, whole = make(write, execute, EXECUTED), make(write, execute, None)

    go_whole_way(folder, whole)

    assert folder.details() == ["adopted from Liquibase; the checksum of Liquibase agrees with the file"]


def test_a_flipped_byte_is_found_and_it_changes_nothing_after_finish(
    make: Callable[..., Folder], execute: Execute
) -> None:
    """It takes its lock first, and reads our sentence."""
    folder = make(write, execute, EXECUTED)
    path = FOLDER / "01-posts.sql"
    text = (folder.root / path).read_bytes()
    (folder.root / path).write_bytes(text.replace(b"body text", b"budy text"))
    assert refusal(folder) == changed(str(path), "Liquibase")
    (folder.root / path).write_bytes(text)
    folder.adopt("--write")

    assert "this database is looked after by sqlmigrate now" in finish(folder)

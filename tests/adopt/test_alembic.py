"""Alembic: revisions in Python, and a history with a row for each branch. Files and rows are written by hand."""

from __future__ import annotations

import pytest
from foreign_folder import details, found, put, refused, remarks, written
from project import Project

HISTORY = "create table alembic_version (version_num varchar(32) not null constraint alembic_version_pkc primary key)"
TRUSTED = "adopted from Alembic; taken on trust: Alembic keeps no checksum"


def revision(name: str, after: str, *, extra: str = "") -> str:
    return (
        f'"""{name.title()} of the shop\n\nRevision ID: x\n"""\nfrom typing import Union\n\nfrom alembic import op\n'
        f"raise SystemExit('it is never executed')\n\n"
        f"revision: str = '{name}'\ndown_revision: Union[str, None] = {after}\n{extra}\n\n"
        "def upgrade() -> None:\n    op.execute('select 1')\n\n\ndef downgrade() -> None:\n    pass\n"
    )


FILES = {
    "versions/1a_users.py": revision("1a", "None"),
    "versions/2b_orders.py": revision("2b", "'1a'"),
    "versions/deep/3c_.py": revision("3c", "'2b'"),
    "env.py": "from alembic import context\n",
}
PAIRS = {"001_users": "create table users ();\n", "002_orders": "select 2;\n", "003_3c_of_the_shop": "select 3;\n"}


def at(project: Project, *heads: str) -> None:
    """Make the history: a row for each head."""
    project.execute(HISTORY)
    for head in heads:
        project.execute("insert into alembic_version values (%s)", head)


def obstacle(path: str, before: str, key: str, label: str) -> str:
    return (
        f"❌ alembic/{path}:14:1: the migration is Python: only Alembic can say what its SQL is: "
        f"write what `alembic upgrade {before}:{key} --sql` prints to sql/{label}.up.sql, and "
        f"`alembic downgrade {key}:{before} --sql` to sql/{label}.down.sql, without the lines about alembic_version"
    )


def test_each_revision_is_an_obstacle_with_the_command_that_prints_its_sql(project: Project) -> None:
    """The chain is read, and nothing is executed."""
    put(project, "alembic", FILES)
    at(project, "2b")

    looked = project.call("adopt")

    assert found(looked) == [
        "Alembic",
        "files     alembic/ · 3 migrations, to be converted",
        "history   alembic_version · 2 executed, 1 pending",
    ]
    assert remarks(looked) == [
        obstacle("versions/1a_users.py", "base", "1a", "001_users"),
        obstacle("versions/2b_orders.py", "1a", "2b", "002_orders"),
        obstacle("versions/deep/3c_.py", "2b", "3c", "003_3c_of_the_shop"),
    ]
    assert project.call("adopt", "--write", "--yes").code == 1
    assert written(project) == {}


def test_pairs_written_by_hand_take_their_place(project: Project) -> None:
    """Then the history is recorded; what it does not list is below what it lists."""
    put(project, "alembic", FILES)
    at(project, "2b")
    for label, text in PAIRS.items():
        project.add(label, text)

    ended = project.call("adopt", "--write", "--yes")

    assert ended.code == 0, ended.stderr
    assert written(project) == {f"{label}.up.sql": text for label, text in PAIRS.items()}
    assert list(project.states().values()) == ["executed", "executed", "pending"]
    assert details(project) == {"001": TRUSTED, "002": TRUSTED}
    assert "0 files written, 0 migrations recorded" in project.call("adopt", "--write", "--yes").stdout


def test_the_history_is_asked_for(project: Project) -> None:
    """It has one row, so that a revision that was skipped looks executed."""
    put(project, "alembic", FILES)
    at(project, "2b")
    for label, text in PAIRS.items():
        project.add(label, text)

    ended = project.call("adopt", "--write")

    assert ended.code != 0
    assert ended.stderr.splitlines()[:3] == [
        "✅ 001_users            executed  taken on trust: Alembic keeps no checksum",
        "✅ 002_orders           executed  taken on trust: Alembic keeps no checksum",
        "⏸️ 003_3c_of_the_shop   pending",
    ]


def test_branches_merges_and_dependencies(project: Project) -> None:
    """A row for each head: all that it comes after is executed, along all ways."""
    put(
        project,
        "migrations",
        {
            "versions/0_base.py": revision("0", "None"),
            "versions/a_left.py": revision("a", "'0'", extra="branch_labels = ('left',)\n"),
            "versions/b_right.py": revision("b", "'0'"),
            "versions/c_merge.py": revision("c", "('a', 'b')"),
            "versions/d_other.py": revision("d", "None", extra="depends_on = 'left'\n"),
            "versions/e_later.py": revision("e", "'c'"),
        },
    )
    at(project, "b", "d")
    for label in ("001_base", "002_left", "003_right", "004_merge", "005_other", "006_later"):
        project.add(label, "select 1;\n")

    assert project.call("adopt", "--write", "--yes").code == 0

    assert project.states() == {
        "001_base": "executed",
        "002_left": "executed",
        "003_right": "executed",
        "004_merge": "out of order",
        "005_other": "executed",
        "006_later": "pending",
    }


def test_a_revision_without_a_file_is_refused(project: Project) -> None:
    """The folder is another one, or files were removed: what is executed is not known."""
    put(project, "alembic", FILES)
    at(project, "9f")

    assert refused(project.call("adopt", "--write", "--yes"))[0] == (
        "error: Alembic is at version 9f, and alembic has no file of that version: "
        "it is not known which files are executed"
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"versions/deep/3c_.py": revision("3c", "'gone'")},
            "alembic/versions/deep/3c_.py comes after `gone`, which is in no file of this folder",
        ),
        (
            {"versions/again.py": revision("2b", "'1a'")},
            "alembic/versions/2b_orders.py and alembic/versions/again.py have the same revision `2b`",
        ),
        (
            {"versions/1a_users.py": revision("1a", "'3c'")},
            "alembic/versions/1a_users.py comes after itself: its chain of revisions is a circle",
        ),
    ],
)
def test_a_chain_that_cannot_be_followed_is_refused(project: Project, files: dict[str, str], message: str) -> None:
    """Pairs written by hand do not help: what is executed is not known."""
    put(project, "alembic", {**FILES, **files})
    at(project, "2b")
    for label, text in PAIRS.items():
        project.add(label, text)

    assert refused(project.call("adopt", "--write", "--yes"))[0] == f"error: {message}"


def test_a_file_that_cannot_be_read_is_told(project: Project) -> None:
    """A revision may be computed; nothing is executed to find out."""
    put(project, "alembic", {**FILES, "versions/x.py": "revision = f()\ndown_revision = None\n", "y.py": "revision ="})

    assert remarks(project.call("adopt"))[-2:] == [
        f"⚠️ alembic/{name} is left out: its `revision` and `down_revision` are no constants that can be read"
        for name in ("versions/x.py", "y.py")
    ]


def test_finish_and_undo(project: Project) -> None:
    """A row that is no revision stops Alembic before it executes anything."""
    put(project, "alembic", FILES)
    at(project, "2b")
    for label, text in PAIRS.items():
        project.add(label, text)
    project.call("adopt", "--write", "--yes")

    assert project.call("adopt", "--finish").code == 0
    rows = "select version_num from alembic_version order by 1"
    assert project.query(rows) == [("2b",), ("looked_after_by_sqlmigrate",)]
    assert project.call("adopt", "--undo", "--yes").code == 0
    assert project.query(rows) == [("2b",)]


@pytest.mark.parametrize("location", ["src/db/revisions", "%(here)s/src/db/revisions", "./src/db/revisions/"])
def test_the_folder_of_the_settings_is_found(project: Project, location: str) -> None:
    """`alembic.ini` is in the root of the project."""
    put(project, "src/db/revisions", FILES)
    put(project, ".", {"alembic.ini": f"[alembic]\n# script_location = other\nscript_location = {location}\n"})
    at(project, "2b")

    assert found(project.call("adopt")) == [
        "Alembic",
        "files     src/db/revisions/ · 3 migrations, to be converted",
        "history   alembic_version · 2 executed, 1 pending",
    ]


def test_the_folder_of_the_settings_may_be_a_usual_one(project: Project) -> None:
    """It is one folder, not two."""
    put(project, "alembic", FILES)
    put(project, ".", {"alembic.ini": "[alembic]\nscript_location = alembic\n"})
    at(project, "2b")

    assert found(project.call("adopt"))[:2] == ["Alembic", "files     alembic/ · 3 migrations, to be converted"]

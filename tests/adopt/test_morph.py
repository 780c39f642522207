"""morph: pairs of files, and a history of versions and names. Files and rows are written by hand."""

from __future__ import annotations

from foreign_folder import details, found, put, refused, remarks, texts_in, written
from project import Project

HISTORY = "create table db_migrations (version bigint not null primary key, name varchar not null)"
USERS = "create table users (id int);\n"
PAIRS = {
    "000001_users.up.sql": USERS,
    "000001_users.down.sql": "drop table users;\n",
    "000002_later.up.sql": "select 2;\n",
    "000002_later.down.sql": "select 3;\n",
}
MARKED = {
    "000003_index.up.sql": "-- morph:nontransactional\nselect 3;\nselect 4;\n",
    "000003_index.down.sql": "-- morph:nontransactional\nselect 5;\n",
}


def at(project: Project, **executed: int) -> None:
    """Make the history: version by name."""
    project.execute(HISTORY)
    for name, version in executed.items():
        project.execute("insert into db_migrations values (%s, %s)", version, name)


def test_pairs_that_fit_stay_where_they_are(project: Project) -> None:
    """The history decides that it is morph."""
    put(project, "migrations", PAIRS)
    at(project, users=1)

    assert found(project.call("adopt")) == [
        "morph",
        "files     migrations/ · 2 migrations, read as they are",
        "history   db_migrations · 1 executed, 1 pending",
    ]
    assert project.call("adopt", "--write").code == 0
    assert written(project) == {}
    assert texts_in(project.folder.parent / "migrations") == PAIRS
    assert details(project) == {"000001": "adopted from morph; taken on trust: morph keeps no checksum"}


def test_a_switched_off_transaction_becomes_the_directive(project: Project) -> None:
    """So the folder has to be converted; the comment says that it is morph's."""
    put(project, "migrations", {**PAIRS, **MARKED})

    looked = project.call("adopt")

    assert found(looked)[:2] == ["morph", "files     migrations/ · 3 migrations, to be converted"]
    assert remarks(looked) == [
        "⚠️ migrations/000003_index.up.sql:1:1: `-- morph:nontransactional` becomes the directive `no-transaction`",
        "⚠️ migrations/000003_index.down.sql:1:1: `-- morph:nontransactional` becomes the directive `no-transaction`",
    ]
    assert project.call("adopt", "--write").code == 0
    assert {name: text for name, text in written(project).items() if "index" in name} == {
        name: f"-- sqlmigrate: no-transaction\n{text}" for name, text in MARKED.items()
    }


def test_the_order_is_that_of_the_names_as_text(project: Project) -> None:
    """10 comes before 2: our versions follow that order, with the old name in a comment."""
    put(project, "migrations", {"10_ten.up.sql": "select 10;\n", "2_two.up.sql": "select 2;\n"})
    at(project, ten=10)

    assert project.call("adopt", "--write").code == 0
    assert written(project) == {
        "10_ten.up.sql": "select 10;\n",
        "11_two.up.sql": "-- before: 2_two.up.sql\nselect 2;\n",
    }
    assert project.states() == {"10_ten": "executed", "11_two": "pending"}


def test_the_name_tells_doubled_versions_apart(project: Project) -> None:
    """The history keeps the name: the other file is not executed."""
    put(project, "migrations", {**PAIRS, "000001_accounts.up.sql": "select 0;\n"})
    at(project, users=1)

    assert project.call("adopt", "--write").code == 0
    assert project.states() == {
        "000001_accounts": "out of order",
        "000002_users": "executed",
        "000003_later": "pending",
    }


def test_its_lock_is_respected(project: Project) -> None:
    """It is a row that expires."""
    put(project, "migrations", PAIRS)
    at(project, users=1)
    project.execute("create table db_lock (id varchar(64) primary key, expireat bigint)")
    project.execute("insert into db_lock values ('mutex_migrations', extract(epoch from now() + interval '1 minute'))")

    assert refused(project.call("adopt", "--write")) == [
        "error: a run of morph is under way: it holds its lock (lock mutex_migrations)",
        "nothing was changed",
        "hint    try again when it has ended",
        "next    sqlmigrate adopt --write",
    ]
    project.execute("update db_lock set expireat = expireat - 120")
    assert project.call("adopt", "--write").code == 0

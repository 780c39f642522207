"""refinery: `V` and `U` files, and a history with checksums. Files and rows are written by hand.

The checksums are those that refinery 0.9 wrote for these texts.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from foreign_folder import details, found, put, refused, remarks, written
from project import Project

from sqlmigrate.adopt.foreign import ForeignMigration
from sqlmigrate.adopt.tools.refinery import checksum

TRIGGER = "create trigger t before insert on posts for each row execute function touch();\n"
CRLF = "alter table posts add column body text;\r\nalter table posts add column words int;\r\n"
GREAT = "insert into posts (id, user_id, title) select g, 1, 'größe ' || g from generate_series(1, 5) g;\n"
FILES = {
    "sub/V5__trigger.sql": TRIGGER,
    "V6__crlf.sql": CRLF,
    "V10__add_data.sql": GREAT,
    "V11__later.sql": "select 1;\n",
}
SEEN = {5: "16478654807296187181", 6: "5188097967309657129", 10: "10237110776792367473"}
TIME = datetime(2026, 11, 29, 1, 44, 55, 526153, tzinfo=UTC)


def at(project: Project, **executed: int) -> None:
    """Make the history: version by name, with the checksums that refinery wrote."""
    project.execute("""\
        create table refinery_schema_history (
            version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))""")
    for name, version in executed.items():
        row = (version, name, "2026-11-29T01:44:55.526152529Z", SEEN[version])
        project.execute("insert into refinery_schema_history values (%s, %s, %s, %s)", *row)


def test_files_and_history_are_taken_over(project: Project) -> None:
    """Files of folders count too; times are text; the checksum's verdict is in the log."""
    put(project, "migrations", FILES)
    at(project, trigger=5, crlf=6, add_data=10)

    looked = project.call("adopt")
    ended = project.call("adopt", "--write")

    assert found(looked) == [
        "refinery",
        "files     migrations/ · 4 migrations, to be converted",
        "history   refinery_schema_history · 3 executed, 1 pending",
    ]
    assert ended.code == 0, ended.stderr
    assert written(project) == {
        "10_add_data.up.sql": GREAT,
        "11_later.up.sql": "select 1;\n",
        "5_trigger.up.sql": TRIGGER,
        "6_crlf.up.sql": CRLF,
    }
    assert project.query("select executed_at from migrations") == [(TIME,)] * 3
    assert set(details(project).values()) == {"adopted from refinery; the checksum of refinery agrees with the file"}
    assert project.states()["11_later"] == "pending"


def test_a_changed_file_is_flagged(project: Project) -> None:
    """One byte is enough."""
    put(project, "migrations", {**FILES, "V10__add_data.sql": GREAT.replace("ö", "o")})
    at(project, trigger=5, crlf=6, add_data=10)

    assert refused(project.call("adopt", "--write")) == [
        (
            "error: migrations/V10__add_data.sql was changed after refinery executed it: the checksum in its history "
            "differs"
        ),
        "nothing was changed",
        "hint    restore the file; or, if the change is right, take 1 changed file as executed",
        "next    sqlmigrate adopt --write --trust-changed",
    ]


def test_the_line_ends_of_git_are_no_change(project: Project) -> None:
    """The file was executed with CRLF, and has LF here; or the other way round."""
    texts = {"V6__crlf.sql": CRLF.replace("\r", ""), "V10__add_data.sql": GREAT.replace("\n", "\r\n")}
    put(project, "migrations", {**FILES, **texts})
    at(project, trigger=5, crlf=6, add_data=10)

    assert project.call("adopt", "--write").code == 0


@pytest.mark.parametrize(
    ("version", "name", "text", "seen"),
    [
        (2, "posts", "create table posts (id bigint primary key, user_id bigint references users (id), title text);\n",
         "3140071905754992992"),
        (7, "semi_name", 'alter table users add column "semi;name" int default 0;\n', "10055436687363345441"),
        (9, "comment", "comment on table posts is $$no; newline at the end$$;", "15665234278333680645"),
        (13, "sleep", "select pg_sleep(3);\n", "8542814420970770294"),
        (17, "ü", "select 1;\n", "16062060494355635956"),
    ],
)  # fmt: skip
def test_the_checksum_is_that_of_the_real_tool(version: int, name: str, text: str, seen: str) -> None:
    """SipHash-1-3 of name, version and text, each as Rust hashes it."""
    migration = ForeignMigration(str(version), f"{version}", name, "", None)

    assert checksum(migration, text.encode(), 4) == seen


def test_u_files_are_migrations_in_the_order_of_their_numbers(project: Project) -> None:
    """The tool executes them whenever it finds them; they are no undo."""
    put(project, "migrations", {**FILES, "U7__late.sql": "select 7;\n"})
    at(project, trigger=5)

    assert project.call("adopt", "--write").code == 0
    assert list(project.states()) == ["5_trigger", "6_crlf", "7_late", "10_add_data", "11_later"]


def test_names_without_a_history_may_be_flyways_too(project: Project) -> None:
    """Both would convert them to the same files: there is nothing to ask."""
    put(project, "migrations", {"V1__a.sql": "select 1;\n", "V2__b.sql": "select 2;\n"})

    assert found(project.call("adopt"))[0] in ("refinery or Flyway", "Flyway or refinery")
    assert project.call("adopt", "--write").code == 0
    assert written(project) == {"1_a.up.sql": "select 1;\n", "2_b.up.sql": "select 2;\n"}


@pytest.mark.parametrize("name", ["V1.1__x.sql", "U1__x.sql", "R__x.sql", "B3__x.sql"])
def test_a_folder_that_refinery_refuses_is_flyways(project: Project, name: str) -> None:
    """A version with a dot, one that is there twice, and kinds of files that only Flyway has."""
    put(project, "migrations", {"V1__a.sql": "select 1;\n", name: "select 2;\n"})

    assert found(project.call("adopt"))[0] == "Flyway"


def test_a_program_in_rust_needs_a_pair_written_by_hand(project: Project) -> None:
    """It is told with its place, and it says that the folder is refinery's."""
    put(project, "migrations", {"V1__a.sql": "select 1;\n", "V2__fill.rs": "pub fn migration() -> String {}"})

    assert found(project.call("adopt"))[0] == "refinery"
    assert remarks(project.call("adopt")) == [
        (
            "❌ migrations/V2__fill.rs is a program in Rust, and cannot be converted: write in SQL what it does into "
            "sql/2_fill.up.sql; if it is executed already, `select 1;` will do"
        )
    ]
    project.add("2_fill", "select 2;")
    assert project.call("adopt", "--write").code == 0


def test_other_names_are_not_migrations(project: Project) -> None:
    """The tool passes over them with a warning; bytes that are no text are an obstacle."""
    others = {"v7__a.sql": "", "V8_a.sql": "", "V9__a b.sql": "", "V9__a-b.sql": ""}
    put(project, "migrations", {"U1__a.sql": "select 'ö';".encode("latin-1"), **others})

    looked = project.call("adopt", "--tool", "refinery")

    assert found(looked)[1] == "files     migrations/ · 1 migration, to be converted"
    assert remarks(looked) == ["❌ migrations/U1__a.sql:1:9: the byte 0xF6 is not UTF-8: save it as UTF-8"]

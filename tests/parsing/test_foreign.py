"""Files of other tools: a part of the other direction is refused, a directive without effect is noted."""

from __future__ import annotations

import pytest

from sqlmigrate.errors import Kind, MigrationError
from sqlmigrate.parsing.foreign import both_directions_in
from sqlmigrate.parsing.script import read
from sqlmigrate.source import Source

UP, DOWN = "create table users (id int);\n", "drop table users;\n"

# What begins the part that undoes, and the name by which the message calls the tool; spelled as the tools read it.
DOWN_MARKERS = {
    "-- migrate:down": "dbmate",
    "--migrate:down": "dbmate",
    "-- migrate:down transaction:false": "dbmate",
    "--   migrate:down\t": "dbmate",
    "-- +goose Down": "goose",
    "-- +goose down": "goose",
    "-- +GOOSE DOWN": "goose",
    "--+goose Down": "goose",
    "-- +goose  Down -- drops it": "goose",
    "-- +migrate Down": "sql-migrate",
    "-- +migrate Down notransaction": "sql-migrate",
    "---- create above / drop below ----": "tern",
    "-- Down Migration": "node-pg-migrate",
    "-- down migration": "node-pg-migrate",
    "--DOWN   MIGRATION": "node-pg-migrate",
    "  --- Down Migration ---": "node-pg-migrate",
    "-- Down Migration: drops it": "node-pg-migrate",
    "-- //@UNDO": "MyBatis Migrations",
    "--//@UNDO": "MyBatis Migrations",
    "-- // @UNDO": "MyBatis Migrations",
    "--  //  @undo": "MyBatis Migrations",
    "-- rambler down": "rambler",
    "-- !Downs": "Play",
    "--- !Downs": "Play",
    "# --- !Downs": "Play",
    "-- +micrate Down": "other tools",
    "-- ==== DOWN ====": "other tools",
    "-- Down": "other tools",
    "-- DOWN:": "other tools",
    "-- @down": "other tools",
    "-- rollback": "other tools",
    "-- undo": "other tools",
    "-- Migration: down": "other tools",
}
UP_MARKERS = ("-- migrate:up", "-- +goose Up", "-- +migrate Up", "-- Up Migration", "-- rambler up", "-- !Ups", "-- Up")


def faults(text: str, path: str = "sql/001_users.up.sql") -> list[str]:
    """Return the place of each fault of a file, with its message and its hint."""
    try:
        read(Source(path, text))
    except MigrationError as error:
        return [f"{each} → {each.hint}" for each in (error, *error.others)]
    return []


@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(("marker", "tool"), DOWN_MARKERS.items(), ids=DOWN_MARKERS)
def test_a_file_with_both_directions_is_refused(marker: str, tool: str, ending: str) -> None:
    """The message names the tool and the line of the marker; the hint names the down file."""
    text = (UP + "\n" + marker + "\n" + DOWN).replace("\n", ending)

    (fault, *_) = faults(text)

    shown = marker.strip().removeprefix("# ")
    column = marker.index("--") + 1
    do = "do" if tool == "other tools" else "does"
    assert fault == (
        f"sql/001_users.up.sql:3:{column}: this file keeps both directions, as {tool} {do}: "
        f"`up` would also execute the statements below `{shown}` → "
        "move the statements below this line to sql/001_users.down.sql"
    )


@pytest.mark.parametrize("marker", ["-- migrate:down", "-- +goose Down", "-- Down Migration", "-- //@UNDO"])
def test_a_marker_inside_a_statement_counts(marker: str) -> None:
    """If the `;` above the marker is missing, both parts are one statement."""
    assert "keeps both directions" in faults(f"create table users (id int)\n{marker}\ndrop table users;\n")[0]


def test_the_error_can_be_told_apart() -> None:
    """Programs know it by its kind."""
    with pytest.raises(MigrationError) as caught:
        read(Source("sql/001_a.up.sql", f"{UP}-- migrate:down\n{DOWN}"))
    assert caught.value.kind is Kind.BOTH_DIRECTIONS


@pytest.mark.parametrize("marker", DOWN_MARKERS)
def test_a_marker_elsewhere_is_none(marker: str) -> None:
    """In a string, a dollar quote, a quoted name, a block comment or data of COPY it is ordinary text."""
    for text in (
        f"select '\n{marker}\n';\n",
        f"select $$\n{marker}\n$$;\n",
        f"select e'\\'\n{marker}\n' as \"\n{marker}\n\";\n",
        f"/*\n{marker}\n*/\n{UP}",
        f"copy t from stdin;\n{marker}\n\\.\n",
        f"create function f() returns int language sql as $f$\n{marker}\nselect 1 $f$;\n",
    ):
        assert faults(f"{UP}{text}{DOWN}") == []


@pytest.mark.parametrize("marker", DOWN_MARKERS)
def test_a_part_without_statements_is_harmless(marker: str) -> None:
    """An empty part is usual: dbmate wants both markers, also where nothing is to be undone."""
    if not marker.startswith("#"):
        assert faults(f"{UP}\n{marker}\n-- nothing to do\n") == []


@pytest.mark.parametrize("marker", UP_MARKERS)
def test_an_up_marker_alone_is_harmless(marker: str) -> None:
    """The file was split in two already, and its marker was left."""
    assert faults(f"{marker}\n{UP}") == []


@pytest.mark.parametrize(
    "comment",
    [
        "-- Down migration drops the table, see the other file",
        "-- down",
        "-- rollback",
        "-- undo:",
        "-- migrate:downgrade",
        "-- migrate down the tree",
        "-- the server goes down",
        "-- down payment",
        "-- create above / drop below",
        "-- rollback: drop table users",
    ],
)
def test_an_ordinary_comment_at_the_head_is_none(comment: str) -> None:
    """Above the first statement, a word such as `down` begins nothing."""
    assert faults(f"{comment}\n{UP}{UP}") == []


@pytest.mark.parametrize(
    "comment",
    ["-- the server goes down", "-- rollback of release 4: two tables", "-- down payment", "-- ups and downs"],
)
def test_an_ordinary_comment_between_statements_is_none(comment: str) -> None:
    """A sentence that holds the word is a sentence."""
    assert faults(f"{UP}{comment}\ncreate table payments ();\n") == []


# -- down files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", [each for each in DOWN_MARKERS if not each.startswith("#")])
def test_a_marker_at_the_head_of_a_down_file_is_harmless(marker: str) -> None:
    """The whole file is the part that undoes."""
    assert faults(f"{marker}\n{DOWN}", "sql/001_users.down.sql") == []


@pytest.mark.parametrize("marker", UP_MARKERS[:-1])
def test_a_down_file_that_holds_the_up_part_is_refused(marker: str) -> None:
    """The whole file of another tool was copied under the name of a down file."""
    (fault,) = faults(f"{marker}\n{UP}\n-- migrate:down\n{DOWN}", "sql/001_users.down.sql")
    assert fault.endswith("move the statements below this line to sql/001_users.up.sql")
    assert fault.startswith("sql/001_users.down.sql:1:1: this file keeps both directions")


def test_a_down_file_with_a_separator_is_refused() -> None:
    """In a file of tern there is no marker for the up part: it is all that stands above the separator."""
    (fault,) = faults(f"{UP}---- create above / drop below ----\n{DOWN}", "sql/001_users.down.sql")
    assert "`down` would also execute the statements above `---- create above / drop below ----`" in fault


def test_a_recorded_down_text_is_checked_too() -> None:
    """`down` executes it, if the file is gone."""
    assert faults(f"-- +goose Up\n{UP}-- +goose Down\n{DOWN}", "history of 001_users (down)") != []


def test_a_recorded_up_text_is_not() -> None:
    """It is only compared, never executed."""
    assert faults(f"{UP}-- +goose Down\n{DOWN}", "history of 001_users") == []


# -- Liquibase ---------------------------------------------------------------------------------------------------------

LIQUIBASE = "--liquibase formatted sql\n\n--changeset ann:1\n"


@pytest.mark.parametrize(
    "comment",
    ["--rollback drop table users;", "-- rollback DROP TABLE users;", "--ROLLBACK drop table users",
     "/* liquibase rollback\ndrop table users;\n*/"],
    ids=["usual", "with a blank", "in capitals", "block"],
)  # fmt: skip
def test_a_liquibase_file_with_a_rollback_is_refused(comment: str) -> None:
    """Its rollback is a comment here: `down` would do nothing."""
    (fault,) = faults(LIQUIBASE + UP + comment + "\n")
    assert fault.startswith("sql/001_users.up.sql:5:1: this file keeps both directions, as Liquibase does: ")
    assert fault.endswith("→ move its SQL to sql/001_users.down.sql, and delete the comment")


@pytest.mark.parametrize("comment", ["", "--rollback not required\n", "--rollback empty\n"])
def test_a_liquibase_file_without_a_rollback_is_executed(comment: str) -> None:
    """Nothing of it is lost."""
    assert faults(LIQUIBASE + UP + comment) == []


def test_a_comment_about_a_rollback_is_none() -> None:
    """Without the first line that Liquibase wants, it is a comment."""
    assert faults(f"{UP}--rollback drop table users;\n") == []


# -- directives of other tools -----------------------------------------------------------------------------------------

NO_TRANSACTION = "has no effect here; without a transaction: `-- sqlmigrate: no-transaction`"


@pytest.mark.parametrize(
    "comment",
    [
        "-- +goose NO TRANSACTION",
        "-- migrate:up transaction:false",
        "-- +migrate Up notransaction",
        "--! no-transaction",
        "---- tern: disable-tx ----",
        "-- morph:nontransactional",
        "-- no-transaction",
        "-- transactional: false",
        "-- atlas:txmode none",
        "--changeset ann:1 runInTransaction:false",
        "-- executeInTransaction=false",
    ],
)
def test_a_directive_of_another_tool_is_noted(comment: str) -> None:
    """The note names the directive that we know instead."""
    script = read(Source("sql/001_users.up.sql", f"{comment}\n{UP}{UP}"))
    assert script.notes == (f"line 1: `{comment}` {NO_TRANSACTION}",)


def test_without_a_transaction_there_is_nothing_to_note() -> None:
    """The file runs as it was intended."""
    assert read(Source("a.up.sql", f"-- sqlmigrate: no-transaction\n-- +goose NO TRANSACTION\n{UP}")).notes == ()
    assert read(Source("a.up.sql", "-- +goose NO TRANSACTION\ncreate index concurrently i on t (a);")).notes == ()


def test_other_directives_are_noted_once() -> None:
    """`StatementBegin` is not needed, and variables are not replaced."""
    text = (
        "-- +goose ENVSUB ON\n-- +goose StatementBegin\nselect 1;\n-- +goose StatementEnd\n-- +goose StatementBegin\n"
    )
    assert read(Source("a.up.sql", text)).notes == (
        "line 1: `-- +goose ENVSUB ON` has no effect here: variables are not replaced",
        "line 2: `-- +goose StatementBegin` is not needed: the bodies of functions are recognised without it",
    )


# -- files that are not migrations yet ---------------------------------------------------------------------------------


WRONG_NAME = MigrationError("not a name", hint="rename it to 001_users.up.sql")


@pytest.mark.parametrize("marker", DOWN_MARKERS)
def test_a_file_with_a_wrong_name_is_known_too(marker: str) -> None:
    """No hint tells to rename such a file: what undoes the change would be executed with it."""
    found = both_directions_in(Source("sql/001_users.sql", f"-- migrate:up\n{UP}\n{marker}\n{DOWN}"), WRONG_NAME)
    assert found is not None
    assert found.message.startswith("sql/001_users.sql keeps both directions in one file, as ")
    assert found.span is not None
    assert found.span.line == 4
    assert found.hint == (
        "write two files: what makes the change into 001_users.up.sql, "
        "and what undoes it (from line 4 on) into 001_users.down.sql"
    )


def test_a_liquibase_file_with_a_wrong_name() -> None:
    """Its rollbacks are comments."""
    source = Source("sql/001_users.sql", f"{LIQUIBASE}{UP}--rollback drop table users;\n")
    found = both_directions_in(source, WRONG_NAME)
    assert found is not None
    assert found.message == "sql/001_users.sql keeps both directions in one file, as Liquibase does"


def test_a_file_with_one_direction_is_not() -> None:
    """Such a file may be renamed."""
    assert both_directions_in(Source("sql/001_users.sql", f"-- migrate:up\n{UP}"), WRONG_NAME) is None
    assert both_directions_in(Source("sql/001_users.sql", f"{UP}-- the rest\n{UP}"), WRONG_NAME) is None

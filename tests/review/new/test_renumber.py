"""`renumber`: new migrations behind what is merged, both files, whole or not at all."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import children
import pytest
from git_repository import Repository
from squashed_folder import squash

from sqlmigrate.errors import ConfigError, MigrationError
from sqlmigrate.files import folder
from sqlmigrate.review.new.renumber import renumber

NOON = datetime(2026, 2, 13, 12, 5, 30, tzinfo=UTC)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An empty repository, in the current folder."""
    made = Repository(tmp_path / "shop", tmp_path / "home").init()
    monkeypatch.chdir(made.root)
    return made


def branched(repository: Repository, merged: list[str], mine: list[str], meanwhile: list[str]) -> None:
    """Make a branch from `merged` that adds `mine` while main gets `meanwhile`."""
    repository.write(**{label: f"create {label}" for label in merged})
    repository.commit()
    repository.git("checkout", "-q", "-b", "mine")
    if meanwhile:
        repository.git("checkout", "-q", "main")
        repository.write(**{label: f"create {label}" for label in meanwhile})
        repository.commit()
        repository.git("checkout", "-q", "mine")
    repository.write(**{label: f"create {label}" for label in mine})


def moved(repository: Repository, ref: str | None = None) -> list[str]:
    """Give what was moved, one line for each migration whose both files were."""
    moves = renumber("sql", ref, repository.environment, NOON)
    targets = {target for _, target in moves}
    lines = []
    for (up, new_up), (down, new_down) in zip(moves[::2], moves[1::2], strict=True):
        old, new = up.name.removesuffix(".up.sql"), new_up.name.removesuffix(".up.sql")
        assert (down, new_down) == (Path(f"sql/{old}.down.sql"), Path(f"sql/{new}.down.sql"))
        assert up in targets or not up.exists()
        assert new_up.read_text() == f"create {old} up;\n"
        assert new_down.read_text() == f"create {old} down;\n"
        lines.append(f"{old} → {new}")
    return lines


CASES = {
    "nothing new": (["001_a"], [], ["002_b"], []),
    "behind already": (["001_a"], ["003_x"], ["002_b"], []),
    "taken": (["001_a"], ["002_x"], ["002_b"], ["002_x → 003_x"]),
    "below": (["001_a", "005_b"], ["003_x"], [], ["003_x → 006_x"]),
    "two in a row, the second where the first was going": (
        ["001_a"], ["002_x", "003_y"], ["002_b"], ["002_x → 003_x", "003_y → 004_y"],
    ),
    "their order stays": (["001_a"], ["002_x", "004_y"], ["003_b"], ["002_x → 004_x", "004_y → 005_y"]),
    "what is far behind stays": (["001_a"], ["002_x", "009_y"], ["002_b"], ["002_x → 003_x"]),
    "of one name": (["001_a"], ["002_x", "003_x"], ["002_b"], ["002_x → 003_x", "003_x → 004_x"]),
    "as wide as the newest": (["00001_a"], ["002_x"], ["00002_b"], ["002_x → 00003_x"]),
    "not padded": (["8_a"], ["9_x", "10_y"], ["9_b"], ["9_x → 10_x", "10_y → 11_y"]),
    "a width that is full": (["998_a"], ["999_x"], ["999_b"], ["999_x → 1000_x"]),
    "stamps behind stay": (["20260101_000000_a"], ["20260103_000000_x"], ["20260102_000000_b"], []),
    "stamps below": (
        ["20260101_000000_a"],
        ["20260102_000000_x", "20260102_000001_y"],
        ["20260103_000000_b"],
        ["20260102_000000_x → 20260213_120530_x", "20260102_000001_y → 20260213_120531_y"],
    ),
    "stamps without underscore": (
        ["20260101000000_a"], ["20260102000000_x"], ["20260103000000_b"],
        ["20260102000000_x → 20260213120530_x"],
    ),
    "a newest stamp in the future": (
        ["20260101_000000_a"], ["20260102_000000_x"], ["20991231_235959_b"],
        ["20260102_000000_x → 21000101_000000_x"],
    ),
    "a newest stamp that is no time": (
        ["20260101_000000_a"], ["20250102_000000_x"], ["20260199_000000_b"],
        ["20250102_000000_x → 20260213_120530_x"],
    ),
    "a number where stamps are merged": (["001_a"], ["002_x"], ["20260101_000000_b"], ["002_x → 20260213_120530_x"]),
    "nothing is merged": ([], ["007_x"], [], []),
}  # fmt: skip


@pytest.mark.parametrize(("merged", "mine", "meanwhile", "expected"), CASES.values(), ids=CASES)
def test_new_pairs_move_behind_the_newest(
    empty: Repository, merged: list[str], mine: list[str], meanwhile: list[str], expected: list[str]
) -> None:
    """Both files are renamed in the style of the folder, what is behind the newest stays, and so does the order."""
    branched(empty, merged, mine, meanwhile)
    before = empty.names()

    assert moved(empty) == expected

    targets = [line.split(" → ")[1] for line in expected]
    left = {line.split(" → ")[0] for line in expected}
    kept = [name for name in before if name.rsplit(".", 2)[0] not in left]
    assert empty.names() == sorted([*kept, *(f"{label}.{way}.sql" for label in targets for way in ("up", "down"))])
    assert moved(empty) == []


def test_after_a_merge_of_the_base(empty: Repository) -> None:
    """Where main was merged into the branch, two migrations of one version lie side by side: one's own moves."""
    branched(empty, ["001_a"], ["002_x", "003_y"], ["002_b"])
    empty.commit()
    empty.git("merge", "-q", "main")

    assert moved(empty) == ["002_x → 003_x", "003_y → 004_y"]
    assert moved(empty) == []


def test_a_squashed_migration_stays_where_it_is(empty: Repository) -> None:
    """Its version is the end of its range, although newer ones are merged; new ones move behind these."""
    branched(empty, ["001_a", "002_b", "003_c"], ["003_x"], [])
    for direction in ("up", "down"):
        Path(f"sql/003_x.{direction}.sql").rename(f"x.{direction}.sql")
    squash(Path("sql"), "2")
    for direction in ("up", "down"):
        Path(f"x.{direction}.sql").rename(f"sql/003_x.{direction}.sql")

    assert moved(empty) == ["003_x → 004_x"]
    assert folder.survey("sql").faults == ()


def test_a_new_one_in_the_range_of_a_merged_squash(empty: Repository) -> None:
    """It was not squashed, so it gets a version behind the newest."""
    branched(empty, ["001_a", "005_e"], [], [])
    squash(Path("sql"), "5")
    empty.commit()
    empty.git("branch", "-f", "main", "HEAD")
    empty.write(**{"003_x": "create 003_x"})

    assert moved(empty) == ["003_x → 006_x"]


def test_two_squashed_migrations_of_one_range(empty: Repository) -> None:
    """Another number would not help: one of them has to go."""
    branched(empty, ["001_a", "002_b"], [], [])
    label = squash(Path("sql"), "2")
    for direction in ("up", "down"):
        shutil.copy(f"sql/{label}.{direction}.sql", f"sql/002_squashed_other.{direction}.sql")

    with pytest.raises(MigrationError) as caught:
        moved(empty)

    assert (caught.value.message, caught.value.next_steps) == (
        "002_squashed_core and 002_squashed_other replace the same migrations: keep one of them",
        (
            "git rm sql/002_squashed_other.up.sql sql/002_squashed_other.down.sql",
            "or: git rm sql/002_squashed_core.up.sql sql/002_squashed_core.down.sql",
        ),
    )


def test_the_very_same_name(empty: Repository) -> None:
    """A migration of the version and the name of another's moves too; one that was merged as it is stays."""
    branched(empty, ["001_a"], [], ["002_b", "003_c"])
    empty.write(**{"002_b": "create mine", "003_c": "create 003_c"})

    moves = renumber("sql", "main", empty.environment, NOON)

    assert [(old.name, new.name) for old, new in moves] == [
        ("002_b.up.sql", "004_b.up.sql"),
        ("002_b.down.sql", "004_b.down.sql"),
    ]


def test_without_a_down_file(empty: Repository) -> None:
    """A migration of one file is moved as one."""
    branched(empty, ["001_a"], ["002_x"], ["002_b"])
    Path("sql/002_x.down.sql").unlink()

    assert renumber("sql", None, empty.environment, NOON) == ((Path("sql/002_x.up.sql"), Path("sql/003_x.up.sql")),)


def test_a_move_that_fails_is_taken_back(empty: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the third file cannot be renamed, the two before it are where they were."""
    branched(empty, ["001_a"], ["002_x", "003_y"], ["002_b"])
    before = empty.names()
    rename = Path.rename

    def failing(source: Path, target: Path) -> Path:
        if source.name == "002_x.down.sql":
            raise PermissionError(13, "Permission denied")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", failing)

    with pytest.raises(ConfigError) as caught:
        renumber("sql", None, empty.environment, NOON)

    assert caught.value.message == "sql/002_x.down.sql cannot be moved: Permission denied; nothing was moved"
    assert empty.names() == before


def test_a_file_that_comes_into_being_meanwhile(empty: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands at a target is named, and nothing is moved."""
    branched(empty, ["001_a"], ["002_x"], ["002_b"])
    survey = folder.survey

    def late(directory: str, *, holds_data: bool) -> object:
        found = survey(directory, holds_data=holds_data)
        Path("sql/003_x.down.sql").write_text("precious")
        return found

    monkeypatch.setattr(folder, "survey", late)
    with pytest.raises(ConfigError) as caught:
        renumber("sql", None, empty.environment, NOON)

    assert (caught.value.message, caught.value.hint) == (
        "sql/003_x.down.sql exists already; nothing was moved",
        "move it out of the way",
    )
    assert Path("sql/002_x.up.sql").exists()
    assert Path("sql/003_x.down.sql").read_text() == "precious"


def test_other_faults_of_the_folder_are_raised(empty: Repository) -> None:
    """A file whose name fits no pattern is no matter of numbers: nothing is moved."""
    branched(empty, ["001_a"], ["002_x"], ["002_b"])
    Path("sql/oops.sql").touch()

    with pytest.raises(MigrationError) as caught:
        renumber("sql", None, empty.environment, NOON)

    assert caught.value.message == (
        "sql/oops.sql is not a migration file name; expected VERSION_NAME.up.sql or VERSION_NAME.down.sql"
    )
    assert "002_x.up.sql" in empty.names()


@pytest.fixture
def folder_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with two migrations that are in no repository."""
    for label in ("001_a", "002_b"):
        for way in ("up", "down"):
            path = tmp_path / "sql" / f"{label}.{way}.sql"
            path.parent.mkdir(exist_ok=True)
            path.write_text("select 1;")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("folder_without_git")
def test_without_git_and_without_a_shared_version_there_is_nothing_to_rename() -> None:
    """The error does not ask for a clone."""
    with pytest.raises(ConfigError) as caught:
        renumber("sql", None, {"PATH": os.environ["PATH"]}, NOON)

    assert (caught.value.message, caught.value.hint) == (
        "`sql` is not in a git repository",
        "no two migrations have one version, so nothing has to be renamed",
    )


@pytest.mark.usefixtures("folder_without_git")
def test_without_git_the_commands_rename_by_hand() -> None:
    """Two migrations have one version: which of them is new is not known, and the commands for one of them work."""
    for way in ("up", "down"):
        Path(f"sql/002_c.{way}.sql").write_text("select 2;")
    with pytest.raises(ConfigError) as caught:
        renumber("sql", None, {"PATH": os.environ["PATH"]}, NOON)

    assert caught.value.message == "`sql` is not in a git repository, so it is not known which migration is new"
    assert caught.value.hint == (
        "of two migrations with one version, rename the one that no database has executed (sqlmigrate log lists what "
        "was executed). If that is 002_c, and no later file needs it:"
    )
    assert caught.value.next_steps == (
        "mv sql/002_c.up.sql sql/003_c.up.sql",
        "mv sql/002_c.down.sql sql/003_c.down.sql",
    )
    children.run(["sh", "-ec", "\n".join(caught.value.next_steps)], check=True)
    assert [each.label for each in folder.load("sql")] == ["001_a", "002_b", "003_c"]


def test_merged_migrations_with_one_version_are_renamed_by_hand(empty: Repository) -> None:
    """Git does not know which of two merged migrations no database has executed; the error gives the commands."""
    branched(empty, ["001_a", "002_b", "002_c", "003_d"], [], [])
    before = empty.names()

    with pytest.raises(ConfigError) as caught:
        renumber("sql", None, empty.environment, NOON)

    assert caught.value.message == (
        "migrations with one version are merged already, so git does not tell which of them is new"
    )
    assert caught.value.hint == (
        "of two migrations with one version, rename the one that no database has executed (sqlmigrate log lists what "
        "was executed). If that is 002_c, and no later file needs it:"
    )
    assert caught.value.next_steps == (
        "mv sql/002_c.up.sql sql/004_c.up.sql",
        "mv sql/002_c.down.sql sql/004_c.down.sql",
    )
    assert empty.names() == before


def test_many_shared_versions_get_no_commands(empty: Repository) -> None:
    """They come from another tool: a migration that is moved to the end may be needed by an earlier one."""
    branched(empty, [f"{number:03}_{letter}" for number in range(1, 5) for letter in "ab"], [], [])

    with pytest.raises(ConfigError) as caught:
        renumber("sql", None, empty.environment, NOON)

    assert caught.value.hint == (
        "4 versions are used more than once: give each pair of files its own version, in the order in which they have "
        "to be executed"
    )
    assert caught.value.next_steps == ()


def test_merged_faults_do_not_stop_it(empty: Repository) -> None:
    """A file whose name fits no pattern is merged: the new migration is moved all the same."""
    branched(empty, ["001_a"], [], [])
    Path("sql/oops.sql").touch()
    empty.commit()
    empty.git("branch", "-f", "main")
    empty.write(**{"001_x": "create x"})

    moves = renumber("sql", None, empty.environment, NOON)

    assert [(old.name, new.name) for old, new in moves] == [
        ("001_x.up.sql", "002_x.up.sql"),
        ("001_x.down.sql", "002_x.down.sql"),
    ]

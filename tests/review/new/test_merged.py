"""Which migrations are new against git, and what git alone finds wrong."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from git_repository import Repository
from squashed_folder import squash

from sqlmigrate.errors import ConfigError
from sqlmigrate.review.new.merged import New, find_new
from sqlmigrate.review.rules.all_rules import RULES
from sqlmigrate.review.rules.rule import Finding

RENUMBER = "move it behind the newest:\nsqlmigrate renumber"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with 001_a and 002_b merged in main, on the branch `mine`, in the current folder."""
    made = Repository(tmp_path / "shop", tmp_path / "home").init()
    made.write(v001_a="create a", v002_b="create b")
    made.commit()
    made.git("checkout", "-q", "-b", "mine")
    monkeypatch.chdir(made.root)
    return made


def new(repository: Repository, ref: str | None = None, directory: str = "sql", **environment: str) -> New:
    return find_new(directory, ref, {**repository.environment, **environment})


def labels(found: New) -> tuple[list[str], list[str]]:
    """Give the labels of what is merged and of what is new."""
    return [each.label for each in found.base.migrations], [each.label for each in found.migrations]


def refusal(
    repository: Repository, ref: str | None = None, directory: str = "sql", **environment: str
) -> tuple[str, str | None, tuple[str, ...]]:
    with pytest.raises(ConfigError) as caught:
        new(repository, ref, directory, **environment)
    return caught.value.message, caught.value.hint, caught.value.next_steps


def merged_meanwhile(repository: Repository, **texts: str) -> None:
    """Let main get migrations while the branch stands still."""
    repository.git("checkout", "-q", "main")
    repository.write(**texts)
    repository.commit()
    repository.git("checkout", "-q", "mine")


# -- what is new -------------------------------------------------------------------------------------------------------


def test_the_working_tree_is_the_new_side(repository: Repository) -> None:
    """Committed, staged or untracked: what the folder has beyond the merge base is new, in the order of versions."""
    repository.write(v003_c="create c")
    repository.commit()
    repository.write(v004_d="create d")
    repository.git("add", "-A")
    repository.write(v005_e="create e")

    found = new(repository)

    assert labels(found) == (["001_a", "002_b"], ["003_c", "004_d", "005_e"])
    assert (found.base.ref, found.base.commit) == ("main", repository.git("rev-parse", "main"))
    assert found.findings == ()


def test_base_migrations_are_as_they_were_merged(repository: Repository) -> None:
    """Texts come from git, not from the folder; paths are those of the folder."""
    (repository.root / "sql/001_a.up.sql").write_text("edited;\n")

    merged = new(repository).base.migrations[0]

    assert (merged.up.path, merged.up.text) == ("sql/001_a.up.sql", "create a up;\n")
    assert merged.down is not None
    assert merged.down.text == "create a down;\n"


def test_on_the_default_branch_what_is_not_committed_is_new(repository: Repository) -> None:
    """On main itself the merge base is HEAD."""
    repository.git("checkout", "-q", "main")
    assert labels(new(repository)) == (["001_a", "002_b"], [])
    repository.write(v003_c="create c")

    assert labels(new(repository)) == (["001_a", "002_b"], ["003_c"])


def test_without_the_folder_at_the_base_all_is_new(repository: Repository) -> None:
    """A folder that was not merged yet has no base migrations."""
    repository.write("db", v001_x="create x")

    assert labels(new(repository, directory="db")) == ([], ["001_x"])


@pytest.mark.parametrize("folder", ["a b/sql", "größe/sql", "[sql]*", "x'y\"z", "-dash", ":(top)sql"])
def test_a_folder_of_any_name(repository: Repository, folder: str) -> None:
    """A subfolder, spaces, letters beyond ASCII and signs that mean something to git or a shell are read."""
    repository.git("checkout", "-q", "main")
    repository.write(folder, v001_x="create x")
    repository.commit()
    repository.write(folder, v002_y="create y")

    assert labels(new(repository, directory=f"./{folder}")) == (["001_x"], ["002_y"])


def test_from_within_the_folder(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder may be the folder itself."""
    monkeypatch.chdir(repository.root / "sql")

    assert labels(new(repository, directory=".")) == (["001_a", "002_b"], [])


def test_a_worktree(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A linked worktree has its own HEAD and files."""
    repository.git("worktree", "add", "-q", str(tmp_path / "other"), "-b", "other", "main")
    monkeypatch.chdir(tmp_path / "other")
    Path("sql/003_c.up.sql").write_text("select 3;\n")

    assert labels(new(repository)) == (["001_a", "002_b"], ["003_c"])


def test_a_submodule(repository: Repository, tmp_path: Path) -> None:
    """A folder in a submodule is compared with the submodule's history."""
    outer = Repository(tmp_path / "outer", tmp_path / "home").init()
    outer.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "-b", "main", str(repository.root), "db"
    )
    (outer.root / "db/sql/003_c.up.sql").write_text("select 3;\n")

    assert labels(new(outer, directory=str(outer.root / "db/sql"))) == (["001_a", "002_b"], ["003_c"])


def test_line_endings_are_no_change(repository: Repository) -> None:
    """With autocrlf the folder has CRLF where git has LF: nothing was edited."""
    for path in (repository.root / "sql").iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert new(repository).findings == ()


def test_a_link_is_read_through(repository: Repository) -> None:
    """A migration may be a link to another file of the repository, at the base too."""
    (repository.root / "shared").mkdir()
    (repository.root / "shared/x y.txt").write_text("create x;\n")
    (repository.root / "sql/003_x.up.sql").symlink_to("../shared/x y.txt")
    repository.git("checkout", "-q", "main")
    repository.commit()

    found = new(repository)

    assert [each.up.text for each in found.base.migrations][2] == "create x;\n"
    assert found.findings == ()


def test_faults_of_the_base_do_not_keep_the_cure_out(repository: Repository) -> None:
    """A misnamed file and two migrations of one version in main are no error where the branch has repaired them."""
    repository.git("checkout", "-q", "main")
    repository.write(v002_x="something else entirely")
    (repository.root / "sql/oops.sql").write_text("x")
    repository.commit()
    repository.git("checkout", "-q", "-B", "mine")
    for direction in ("up", "down"):
        repository.git("mv", f"sql/002_x.{direction}.sql", f"sql/003_x.{direction}.sql")
    (repository.root / "sql/oops.sql").unlink()

    found = new(repository)

    assert labels(found) == (["001_a", "002_b", "002_x"], [])
    assert [each.message for each in found.findings] == ["002_x is merged in main, and was renamed to 003_x"]


# -- which base --------------------------------------------------------------------------------------------------------


def test_the_base_is_where_the_branch_has_parted(repository: Repository) -> None:
    """What main got since is no base migration, and the tip has it."""
    merged_meanwhile(repository, v003_c="create c")

    found = new(repository)

    assert labels(found) == (["001_a", "002_b"], [])
    assert [each.label for each in found.base.tip] == ["001_a", "002_b", "003_c"]


REFS = {
    "origin's HEAD": (["refs/remotes/origin/trunk", "refs/remotes/origin/main"], {}, "origin/trunk"),
    "origin/main before main": (["refs/remotes/origin/main"], {}, "origin/main"),
    "origin/master": (["refs/remotes/origin/master"], {}, "origin/master"),
    "GitHub's": (["refs/remotes/origin/v2", "refs/remotes/origin/main"], {"GITHUB_BASE_REF": "v2"}, "origin/v2"),
    "GitHub's, empty": (["refs/remotes/origin/main"], {"GITHUB_BASE_REF": ""}, "origin/main"),
    "GitLab's": (["refs/heads/v2"], {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "v2"}, "v2"),
}


@pytest.mark.parametrize(("refs", "environment", "expected"), REFS.values(), ids=REFS)
def test_the_default_base(repository: Repository, refs: list[str], environment: dict[str, str], expected: str) -> None:
    """It is what CI names, else origin's default branch, else a branch of the usual name."""
    for ref in refs:
        repository.git("update-ref", ref, "main")
    if "refs/remotes/origin/trunk" in refs:
        repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")

    assert new(repository, **environment).base.ref == expected


def test_a_base_that_is_named(repository: Repository) -> None:
    """A branch, a tag, a commit, a relative name, or a branch that only origin has."""
    repository.write(v003_c="create c")
    second = repository.commit()
    repository.git("tag", "v1")
    repository.git("update-ref", "refs/remotes/origin/far", "HEAD")
    repository.write(v004_d="create d")

    found = [new(repository, ref) for ref in ("v1", second, "HEAD~1", "far")]

    assert [each.base.ref for each in found] == ["v1", second[:12], "HEAD~1", "origin/far"]
    assert [labels(each)[1] for each in found] == [["004_d"], ["004_d"], ["003_c", "004_d"], ["004_d"]]


def test_a_detached_head(repository: Repository) -> None:
    """CI checks out a commit without a branch."""
    repository.write(v003_c="create c")
    repository.git("checkout", "-q", "--detach", repository.commit())

    assert labels(new(repository))[1] == ["003_c"]


# -- findings ----------------------------------------------------------------------------------------------------------


def restore(repository: Repository, *paths: str) -> str:
    return f"git restore --source={repository.git('rev-parse', 'main')[:12]} -- {' '.join(paths)}"


def finding(rule: str, path: str, message: str, what_now: str) -> Finding:
    return Finding(RULES[rule], RULES[rule].severity, message, path=path, what_now=what_now)


NEVER = (
    "databases that have executed it never get the change; restore the file, and change it in a new migration:"
    "\n{restore}"
)
ALLOW = (
    "`down` executes the file as it is now; if that is intended, add at its head:"
    "\n-- sqlmigrate: allow merged-migration-changed (why)"
)
EDITS = {
    "SQL": ({"up": "drop a;\n"}, "up", "its up file was edited (SQL)", NEVER),
    "a comment": (
        {"up": "-- why\ncreate a up;\n"},
        "up",
        "its up file was edited (only white space or comments)",
        (
            "restore the file, or accept the change on each database that has executed it:"
            "\n{restore}\nor: sqlmigrate repair 001"
        ),
    ),
    "down": ({"down": "drop a;\n"}, "down", "its down file was edited (SQL)", ALLOW),
    "both": (
        {"up": "x;\n", "down": "create  a down;\n"},
        "up",
        "its up file was edited (SQL) and its down file was edited (only white space or comments)",
        NEVER,
    ),
    "down gone": ({"down": None}, "down", "its down file was deleted", "restore it:\n{restore}"),
}


@pytest.mark.parametrize(("texts", "where", "what", "what_now"), EDITS.values(), ids=EDITS)
def test_a_merged_migration_edited(
    repository: Repository, texts: dict[str, str | None], where: str, what: str, what_now: str
) -> None:
    """The file is named, and whether SQL was changed or comments alone; it is not new."""
    for direction, text in texts.items():
        path = repository.root / f"sql/001_a.{direction}.sql"
        path.write_text(text) if text is not None else path.unlink()

    found = new(repository)

    path = f"sql/001_a.{where}.sql"
    expected = what_now.format(restore=restore(repository, path))
    assert found.findings == (
        finding("merged-migration-changed", path, f"001_a is merged in main, and {what}", expected),
    )
    assert found.migrations == ()


def test_a_down_file_added(repository: Repository) -> None:
    """A merged migration that was irreversible and gets a way back is told of, at the new file."""
    repository.git("checkout", "-q", "main")
    (repository.root / "sql/002_b.down.sql").unlink()
    repository.commit()
    repository.write(v002_b="create b")

    assert new(repository).findings == (
        finding(
            "merged-migration-changed",
            "sql/002_b.down.sql",
            "002_b is merged in main, and a down file was added",
            ALLOW,
        ),
    )


RENAMES = {
    "another name": ("001_z", "create a", ""),
    "another version": ("003_a", "create a", ""),
    "another spelling of the version": ("01_a", "create a", ""),
    "edited as well": ("001_z", "create a;\nselect 1", ", and its up file was edited"),
}


@pytest.mark.parametrize(("label", "text", "edited"), RENAMES.values(), ids=RENAMES)
def test_a_merged_migration_renamed(repository: Repository, label: str, text: str, edited: str) -> None:
    """It is known by its text, or by its version and much of its text; it is not new."""
    for direction in ("up", "down"):
        (repository.root / f"sql/001_a.{direction}.sql").unlink()
    repository.write(**{label: text})

    found = new(repository)

    assert found.findings == (
        finding(
            "merged-migration-renamed",
            f"sql/{label}.up.sql",
            f"001_a is merged in main, and was renamed to {label}{edited}",
            "databases that have executed it know it by the old name; rename it back:"
            f"\nmv sql/{label}.up.sql sql/001_a.up.sql && mv sql/{label}.down.sql sql/001_a.down.sql",
        ),
    )
    assert found.migrations == ()


def test_a_merged_migration_deleted(repository: Repository) -> None:
    """Both files are brought back; another migration in its place is new and comes too late."""
    for direction in ("up", "down"):
        (repository.root / f"sql/001_a.{direction}.sql").unlink()
    repository.write(**{"001_other": "grant select on something to somebody else"})

    found = new(repository)

    paths = ("sql/001_a.up.sql", "sql/001_a.down.sql")
    assert found.findings == (
        finding(
            "merged-migration-deleted",
            "sql/001_a.up.sql",
            "001_a is merged in main, and was deleted",
            f"restore it, and undo in a new migration what it did:\n{restore(repository, *paths)}",
        ),
        finding(
            "version-below-merged",
            "sql/001_other.up.sql",
            "version 001 is not above 002_b, the newest merged in main",
            RENUMBER,
        ),
    )
    assert [each.label for each in found.migrations] == ["001_other"]


def test_a_version_that_was_taken(repository: Repository) -> None:
    """What main got since the branch parted takes its version, and those below; the very same migration does not."""
    repository.write(v003_mine="create mine", v004_same="create same", v005_late="create late", v009_fine="create fine")
    repository.commit()
    merged_meanwhile(repository, v003_theirs="create theirs", v004_same="create same", v006_more="create more")

    found = new(repository, "main")

    what_now = f"{RENUMBER} --base main"
    assert found.findings == (
        finding(
            "version-taken",
            "sql/003_mine.up.sql",
            "version 003 was taken meanwhile by 003_theirs, which is merged in main",
            what_now,
        ),
        finding(
            "version-taken",
            "sql/005_late.up.sql",
            "version 005 is below 006_more, which was merged meanwhile in main",
            what_now,
        ),
    )


# -- squashed ----------------------------------------------------------------------------------------------------------


def squashed(repository: Repository) -> None:
    """Put 001_a and 002_b into a squashed migration."""
    squash(repository.root / "sql", "2")


def test_what_a_squashed_migration_replaces_was_not_deleted(repository: Repository) -> None:
    """It is gone on purpose, and the squashed one is new; its version is not below the merged ones."""
    squashed(repository)
    repository.write(v003_c="create c")

    found = new(repository)

    assert found.findings == ()
    assert labels(found) == (["001_a", "002_b"], ["002_squashed_core", "003_c"])


def test_a_merged_squash_is_the_base(repository: Repository) -> None:
    """After it is merged, it is a migration like others."""
    squashed(repository)
    repository.commit()
    repository.git("branch", "-f", "main", "HEAD")
    repository.write(v003_c="create c")

    assert labels(new(repository)) == (["002_squashed_core"], ["003_c"])


def test_a_squash_of_another_text_is_told(repository: Repository) -> None:
    """What was merged is not what was squashed: databases have the merged text."""
    repository.write(v001_a="create something else")
    squashed(repository)

    changed, of_down = new(repository).findings

    assert changed == finding(
        "merged-migration-changed",
        "sql/002_squashed_core.up.sql",
        "001_a is merged in main, and was squashed into 002_squashed_core with another text",
        f"restore it, and squash again:\n{restore(repository, 'sql/001_a.up.sql', 'sql/001_a.down.sql')}",
    )
    assert (of_down.rule.name, of_down.path) == ("squashed-archive-changed", "sql/squashed/001_a.down.sql")


def test_a_squash_that_leaves_one_out_is_told(repository: Repository) -> None:
    """A merged migration that is in its range and not in its list was deleted."""
    for direction in ("up", "down"):
        (repository.root / f"sql/001_a.{direction}.sql").unlink()
    squashed(repository)
    path = repository.root / "sql/002_squashed_core.up.sql"
    path.write_text(path.read_text().replace("replaces 002-002", "replaces 001-002"))

    assert [each.message for each in new(repository).findings] == [
        "001_a is merged in main, and was deleted, and 002_squashed_core does not list it"
    ]


def test_a_migration_merged_into_its_range_meanwhile(repository: Repository) -> None:
    """A new database would never get it: the squash has to be written again."""
    repository.write(v009_i="create i")
    squash(repository.root / "sql", "9")
    repository.commit()
    merged_meanwhile(repository, v005_e="create e")

    assert new(repository, "main").findings == (
        finding(
            "version-taken",
            "sql/009_squashed_core.up.sql",
            "005_e was merged meanwhile in main, in the range 001-009 of 009_squashed_core",
            "take the files of the branch back, merge the base, and squash again",
        ),
    )


@pytest.fixture
def merged_squash(repository: Repository) -> Repository:
    """The squashed migration is merged, with its archive."""
    squashed(repository)
    repository.commit()
    repository.git("branch", "-f", "main", "HEAD")
    return repository


def archived(repository: Repository, name: str) -> Path:
    return repository.root / "sql/squashed" / name


def from_archive(repository: Repository, *names: str) -> str:
    return restore(repository, *(f"sql/squashed/{name}" for name in names))


def test_a_new_squash_is_to_be_proven(repository: Repository) -> None:
    """With what it replaces, from the archive."""
    squashed(repository)

    (squash_,) = new(repository).squashes

    assert (squash_.migration.label, [each.up.path for each in squash_.replaced]) == (
        "002_squashed_core",
        ["sql/squashed/001_a.up.sql", "sql/squashed/002_b.up.sql"],
    )


def test_a_new_squash_without_its_archive_cannot_be_proven(repository: Repository) -> None:
    """What is not committed with it is not there in CI."""
    squashed(repository)
    archived(repository, "002_b.up.sql").unlink()

    found = new(repository)

    assert found.squashes == ()
    assert found.findings == (
        finding(
            "squash-not-proven",
            "sql/002_squashed_core.up.sql",
            "it is not known whether 002_squashed_core makes the same as what it replaces: sql/squashed/ lacks 002_b",
            "commit the archive together with the squashed migration:\ngit add sql/squashed/",
        ),
    )


def test_files_that_were_edited_on_their_way_to_the_archive(repository: Repository) -> None:
    """The list has the checksum of the up file; the down file is compared with the merged one."""
    squashed(repository)
    archived(repository, "001_a.up.sql").write_text("create another;\n")
    archived(repository, "002_b.down.sql").write_text("drop all;\n")
    show = f"take the merged text:\ngit show {repository.git('rev-parse', 'main')[:12]}:./sql"

    found = new(repository)

    assert found.squashes == ()
    assert [replace(each, severity="danger") for each in found.findings] == [
        finding(
            "squashed-archive-changed",
            "sql/squashed/001_a.up.sql",
            "the up file of 001_a in the archive is not the text that was squashed into 002_squashed_core",
            f"{show}/001_a.up.sql > sql/squashed/001_a.up.sql",
        ),
        finding(
            "squashed-archive-changed",
            "sql/squashed/002_b.down.sql",
            "the down file of 002_b in the archive was edited (SQL): a database that has only a part of what "
            "002_squashed_core replaces undoes it with this file",
            f"{show}/002_b.down.sql > sql/squashed/002_b.down.sql",
        ),
    ]
    assert [each.severity for each in found.findings] == ["danger", "warning"]


def test_an_archive_that_the_branch_does_not_change_is_not_judged(merged_squash: Repository) -> None:
    """It may have been deleted long ago, when all databases were past it."""
    assert (new(merged_squash).findings, new(merged_squash).squashes) == ((), ())
    shutil.rmtree(merged_squash.root / "sql/squashed")
    merged_squash.commit()
    merged_squash.git("branch", "-f", "main", "HEAD")

    assert (new(merged_squash).findings, new(merged_squash).squashes) == ((), ())


def test_a_merged_archive_that_is_edited(merged_squash: Repository) -> None:
    archived(merged_squash, "001_a.up.sql").write_text("create another;\n")

    assert [(each.severity, each.what_now) for each in new(merged_squash).findings] == [
        ("danger", f"restore it:\n{from_archive(merged_squash, '001_a.up.sql')}")
    ]


def test_a_part_of_a_merged_archive_is_deleted(merged_squash: Repository) -> None:
    for way in ("up", "down"):
        archived(merged_squash, f"001_a.{way}.sql").unlink()

    assert new(merged_squash).findings == (
        finding(
            "squashed-archive-changed",
            "sql/002_squashed_core.up.sql",
            "001_a was deleted from sql/squashed/: a database that has only a part of what 002_squashed_core replaces "
            "is refused then",
            f"restore it:\n{from_archive(merged_squash, '001_a.up.sql', '001_a.down.sql')}",
        ),
    )


def test_a_merged_archive_is_deleted(merged_squash: Repository) -> None:
    """That is right when all databases are past it: a warning says when."""
    shutil.rmtree(merged_squash.root / "sql/squashed")

    (found,) = new(merged_squash).findings
    refused = "a database that has only a part of what 002_squashed_core replaces is refused then"
    advice = f"delete it when all databases are past 002; to keep it:\n{restore(merged_squash, 'sql/squashed')}"

    assert (found.severity, found.message) == ("warning", f"the archive sql/squashed/ was deleted: {refused}")
    assert found.what_now == advice


def test_a_merged_squash_that_is_edited_is_proven_again(merged_squash: Repository) -> None:
    path = merged_squash.root / "sql/002_squashed_core.up.sql"
    path.write_text(path.read_text() + "create more;\n")

    found = new(merged_squash)

    assert [each.rule.name for each in found.findings] == ["merged-migration-changed"]
    assert [each.migration.label for each in found.squashes] == ["002_squashed_core"]


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_no_git(repository: Repository, tmp_path: Path) -> None:
    """Where git is not installed, that is said."""
    assert refusal(repository, PATH=str(tmp_path)) == (
        "git is not installed, or not in PATH; it is needed to find the new migrations",
        None,
        (),
    )


def test_no_repository(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder outside of any repository is named."""
    monkeypatch.chdir(tmp_path)
    Path("sql").mkdir()

    assert refusal(repository) == (
        "`sql` is not in a git repository",
        "run it in a clone, or name the new files",
        (),
    )


def test_a_bare_repository(repository: Repository) -> None:
    """A folder below .git is in no working tree."""
    (repository.root / ".git/sql").mkdir()

    assert refusal(repository, directory=".git/sql") == (
        "`.git/sql` is inside a bare git repository, not in a working tree",
        "use a clone with files",
        (),
    )


ANY = "name the base: --base REF, a branch, a tag or a commit"
UNKNOWN = {
    "a slip": ("mian", "did you mean `mine` or `main`?"),
    "nothing like it": ("zzzzzzzz", ANY),
    "an option": ("--output=x", ANY),
    "empty": ("", ANY),
    "a file": ("HEAD:sql", ANY),
    "two lines": ("main\nmain", "did you mean `main`?"),
}


@pytest.mark.parametrize(("ref", "hint"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_ref(repository: Repository, ref: str, hint: str) -> None:
    """It is named, with those that are near."""
    assert refusal(repository, ref) == (f"unknown git reference `{ref}`", hint, ())


SHALLOW_HINT = "in GitHub Actions give actions/checkout `fetch-depth: 0`, in GitLab CI set GIT_DEPTH to 0"


def test_a_shallow_clone(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ref or a merge base that a shallow clone lacks is told as such, with what to set in CI."""
    repository.write(v003_c="create c")
    repository.commit()
    merged_meanwhile(repository, v004_d="create d")
    repository.git("checkout", "-q", "main")
    clone = Repository(tmp_path / "clone", tmp_path / "home")
    url = f"file://{repository.root}"
    repository.git("clone", "-q", "--depth=1", "--branch=mine", url, str(clone.root))
    monkeypatch.chdir(clone.root)
    cure = (SHALLOW_HINT, ("git fetch --unshallow",))

    assert refusal(clone, "main") == ("unknown git reference `main` in this shallow clone", *cure)
    assert refusal(clone) == ("no default branch in this shallow clone", *cure)
    assert refusal(clone, GITHUB_BASE_REF="main") == ("no origin/main in this shallow clone", *cure)
    clone.git("fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
    assert refusal(clone) == (
        "this clone is shallow: it does not contain the merge base of HEAD and origin/main",
        *cure,
    )


def test_no_default_branch(repository: Repository) -> None:
    """Branches of other names alone: the base is asked for."""
    repository.git("branch", "-q", "-m", "main", "trunk")

    assert refusal(repository) == (
        "no default branch found: none of origin/HEAD, origin/main, origin/master, main, master exists",
        ANY,
        (),
    )


def test_a_target_that_is_not_here(repository: Repository) -> None:
    """What CI names and the clone lacks is fetched by the command that is shown."""
    assert refusal(repository, CI_MERGE_REQUEST_TARGET_BRANCH_NAME="v2") == (
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME names the branch `v2`, but neither `origin/v2` nor `v2` exists",
        None,
        ("git fetch origin v2:refs/remotes/origin/v2",),
    )


def test_no_common_ancestor(repository: Repository) -> None:
    """Two histories that have nothing in common have no base."""
    repository.git("checkout", "-q", "--orphan", "alone")
    repository.write(v003_c="create c")
    repository.commit()

    assert refusal(repository) == (
        "HEAD and main have no common ancestor",
        "name a base that HEAD comes from: --base REF",
        (),
    )


def test_a_branch_without_a_commit(repository: Repository) -> None:
    """A branch that has no commit has nothing in common with the base."""
    repository.git("checkout", "-q", "--orphan", "alone")

    assert refusal(repository) == (
        "this branch has no commit yet",
        "commit the migrations that have been executed; all others are new",
        (),
    )


def test_a_repository_without_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a new repository every migration is new; a base that is named must exist all the same."""
    empty = Repository(tmp_path / "empty", tmp_path / "home").init()
    empty.write(v001_a="create a", v002_b="create b")
    monkeypatch.chdir(empty.root)

    found = new(empty)

    assert (found.base.ref, labels(found)) == ("a repository without commits", ([], ["001_a", "002_b"]))
    assert refusal(empty, "main")[0] == "unknown git reference `main`"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_repository_of_another_user(repository: Repository) -> None:
    """Git refuses what belongs to somebody else; the command that trusts it is shown."""
    for path in (repository.root, repository.root / ".git"):
        os.chown(path, 65534, 65534)

    assert refusal(repository) == (
        f"git refuses to read this repository: {repository.root} belongs to another user",
        "if you trust it, allow it in git",
        (f"git config --global --add safe.directory '{repository.root}'",),
    )
    trusted = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    assert labels(new(repository, **trusted))[0] == ["001_a", "002_b"]


def test_a_partial_clone(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not in the clone is not fetched behind the user's back."""
    repository.git("config", "uploadpack.allowFilter", "true")
    merged_meanwhile(repository, v003_c="create c")
    clone = Repository(tmp_path / "clone", tmp_path / "home")
    url = f"file://{repository.root}"
    repository.git("clone", "-q", "--filter=blob:none", "--branch=mine", url, str(clone.root))
    monkeypatch.chdir(clone.root)

    message, hint, next_steps = refusal(clone, "main")

    assert message.startswith("the object "), message
    assert message.endswith(" of the base is not in this clone: the clone is partial, and the review fetches nothing")
    assert hint == "in GitHub Actions remove the `filter` of actions/checkout"
    assert next_steps == ("git fetch --refetch --no-filter",)


def test_a_damaged_repository(repository: Repository) -> None:
    """What else git says is passed on."""
    (repository.root / ".git/config").write_text("[core\n")

    assert refusal(repository) == (
        "git cannot read the repository of `sql`: bad config line 1 in file .git/config",
        None,
        (),
    )


# -- surroundings ------------------------------------------------------------------------------------------------------


def test_inside_a_hook(repository: Repository, tmp_path: Path) -> None:
    """What a hook has set leads to no other repository, index or output."""
    repository.write(v003_c="create c")
    hook = {
        "GIT_DIR": str(tmp_path / "nowhere"),
        "GIT_WORK_TREE": "/",
        "GIT_INDEX_FILE": str(tmp_path / "index.lock"),
        "GIT_PREFIX": "x/",
        "GIT_TRACE": "1",
        "LANGUAGE": "de",
    }

    assert labels(new(repository, **hook)) == (["001_a", "002_b"], ["003_c"])


def test_hostile_configuration_runs_nothing(repository: Repository, tmp_path: Path) -> None:
    """No program that the repository's configuration or attributes name is started, and nothing is written."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {tmp_path}/ran\ncat\n")
    program.chmod(0o755)
    for name in (
        "core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.alternateRefsCommand", "core.askPass",
        "diff.external", "diff.x.command", "diff.x.textconv", "filter.x.clean", "filter.x.smudge", "filter.x.process",
        "credential.helper", "pager.ls-tree", "pager.for-each-ref", "alias.ls-tree",
    ):  # fmt: skip
        repository.git("config", name, str(program))
    (repository.root / ".git/info/attributes").write_text("* diff=x filter=x\n")
    shutil.copytree(repository.root / ".git", tmp_path / "before", symlinks=True)
    (repository.root / "sql/003_c.up.sql").write_text("select 3;\n")

    assert labels(new(repository))[1] == ["003_c"]

    assert not (tmp_path / "ran").exists()
    assert contents(repository.root / ".git") == contents(tmp_path / "before")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

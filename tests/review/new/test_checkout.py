"""Where a site shows the files of a review."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from git_repository import Repository

from sqlmigrate.review.new.checkout import Checkout, find_checkout

GITHUB = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "shop/shop", "GITHUB_SHA": "abc"}
GITLAB = {"CI_PROJECT_URL": "https://gitlab.com/shop/shop", "CI_COMMIT_SHA": "abc"}


@pytest.mark.parametrize(
    ("variables", "files"),
    [
        (GITHUB, "https://github.com/shop/shop/blob/abc/"),
        (GITLAB, "https://gitlab.com/shop/shop/-/blob/abc/"),
        ({**GITHUB, "GITHUB_SHA": ""}, ""),
        ({}, ""),
    ],
    ids=["github", "gitlab", "no commit", "a shell"],
)
def test_a_folder_inside_a_repository(
    variables: Mapping[str, str], files: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its path from the root is told by git, and where its files are shown by the variables of the site."""
    made = Repository(tmp_path / "shop", tmp_path / "home").init()
    (made.root / "backend" / "db").mkdir(parents=True)
    monkeypatch.chdir(made.root / "backend" / "db")

    assert find_checkout({**made.environment, **variables}) == Checkout("backend/db/", files)


def test_without_a_repository_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are then those of the current folder."""
    monkeypatch.chdir(tmp_path)

    assert find_checkout(GITHUB) == Checkout()


PATHS = {
    "sql/001_a.up.sql": "backend/sql/001_a.up.sql",
    "./sql/001_a.up.sql": "backend/sql/001_a.up.sql",
    "../sql/001_a.up.sql": "sql/001_a.up.sql",
    "../../sql/001_a.up.sql": "../../sql/001_a.up.sql",
    "/srv/sql/001_a.up.sql": "/srv/sql/001_a.up.sql",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_from_the_root(path: str) -> None:
    """A path that leaves the repository stays as it is, and has no page."""
    checkout = Checkout("backend/", "https://github.com/shop/shop/blob/abc/")
    url = "" if PATHS[path] == path else f"https://github.com/shop/shop/blob/abc/{PATHS[path]}#L3"

    assert (checkout.from_root(path), checkout.url(path, 3, 3)) == (PATHS[path], url)


def test_lines_and_characters_of_a_page() -> None:
    """Each site has its own way to name several lines; a blank and a bracket are escaped."""
    github = Checkout("", "https://github.com/shop/shop/blob/abc/")
    gitlab = Checkout("", "https://gitlab.com/shop/shop/-/blob/abc/")

    assert github.url("sql/001 (a).up.sql", 3, 5).endswith("/blob/abc/sql/001%20%28a%29.up.sql#L3-L5")
    assert gitlab.url("sql/001_a.up.sql", 3, 5).endswith("/-/blob/abc/sql/001_a.up.sql#L3-5")
    assert github.url("sql/001_a.up.sql").endswith("/sql/001_a.up.sql")

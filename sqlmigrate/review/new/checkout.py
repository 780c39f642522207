"""Where a site shows the files of a pull request: sites name paths from the root of the repository.

https://docs.github.com/en/actions/reference/workflows-and-actions/variables
https://docs.gitlab.com/ci/variables/predefined_variables/
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from sqlmigrate.errors import ConfigError

from .git import open_repository


@dataclass(frozen=True)
class Checkout:
    """Where those who read the review on a site find its files.

    Attributes:
        prefix: the path from the root of the repository to the current folder, with a final `/`; empty at the root
        files_url: where the site shows the files of this commit, with a final `/`; empty if no variable tells
    """

    prefix: str = ""
    files_url: str = ""

    def from_root(self, path: str) -> str:
        """Return a path from the root of the repository; one that leaves the repository stays as it is."""
        if posixpath.isabs(path):
            return path
        found = posixpath.normpath(self.prefix + path.replace("\\", "/"))
        return path if found.startswith("../") else found

    def url(self, path: str, first: int = 0, last: int = 0) -> str:
        """Return where the site shows the lines of a file, or the whole file; empty if that is not known."""
        found = self.from_root(path)
        if not self.files_url or posixpath.isabs(found) or found.startswith("../"):
            return ""
        lines = f"#L{first}" if first else ""
        if last > first:
            lines += f"-{last}" if "/-/blob/" in self.files_url else f"-L{last}"
        return self.files_url + quote(found) + lines


def find_checkout(environment: Mapping[str, str]) -> Checkout:
    """Return where the current folder is in its repository, and where the site that runs the review shows the files.

    Without git, paths are those of the current folder.
    """
    try:
        prefix = open_repository(".", environment).prefix
    except ConfigError:
        return Checkout()
    return Checkout(prefix, _files_url(environment))


def _files_url(environment: Mapping[str, str]) -> str:
    server, repository, commit = (environment.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "SHA"))
    if server and repository and commit:
        return f"{server}/{repository}/blob/{commit}/"
    project, commit = environment.get("CI_PROJECT_URL"), environment.get("CI_COMMIT_SHA")
    return f"{project}/-/blob/{commit}/" if project and commit else ""

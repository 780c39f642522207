"""The only access to git: the repository of a folder, read with few processes.

Only plumbing commands are used, because they start no programs that the configuration of a repository names; the lazy
fetch of a partial clone would, and is forbidden. The folder determines the repository: variables that a hook has set
(``GIT_DIR``, ``GIT_INDEX_FILE``) are removed. Variables that configure git (``GIT_CONFIG_COUNT``,
``GIT_CONFIG_GLOBAL``) are kept.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.errors import ConfigError
from sqlmigrate.spelling import did_you_mean

_SAFE = ("--no-pager", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
_FORCED = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # the same for git before 2.44: no transport has this name
}
_DEFAULTS = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_CI = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")  # the target of a pull request, of a merge request
_DUBIOUS = re.compile(r"detected dubious ownership in repository at '(.+)'")
_ABSENT = re.compile(r"could not fetch (\w+) from promisor remote")
_NAME_A_BASE = "name the base: --base REF, a branch, a tag or a commit"
_FILE, _LINK = b"100", b"120000"


@dataclass(frozen=True)
class Ref:
    """A commit with a name.

    Attributes:
        name: its name as the user would write it
        commit: its hash
    """

    name: str
    commit: str


class NoRepositoryError(ConfigError):
    """The folder is not in a git repository."""


@dataclass(frozen=True)
class Repository:
    """The working tree that contains a folder.

    Attributes:
        directory: the folder
        environment: the environment variables of the process
        prefix: the path from the root of the working tree to the folder
        is_shallow: whether the clone is shallow
    """

    directory: str
    environment: Mapping[str, str]
    prefix: str
    is_shallow: bool

    def _ask(self, *arguments: str, stdin: bytes = b"") -> bytes:
        asked = _git(self.directory, self.environment, arguments, stdin)
        if asked.returncode:
            raise _refusal(self.directory, asked)
        return asked.stdout

    def base(self, ref: str | None) -> Ref | None:
        """Return the tip of the base: the ref that is named, or the default branch of the upstream.

        None where no ref is named and the repository has no commit at all.
        """
        return self._default() if ref is None else self._named(ref)

    def _named(self, ref: str) -> Ref:
        if ref and "\n" not in ref:
            for name in (ref, f"origin/{ref}"):
                line = self._ask("cat-file", "--batch-check", stdin=os.fsencode(f"{name}^{{commit}}\n"))
                if len(found := line.decode(errors="replace").split()) == 3 and found[1] == "commit":  # noqa: PLR2004
                    return Ref(name, found[0])
        raise self._unknown(ref)

    def _unknown(self, ref: str) -> ConfigError:
        if self.is_shallow:
            return _shallow(f"unknown git reference `{ref}` in this shallow clone")
        names = self._ask("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
        hint = did_you_mean(ref, os.fsdecode(names).split(), most=3) or _NAME_A_BASE
        return ConfigError(f"unknown git reference `{ref}`", hint=hint)

    def _default(self) -> Ref | None:
        setting = next((name for name in _CI if self.environment.get(name)), None)
        target = self.environment[setting] if setting else ""
        names = [f"origin/{target}", target] if target else _DEFAULTS
        full = [f"refs/remotes/{name}" if name.startswith("origin/") else f"refs/heads/{name}" for name in names]
        listed = self._ask("for-each-ref", "--format=%(refname) %(objectname) %(symref)", *full)
        found = {line[0]: line for line in (each.split(" ") for each in os.fsdecode(listed).splitlines())}
        for name in full:
            if name in found:
                _, commit, leads_to = found[name]
                return Ref(re.sub(r"^refs/(?:heads|remotes)/", "", leads_to or name), commit)
        if not self._ask("for-each-ref", "--count=1") and not self._has_head():
            return None
        raise self._no_default(setting, target)

    def _has_head(self) -> bool:
        return not _git(self.directory, self.environment, ("rev-parse", "--verify", "-q", "HEAD")).returncode

    def _no_default(self, setting: str | None, target: str) -> ConfigError:
        if not self._has_head():
            return _no_commit()
        if self.is_shallow:
            wanted = f"origin/{target}" if target else "default branch"
            return _shallow(f"no {wanted} in this shallow clone")
        if setting:
            return ConfigError(
                f"{setting} names the branch `{target}`, but neither `origin/{target}` nor `{target}` exists",
                next_steps=[f"git fetch origin {target}:refs/remotes/origin/{target}"],
            )
        names = ", ".join(_DEFAULTS[:-1])
        return ConfigError(f"no default branch found: none of {names}, {_DEFAULTS[-1]} exists", hint=_NAME_A_BASE)

    def merge_base(self, tip: Ref) -> str:
        """Return the merge base of HEAD and the tip."""
        asked = _git(self.directory, self.environment, ("merge-base", "HEAD", tip.commit))
        if not asked.returncode:
            return asked.stdout.decode().split()[0]
        if b"name HEAD" in asked.stderr:
            raise _no_commit()
        if asked.stderr:
            raise _refusal(self.directory, asked)
        if self.is_shallow:
            raise _shallow(f"this clone is shallow: it does not contain the merge base of HEAD and {tip.name}")
        raise ConfigError(
            f"HEAD and {tip.name} have no common ancestor", hint="name a base that HEAD comes from: --base REF"
        )

    def texts(self, commits: Sequence[str], inside: str = "") -> list[dict[str, bytes]]:
        """Return the `.sql` files of the folder at each commit, by name, as they are stored.

        With `inside`, those of this folder in it.
        """
        trees = [self._tree(commit, inside) for commit in commits]
        objects = list(dict.fromkeys(blob for tree in trees for blob in tree.values()))
        blobs = dict(zip(objects, self._blobs(objects), strict=True))
        return [{name: blobs[blob] for name, blob in tree.items()} for tree in trees]

    def _tree(self, commit: str, inside: str) -> dict[str, bytes]:
        """Return the objects of the folder's files by name; for a link the path to its target."""
        found = {}
        under = [f"{inside}/"] if inside else []
        for entry in self._ask("ls-tree", "-z", commit, *under).split(b"\0")[:-1]:  # of the current folder
            meta, _, raw = entry.partition(b"\t")
            mode, _, blob = meta.split(b" ")
            path = os.fsdecode(raw)
            name = path.rpartition("/")[2]
            if name[-4:].lower() != ".sql" or name[0] == "." or "\n" in name:
                continue
            if mode == _LINK:
                found[name] = f"{commit}:".encode() + os.fsencode(self.prefix + path)
            elif mode.startswith(_FILE):
                found[name] = blob
        return found

    def _blobs(self, objects: Sequence[bytes]) -> Iterable[bytes]:
        if not objects:
            return
        answer = self._ask("cat-file", "--batch", "--follow-symlinks", stdin=b"\n".join(objects) + b"\n")
        position = 0
        for name in objects:
            end = answer.index(b"\n", position)
            head = answer[position:end].rsplit(b" ", 2)
            if head[-1] == b"missing":
                raise _not_in_clone(os.fsdecode(name))
            size = int(head[-1])
            yield answer[end + 1 : end + 1 + size]
            position = end + size + 2


def open_repository(directory: str, environment: Mapping[str, str]) -> Repository:
    """Find the working tree of a folder. Raises `ConfigError` if there is none, or git cannot read it."""
    asked = _git(
        directory, environment, ("rev-parse", "--is-inside-work-tree", "--is-shallow-repository", "--show-prefix")
    )
    if asked.returncode:
        raise _refusal(directory, asked)
    inside, shallow, prefix = os.fsdecode(asked.stdout).split("\n", 2)
    if inside != "true":
        raise ConfigError(
            f"`{directory}` is inside a bare git repository, not in a working tree", hint="use a clone with files"
        )
    return Repository(directory, environment, prefix.removesuffix("\n"), shallow == "true")


def _git(
    directory: str, environment: Mapping[str, str], arguments: Sequence[str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - plumbing of git, found by PATH as everywhere
            ["git", "-C", directory, *_SAFE, *arguments],  # noqa: S607
            env=_clean(environment),
            input=stdin,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise ConfigError("git is not installed, or not in PATH; it is needed to find the new migrations") from None
    except OSError as error:
        raise ConfigError(f"git cannot be started: {error.strerror}") from None


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG") or name == "GIT_EXEC_PATH"
    }
    kept.pop("GIT_CONFIG", None)  # set by hooks: the file that `git config` would read
    return {**kept, **_FORCED}


def _refusal(directory: str, asked: subprocess.CompletedProcess[bytes]) -> ConfigError:
    """Make an error of the messages of git."""
    said = asked.stderr.decode(errors="replace")
    if dubious := _DUBIOUS.search(said):
        return ConfigError(
            f"git refuses to read this repository: {dubious[1]} belongs to another user",
            hint="if you trust it, allow it in git",
            next_steps=[f"git config --global --add safe.directory '{dubious[1]}'"],
        )
    if absent := _ABSENT.search(said):
        return _not_in_clone(absent[1])
    if "not a git repository" in said:
        message = f"`{directory}` is not in a git repository"
        return NoRepositoryError(message, hint="run it in a clone, or name the new files")
    lines = [line for line in said.splitlines() if line.startswith(("fatal: ", "error: "))] or said.splitlines()
    reason = lines[-1].split(": ", 1)[-1] if lines else f"it ended with exit code {asked.returncode}"
    return ConfigError(f"git cannot read the repository of `{directory}`: {reason}")


def _shallow(message: str) -> ConfigError:
    hint = "in GitHub Actions give actions/checkout `fetch-depth: 0`, in GitLab CI set GIT_DEPTH to 0"
    return ConfigError(message, hint=hint, next_steps=["git fetch --unshallow"])


def _no_commit() -> ConfigError:
    return ConfigError(
        "this branch has no commit yet", hint="commit the migrations that have been executed; all others are new"
    )


def _not_in_clone(name: str) -> ConfigError:
    return ConfigError(
        f"the object {name} of the base is not in this clone: the clone is partial, and the review fetches nothing",
        hint="in GitHub Actions remove the `filter` of actions/checkout",
        next_steps=["git fetch --refetch --no-filter"],
    )

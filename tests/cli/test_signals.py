"""Signals that arrive where Python cannot raise an exception."""

from __future__ import annotations

import signal
import subprocess
import sys

import children
import pytest

# A function that C calls back, as libpq does for each notice: what is raised in it goes nowhere.
_IN_A_CALLBACK = """
import ctypes, signal, sys, time
from sqlmigrate.cli import signals

signals.listen()
callback = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(int(sys.argv[1])))
try:
    callback()
    time.sleep(60)
except KeyboardInterrupt as interrupt:
    sys.exit(signals.exit_code(interrupt))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_in_a_callback_is_not_lost(number: signal.Signals, code: int) -> None:
    ended = children.run(
        [sys.executable, "-c", _IN_A_CALLBACK, str(int(number))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", "")


def test_other_exceptions_in_a_callback_are_reported_as_ever() -> None:
    script = _IN_A_CALLBACK.replace("time.sleep(60)", "").replace("signal.raise_signal(int(sys.argv[1]))", "1 / 0")
    ended = children.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    assert (ended.returncode, ended.stdout) == (0, "")
    assert "ZeroDivisionError" in ended.stderr

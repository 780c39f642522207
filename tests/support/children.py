"""The processes that tests start: with the default signals, and killed when the time limit of their test is over.

A child inherits the ignored signals: SIGINT in a job that a script starts with ``&``, SIGHUP under ``nohup``. A test of
Ctrl-C would never end there.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

_started: WeakSet[subprocess.Popen[Any]] = WeakSet()


def restore_default_signals() -> None:
    """Undo what the caller of this process has ignored, for this process and for all that it starts."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # we stay immune; what is handled is default in a child
        signal.signal(signal.SIGHUP, lambda _number, _frame: None)


def start(command: Sequence[Any], **options: Any) -> subprocess.Popen[Any]:
    """Start a process as `subprocess.Popen` does."""
    process = subprocess.Popen(command, **options)
    _started.add(process)
    return process


def run(command: Sequence[Any], *, check: bool = False, **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run a process to its end as `subprocess.run` does; the time limit is the test's."""
    return subprocess.run(command, check=check, **options)


def kill_all() -> None:
    """Kill the processes that were started here and have not ended."""
    for process in list(_started):
        process.kill()

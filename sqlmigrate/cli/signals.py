"""The signals that ask the program to end. All are treated as Ctrl-C: work in progress is rolled back and recorded."""

from __future__ import annotations

import os
import signal
import sys
from threading import Timer
from typing import NoReturn

EXIT_SIGNALLED = 128  # plus the signal's number, as a shell counts it: Ctrl-C is SIGINT, 130
_AGAIN_SECONDS = 0.02


class Signalled(KeyboardInterrupt):
    """A signal other than Ctrl-C: CI stops a job with SIGTERM, a closed terminal sends SIGHUP."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def listen() -> None:
    """Make these signals raise `Signalled`, unless the caller has them ignored, as nohup ignores SIGHUP.

    What is raised in a function that C calls back, as libpq does for each notice, goes nowhere: Python only reports it
    (https://docs.python.org/3/library/sys.html#sys.unraisablehook). Such a signal is sent again.
    """
    sys.unraisablehook = _send_again
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise)


def _raise(number: int, _frame: object) -> NoReturn:
    raise Signalled(number)


def _send_again(lost: sys.UnraisableHookArgs) -> None:
    interrupt = lost.exc_value
    if not isinstance(interrupt, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    again = Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), exit_code(interrupt) - EXIT_SIGNALLED))
    again.daemon = True
    again.start()


def exit_code(interrupt: BaseException | None) -> int:
    """Return the exit code that tells which signal ended the process."""
    return EXIT_SIGNALLED + (interrupt.number if isinstance(interrupt, Signalled) else signal.SIGINT)

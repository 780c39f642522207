"""The signals that ask the program to end. All are treated as Ctrl-C: work in progress is rolled back and recorded."""

from __future__ import annotations

import signal
from typing import NoReturn

EXIT_SIGNALLED = 128  # plus the signal's number, as a shell counts it: Ctrl-C is SIGINT, 130


class Signalled(KeyboardInterrupt):
    """A signal other than Ctrl-C: CI stops a job with SIGTERM, a closed terminal sends SIGHUP."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def listen() -> None:
    """Make these signals raise `Signalled`, unless the caller has them ignored, as nohup ignores SIGHUP."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise)


def _raise(number: int, _frame: object) -> NoReturn:
    raise Signalled(number)


def exit_code(interrupt: BaseException | None) -> int:
    """Return the exit code that tells which signal ended the process."""
    return EXIT_SIGNALLED + (interrupt.number if isinstance(interrupt, Signalled) else signal.SIGINT)

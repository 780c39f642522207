"""The signals that ask us to end, all treated as Ctrl-C: what is under way is cancelled, rolled back and recorded."""

from __future__ import annotations

import signal
from typing import NoReturn

_EXIT_CODE = 128  # and the signal's number, as a shell has it: Ctrl-C, which is SIGINT, makes 130


class Signalled(KeyboardInterrupt):
    """A signal other than Ctrl-C: CI stops a job by SIGTERM, a terminal that is closed sends SIGHUP."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def listen() -> None:
    """Have those signals raise `Signalled`, unless whoever started us has them ignored, as nohup has SIGHUP."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise)


def _raise(number: int, _frame: object) -> NoReturn:
    raise Signalled(number)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """Give the exit code that says by which signal a process ended."""
    return _EXIT_CODE + (interrupt.number if isinstance(interrupt, Signalled) else signal.SIGINT)

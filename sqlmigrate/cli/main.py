"""The entry point of the program."""

from __future__ import annotations

import gc
import sys

from . import commands, program, signals

__all__ = ["commands", "main"]  # importing the commands adds them to the program


def main() -> None:
    """Run the command line, and end the process with its exit code.

    Garbage collection is almost turned off: a short process makes hardly any garbage, and looking for it among all
    imported modules, at the start and again at the end, takes a tenth of the time of `status`.
    """
    signals.listen()
    gc.set_threshold(100_000)
    try:
        sys.exit(program.run(sys.argv[1:]))
    finally:
        gc.freeze()

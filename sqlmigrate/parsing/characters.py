r"""The characters that PostgreSQL's lexer takes as white space, and as parts of names.

The classes are those of ``scan.l``. They differ from Python's ``\s`` and ``\w``: all characters outside ASCII belong to
names, U+00A0 and U+2028 too. Each class is written as what it excludes, because large classes are slow to compile.
"""

from __future__ import annotations

BLANKS = " \t\n\r\f\v"
NAME_START = r"[^\x00-@\[-^`{-\x7f]"
NAME = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
"""A character of a name after the first."""

NAME_NO_DOLLAR = r"[^\x00-/:-@\[-^`{-\x7f]"

r"""What PostgreSQL's lexer takes for white space, and what for a part of a name.

The classes are those of ``scan.l``, which Python's ``\s`` and ``\w`` are not: all characters beyond ASCII belong to
names, also U+00A0 and U+2028. A class is written by what it excludes, because wide ones are slow to compile.
"""

from __future__ import annotations

BLANKS = " \t\n\r\f\v"
NAME_START = r"[^\x00-@\[-^`{-\x7f]"
NAME = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
"""A character of a name after the first."""

NAME_NO_DOLLAR = r"[^\x00-/:-@\[-^`{-\x7f]"

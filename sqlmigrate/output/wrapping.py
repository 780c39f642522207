"""Folds lines that are wider than the terminal: between words, and preferably where there are two blanks or more.

Names are never cut, and neither is a command at the end of a line, which is to be pasted. The folded part is indented.
Without a terminal lines are not folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .excerpt import Line, cell_count

_LEAST_INDENT = 5  # of a part that is too wide for the usual indent
_COMMAND = re.compile(r"(?<=:) sqlmigrate [^;]*$")  # with a semicolon more words follow
_PARTS = re.compile(r" {2,}|^ | $|(?:(?! {2,}| $).)+")


def folded(line: Line, room: int | None, indent: int) -> list[Line]:
    """Return a line as lines of at most `room` cells; those after the first are indented by `indent` cells.

    A part between two gaps goes to the next line as a whole if it fits there. If `room` is None, the line stays as it
    is.
    """
    if room is None or line_width(line) <= room:
        return [line]
    *heads, (style, words) = line
    if found := _COMMAND.search(words):
        command: Line = [("", " " * indent), (style, words[found.start() :].lstrip())]
        return [*folded([*heads, (style, words[: found.start()])], room, indent), command]
    lines: list[Line] = [[]]
    used, gap = 0, ""
    for style, part, is_gap in _units(line, room - indent):
        if is_gap:
            gap += part
            continue
        size = cell_count(part)
        at = indent if indent + size <= room else min(indent, _LEAST_INDENT)
        if used + len(gap) + size > room and used + len(gap) > at:
            used, gap = at, ""
            lines.append([("", " " * used)])
        lines[-1].append((style, gap + part))
        used, gap = used + len(gap) + size, ""
    return lines


def ends_in_command(text: str) -> bool:
    """Tell whether a line of a hint ends in a command, behind a colon."""
    return _COMMAND.search(text) is not None


def line_width(line: Line) -> int:
    """Return the width of a line in cells."""
    return cell_count("".join(text for _, text in line))


def _units(line: Line, room: int) -> Iterator[tuple[str, str, bool]]:
    """Return the parts that must not be cut, and the gaps between them, each with its style and whether it is a gap."""
    for style, text in line:
        for part in _PARTS.findall(text):
            if part.isspace() or cell_count(part) <= room:
                yield style, part, part.isspace()
                continue
            for index, word in enumerate(part.split(" ")):
                if index:
                    yield style, " ", True
                yield style, word, False

"""Lines that are wider than the terminal, folded: between words, and better where there is more than one blank.

Names are never cut, and what is folded stands under a column of its own. Where there is no terminal a line is a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .excerpt import Line, cell_count

_LEAST_INDENT = 5  # of what is too wide for the column where it belongs
_PARTS = re.compile(r" {2,}|^ | $|(?:(?! {2,}| $).)+")


def folded(line: Line, room: int | None, indent: int) -> list[Line]:
    """Give a line as lines of at most `room` cells, those after the first indented; as it is where `room` is None.

    What stands between two gaps goes to the next line as a whole, where it has room there.
    """
    if room is None or line_width(line) <= room:
        return [line]
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


def line_width(line: Line) -> int:
    """Give how many cells a line takes."""
    return cell_count("".join(text for _, text in line))


def _units(line: Line, room: int) -> Iterator[tuple[str, str, bool]]:
    """Give what is not to be cut, and the gaps between."""
    for style, text in line:
        for part in _PARTS.findall(text):
            if part.isspace() or cell_count(part) <= room:
                yield style, part, part.isspace()
                continue
            for index, word in enumerate(part.split(" ")):
                if index:
                    yield style, " ", True
                yield style, word, False

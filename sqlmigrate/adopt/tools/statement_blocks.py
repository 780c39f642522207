"""Lines with commands in comments, and statements between `StatementBegin` and `StatementEnd`.

Two tools cut a file into statements where a line ends with `;`, and let such comments keep a statement together. Here
the text alone says where a statement ends: the comments are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmigrate.errors import MigrationError
from sqlmigrate.source import Span

BEGIN, END = "StatementBegin", "StatementEnd"


@dataclass(frozen=True)
class CommandLine:
    """A line of a file.

    Attributes:
        span: The line, with its line end.
        command: The command of the tool that it holds; empty for SQL and other comments.
        options: The words behind the command.
    """

    span: Span
    command: str = ""
    options: tuple[str, ...] = ()

    @property
    def place(self) -> Span:
        """The line without its line end."""
        text = self.span.text.rstrip("\r\n")
        return self.span.source.span(self.span.start, self.span.start + len(text))


def text_of(lines: Sequence[CommandLine]) -> str:
    """Join the lines without the commands; a statement that only `StatementEnd` ends gets a `;` in its place."""
    open_ends = _open_ends(lines)
    kept = []
    for line in lines:
        if line in open_ends:
            kept.append(";" + line.span.text[len(line.place.text) :])
        elif not line.command:
            kept.append(line.span.text)
    return "".join(kept)


def notes_of(lines: Sequence[CommandLine]) -> Iterator[MigrationError]:
    """Yield a note for the first block, and one for each `;` that is added."""
    begins = [line for line in lines if line.command == BEGIN]
    if begins:
        yield MigrationError(f"lines with `{BEGIN}` and `{END}` are left out", begins[0].place)
    for line in _open_ends(lines):
        yield MigrationError(f"`;` takes the place of `{END}`: nothing else ends the statement", line.place)


def _open_ends(lines: Sequence[CommandLine]) -> list[CommandLine]:
    """Return the ends of the blocks whose last statement has no `;`."""
    found = []
    block: list[str] | None = None
    for line in lines:
        if line.command == BEGIN:
            block = []
        elif line.command == END:
            found += [line] if block is not None and _is_open(block) else []
            block = None
        elif block is not None and not line.command:
            block.append(line.span.text)
    return found


def is_comment(text: str) -> bool:
    """Tell whether a line is empty, or a comment."""
    stripped = text.strip()
    return not stripped or stripped.startswith("--")


def _is_open(block: Sequence[str]) -> bool:
    """Tell whether the last statement of a block has no `;` at the end of its last line."""
    last = next((text for text in reversed(block) if not is_comment(text)), None)
    if last is None:
        return False
    words: list[str] = []
    for word in last.split():
        if word.startswith("--"):
            break
        words.append(word)
    return not (words and words[-1].endswith(";"))

r"""Splits a text into statements, exactly as PostgreSQL does.

The places in all messages depend on these cuts, and a wrong cut executes half a function on a live database. So a text
that cannot be split for certain is refused, with the place. The rules are PostgreSQL's:

- those of its lexer (``scan.l``, https://www.postgresql.org/docs/current/sql-syntax-lexical.html), with standard
  conforming strings;
- those of its grammar (``gram.y``) for bodies of ``BEGIN ATOMIC`` and for a COPY that reads the file;
- those of psql (``psqlscan.l``, ``copy.c``) for what is not part of the language: a ``;`` in parentheses ends nothing,
  an extra ``)`` is ignored, the data of a COPY begins on the next line, the end of the file ends a statement.

One regular expression matches all text in which no statement can end; that is nearly all of a file. The character at
which it stops is an event: a ``;``, a parenthesis that is not closed nearby, a string after an E, a ``$``, a comment
that may end a statement, or a backslash. A loop handles the events. The expression never backtracks over what it has
matched, so the time grows with the length of the text, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NoReturn, cast

from sqlmigrate.errors import MigrationError
from sqlmigrate.source import BYTE_ORDER_MARK, Source, Span

from .characters import BLANKS, NAME, NAME_NO_DOLLAR, NAME_START
from .comments import block_end
from .statement import Statement, class_at


def split(text: str | Source) -> Iterator[Statement]:
    r"""Yield the statements of a text in their order.

    Between two statements there is only white space, comments, ``;``, data of COPY and psql's ``\restrict`` lines:
    nothing is lost or moved, and offsets count in the text as it is given. A byte order mark at the start of a ``str``
    is ignored (a `Source` has none). Raises `MigrationError`, with the place, if the text cannot be split for certain.
    """
    if isinstance(text, str):
        return _cut(Source("<string>", text), len(BYTE_ORDER_MARK) if text.startswith(BYTE_ORDER_MARK) else 0)
    return _cut(text, 0)


_SPACE = rf"[{BLANKS}]*+"

# Before Python 3.11.5 (Debian 12 has 3.11.2) a possessive group that fails halfway does not go back: gh-106052. There,
# an atomic group does the same, and takes more time and memory.
_CAN_POSSESS = re.match("(?:ab?c)*+a", "aca") is not None


def _many(some: str, quantifier: str = "*") -> str:
    """Make a pattern that matches as many `some` as possible and never gives one back."""
    return rf"(?:{some}){quantifier}+" if _CAN_POSSESS else rf"(?>(?:{some}){quantifier})"


_LINE_COMMENT = r"--[^\r\n]*+"
_COMMENT = rf"(?:{_LINE_COMMENT}|/\*" + _many(r"[^*/]++|\*(?!/)|/(?!\*)") + r"\*/)"  # without a nested comment
_GAP = _SPACE + _many(_COMMENT + _SPACE)
_RESTRICT = (
    r"\\(?:un)?restrict[ \t]+[A-Za-z0-9]+[ \t]*(?=\r?\n|\Z)"  # of psql; newer versions of pg_dump write such lines
)
_BETWEEN = rf"[{BLANKS};]*+" + _many(rf"(?:{_COMMENT}|{_RESTRICT})[{BLANKS};]*+")

# '' needs no rule: it ends one string and begins another. A string after an E is an event: the E may be the prefix of
# the string or the last letter of a word. A string continues on a later line if only white space and line comments are
# between its parts.
_QUOTED = r"""'(?<![eE]')[^']*+'|"[^"]*+\""""
_LINE_END = _many(rf"[ \t\f\v]++|{_LINE_COMMENT}") + r"[\r\n]" + _many(rf"[{BLANKS}]++|{_LINE_COMMENT}[\r\n]")
_GO_ON = f"'{_many(_LINE_END, '?')}'"
_WHOLE_STRING = _many(f"[^']++|{_GO_ON}") + "'"
_WHOLE_QUOTED = f"""'(?<![eE]'){_WHOLE_STRING}|"{_many('[^"]++|""')}\""""


def _word(word: str) -> str:
    """Make the pattern of a keyword, in upper or lower case, and the white space after it."""
    letters = "".join(f"[{letter}{letter.upper()}]" for letter in word)  # re.I would accept U+017F as an s
    return rf"{letters}(?!{NAME}){_SPACE}"


def _stretch(keywords: str = "", quoted: str = _QUOTED, semicolon: str = "") -> str:
    """Make the pattern of the longest text in which no statement can end; it also stops before `keywords`.

    Parentheses can be part of it, four levels deep. A comment after which the statement may end is not: such a comment
    does not belong to the statement.
    """
    some, group = rf"{quoted}|-(?!-)|/(?!\*)", ""
    for _ in range(4):
        plain = r"""[^()'"$/\\-]*+"""
        group = rf"|\({plain}" + _many(f"(?:{some}|{_COMMENT}{group}){plain}") + r"\)"
    some += rf"{group}|{_many(_COMMENT + _SPACE, '+')}(?=[^;/-]){semicolon}"
    initials = ""
    for keyword in keywords.split():
        initial = f"[{keyword[0]}{keyword[0].upper()}]"
        some += rf"|{initial}(?:(?<={NAME_NO_DOLLAR}{initial})|(?!{_word(keyword[1:])}))"
        initials += keyword[0] + keyword[0].upper()
    plain = rf"""[^;()'"$/\\{initials}-]*+"""
    return plain + _many(f"(?:{some}){plain}")


_Matcher = Callable[[str, int], "re.Match[str]"]


@cache
def _always(pattern: str) -> _Matcher:
    """Make the matcher of a pattern that always matches, at least the empty text.

    To compile a long one takes 3 ms; most files need two of them.
    """
    return cast("_Matcher", re.compile(pattern).match)


_piece = _always(rf"{_BETWEEN}({_stretch()})")
_ANYTHING = _stretch()
_IN_BODY = _stretch(semicolon=rf"|;(?!{_GAP}(?:{_word('end')}|{_word('create')}|/))")
_WHOLE_QUOTES = _stretch(quoted=_WHOLE_QUOTED)
_UP_TO_BEGIN = _stretch("begin")
_UP_TO_DIRECTION = _stretch("from to")
_gap = _always(_GAP)
_rest_of_name = _always(rf"{NAME}*+")
_parameter = _always(rf"\$(?:[0-9]++(?:{NAME_START}{NAME}*+)?)?")
_rest_of_line = _always(_many(r"[ \t\f\v\r;]++|/\*[^*/\r\n]*+\*/") + rf"(?:{_LINE_COMMENT}\r*+)?")
_psql_command = _always(r"\\(?:[A-Za-z_]++|[^A-Za-z_\s])?")

_keyword = re.compile(rf"[A-Za-z]++(?!{NAME})").match
_end = re.compile(_word("end")).match
_whole_string = re.compile(rf"'{_WHOLE_STRING}").match
_escape_string = re.compile("'" + _many(rf"[^'\\]++|\\[\s\S]|{_GO_ON}") + "'").match
_prefix = re.compile(r"""(?:[uU]&['"]|[bBeExX]')\Z""").search
_name_character = re.compile(NAME).match
_number = re.compile(r"[0-9](?:_?[0-9])*").fullmatch
_dollar_quote = re.compile(rf"\$(?:{NAME_START}{NAME_NO_DOLLAR}*+)?\$").match
_end_of_data = re.compile(r"\\\.(?:\r?\n|\Z)").match

# The first words of statements that may hold more: data, or a body with statements of its own. With the last one it is
# not known yet: a comment stands between the words.
_opening = re.compile(
    rf"({_word('copy')})|{_word('create')}(?:{_word('or')}(?:{_word('replace')}|(?=[/-])))?"
    rf"(?:({_word('function')}|{_word('procedure')})|([/-]))"
).match
_COPY, _ROUTINE, _COMMENTED = 1, 2, 3


def _cut(source: Source, pos: int) -> Iterator[Statement]:
    """Yield the statements from `pos` on. A plain one, as most are, takes one match and no function call."""
    text, new, piece, count = source.text, tuple.__new__, _piece, source.text.count
    cutter = _Cutter(source)
    if (nul := text.find("\0")) >= 0:
        hint = "remove it; if the file has many of them, it was saved as UTF-16: save it as UTF-8"
        cutter.refuse(nul, nul + 1, "PostgreSQL text cannot contain a NUL character", hint)
    line, counted, has_returns = 1, 0, "\r" in text
    while True:
        start, pos = piece(text, pos).span(1)
        event, data = text[pos : pos + 1], None
        if start == pos and event in {"", "/"}:
            if not event:
                return
            pos = cutter.skip(pos)
            continue
        if event == ";" and text[pos - 1] not in BLANKS:
            stop = end = pos
        else:
            stop, end = cutter.cut(start, _ANYTHING, pos)
        pos = stop + 1
        if text[start] in "cC" and (opening := _opening(text, start)):
            end, pos, data = cutter.look_closer(start, stop, end, opening.lastindex)
        line += count("\n", counted, start)
        if has_returns:  # no statement begins inside a CRLF, so none is counted twice
            line += count("\r", counted, start) - count("\r\n", counted, start)
        counted = start
        yield new(class_at(text, start), (source, start, end, line, data))  # in half the time of Statement(...)
        if data is not None and (on_disk := source.on_disk_at(data.start)):
            line += on_disk.lines


class _Cutter:
    """Handles the events of one source. Its methods take and return offsets in the text."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text

    def cut(self, start: int, stretch: str, pos: int = -1) -> tuple[int, int]:
        """Return the next ``;`` outside parentheses (or the end of the text), and the end of what is before it.

        A keyword at which `stretch` stops outside parentheses is returned like a ``;``. `pos` is the event, if known.
        """
        text, depth, harmless = self.text, 0, _always(stretch)
        floor = start  # the end of the last event: the next one does not begin before it
        pos = harmless(text, start).end() if pos < 0 else pos
        while True:
            event = text[pos : pos + 1]
            after = pos + 1
            if event == "(":
                depth += 1
            elif event == ")":
                depth = max(0, depth - 1)
            elif event in {"'", '"'}:
                after = self.after_quote(pos, floor) or self.refuse_quote(start, pos, floor, stretch)
            elif event == "$":
                after = self.after_dollar(pos, floor)
            elif event in {"-", "/"}:
                after = self.skip(pos)
                if after == len(text) or (text[after] == ";" and not depth):
                    return after, self.trim(pos)
            elif event == "\\":
                self.refuse_command(pos)
            elif not (depth and event):
                return pos, self.trim(pos)
            floor = after
            pos = harmless(text, after).end()

    def trim(self, end: int) -> int:
        """Return `end`, moved back over the white space before it."""
        while self.text[end - 1] in BLANKS:
            end -= 1
        return end

    def skip(self, pos: int) -> int:
        """Return the first place from `pos` on that is neither white space nor a comment; comments nest."""
        while self.text.startswith("/*", pos := _gap(self.text, pos).end()):
            end = block_end(self.text, pos)
            if not end:
                hint = "comments nest in PostgreSQL: every `/*` needs its own `*/`"
                self.refuse(pos, pos + 2, "the comment opened here is never closed", hint)
            pos = end
        return pos

    def prefix(self, quote: int, floor: int) -> str:
        """Return the prefix of the string or name at `quote`: E, B, X, U& or nothing."""
        found = _prefix(self.text, max(floor, quote - 2), quote + 1)
        is_word = found and (found.start() == floor or not _name_character(self.text, found.start() - 1))
        return found[0][:-1] if found and is_word else ""

    def after_quote(self, quote: int, floor: int) -> int:
        """Return the end of the string at `quote`, 0 if it is never closed. A backslash escapes only after E."""
        string = (_escape_string if self.prefix(quote, floor) in {"e", "E"} else _whole_string)(self.text, quote)
        return string.end() if string else 0

    def after_dollar(self, pos: int, floor: int) -> int:
        """Return the end of what the ``$`` at `pos` belongs to: a name, a dollar quote, a parameter, or nothing."""
        text, start = self.text, pos
        while start > floor and _name_character(text, start - 1):
            start -= 1
        if start < pos and not _number(text, start, pos):
            return _rest_of_name(text, pos).end()
        opener = _dollar_quote(text, pos)
        if not opener:
            return _parameter(text, pos).end()
        closer = text.find(opener[0], opener.end())
        if closer < 0:
            message = f"the dollar quote `{opener[0]}` opened here is never closed"
            self.refuse(pos, opener.end(), message, f"close it with exactly `{opener[0]}`")
        return closer + len(opener[0])

    def keyword(self, pos: int) -> str:
        """Return the keyword at `pos` in lower case; empty if there is a longer name or anything else."""
        word = _keyword(self.text, pos)
        return word[0].lower() if word else ""

    def look_closer(self, start: int, stop: int, end: int, opening: int | None) -> tuple[int, int, Span | None]:
        """Return the real end of the statement whose first ``;`` is at `stop`, where to continue, and its data."""
        if opening == _COPY and self.reads_file(start):
            return end, *self.copy_data(start, stop)
        if "atomic" in self.text[start:stop].lower() and (opening == _ROUTINE or self.is_routine(start)):
            stop, end = self.end_of_routine(start)
        return end, stop + 1, None

    def is_routine(self, pos: int) -> bool:
        """Tell whether the statement at `pos` is CREATE [OR REPLACE] FUNCTION or PROCEDURE."""
        opening = _opening(self.text, pos)
        if opening and opening.lastindex == _COMMENTED:
            words = []
            while word := self.keyword(pos):
                words.append(word)
                pos = self.skip(pos + len(word))
            opening = _opening(" ".join(words), 0)
        return bool(opening and opening.lastindex == _ROUTINE)

    def end_of_routine(self, pos: int) -> tuple[int, int]:
        """Return the ``;`` that ends the routine at `pos`, and the end of what is before it.

        A body ends at an END that follows ``;`` or ATOMIC: no statement in it can begin with END. The grammar allows a
        routine inside another.
        """
        open_bodies, start = 0, pos
        while start < len(self.text):
            if _end(self.text, start):
                open_bodies -= 1
            elif (not open_bodies or self.is_routine(start)) and (body := self.body(start)):
                open_bodies += 1
                pos, start = body, self.skip(body)
                continue
            stop, end = self.cut(start, _IN_BODY if open_bodies else _ANYTHING)
            if not open_bodies or stop == len(self.text):
                return stop, end
            pos, start = stop + 1, self.skip(stop + 1)
        return start, self.trim(pos)

    def body(self, pos: int) -> int:
        """Return the end of BEGIN ATOMIC in the routine at `pos`; 0 if it has no such body."""
        while self.text.startswith(("b", "B"), pos := self.cut(pos, _UP_TO_BEGIN)[0]):
            pos = self.skip(pos + len("begin"))
            if self.keyword(pos) == "atomic":
                return pos + len("atomic")
        return 0

    def reads_file(self, pos: int) -> bool:
        """Tell whether a COPY has its data below it. The grammar accepts FROM stdout as FROM stdin.

        FROM and TO are reserved words, but after a dot they are names. Then FROM, TO, a column list or a dot follows.
        """
        while True:
            pos, _ = self.cut(pos, _UP_TO_DIRECTION)
            direction = self.keyword(pos)
            pos = self.skip(pos + len(direction))
            target = self.keyword(pos)
            if target not in {"from", "to"} and not self.text.startswith(("(", "."), pos):
                return direction == "from" and target in {"stdin", "stdout"}

    def copy_data(self, start: int, stop: int) -> tuple[int, Span]:
        r"""Return where to continue after the data of the COPY from `start` to `stop`, and the data, up to ``\.``."""
        begin = _rest_of_line(self.text, stop + 1).end()
        if begin < len(self.text) and self.text[begin] != "\n":
            crs = "\r" in self.text[stop:begin]
            hint = "save the file with LF line endings" if crs else "move it below the data, after the line `\\.`"
            self.refuse(
                begin, None, "the data of a COPY begins on the line below it, but this is on the same line", hint
            )
        at = begin
        while (at := self.text.find("\n\\.", at)) >= 0:
            at += 1
            if end := _end_of_data(self.text, at):
                return end.end(), self.source.span(begin + 1, at)
        hint = "`FROM stdin` reads the lines below it, up to a line that contains only `\\.`"
        return self.refuse(start, None, "the data of this COPY has no end", hint)

    def refuse(self, start: int, end: int | None, message: str, hint: str) -> NoReturn:
        """Raise the error that says why and where the text cannot be split."""
        raise MigrationError(message, self.source.span(start, end), hint=hint)

    def refuse_quote(self, start: int, quote: int, floor: int, stretch: str) -> NoReturn:
        """Refuse a string or name that is never closed. `quote` opens its last part; the place is its first part."""
        while stretch != _WHOLE_QUOTES and start < len(self.text):
            start = self.cut(start, _WHOLE_QUOTES)[0] + 1
        mark = self.text[quote]
        what = "string" if mark == "'" else "quoted name"
        hint = f"close it with `{mark}`; a quote inside a {what} is written twice, `{mark}{mark}`"
        if (escape := self.text.find("\\" + mark, start, quote)) >= 0:
            line = self.source.place(escape)[0]
            hint = f"does the `\\{mark}` in line {line} end it too early? Write a quote inside it as `{mark}{mark}`"
        opener = quote - len(self.prefix(quote, floor))
        self.refuse(opener, quote + 1, f"the {what} opened here is never closed", hint)

    def refuse_command(self, pos: int) -> NoReturn:
        """Refuse a backslash outside of quotes: most often a psql command."""
        command = _psql_command(self.text, pos)[0]
        message, hint = f"`{command}` is a psql command, not SQL", _CURES.get(command[1:])
        if command in {"\\restrict", "\\unrestrict"}:
            message = f"`{command}` is ignored only between statements, with nothing but its key after it"
        elif not hint and not command[1:2].isalpha():
            message = "backslash outside of quotes"
            hint = "in '…' a backslash is not an escape: write a quote inside it as `''`, or begin the string with `E'`"
        self.refuse(pos, pos + len(command), message, hint or "remove it, or run this file with psql")


_CURES = {
    name: cure
    for names, cure in (
        (
            "i ir include include_relative",
            "copy the statements of that file to this place, or make that file a migration",
        ),
        ("copy", "write `COPY … FROM stdin;`, the data on the lines below it, and then a line `\\.`"),
        ("c connect", "remove it: all migrations run in the database that sqlmigrate is connected to"),
        ("set unset prompt getenv setenv gset", "write the value itself: psql variables do not work here"),
        ("gexec", "loop over the query in a `DO` block: `FOR … IN … LOOP EXECUTE … END LOOP`"),
        ("g gx gdesc bind parse crosstabview watch", "end the statement with `;`"),
        ("echo qecho warn", "remove it, or use `RAISE NOTICE` in a `DO` block"),
        ("if elif else endif", "write the condition in a `DO` block: `IF … THEN … END IF`"),
        ("q quit", "remove it, and move what is below it to another file"),
        ("restrict unrestrict", "put it on a line of its own, after a `;`"),
        (";", "write only `;`"),
        (
            ".",
            "it ends the data of a `COPY … FROM stdin`, but no COPY is open: is the `;` after the COPY missing?",
        ),
    )
    for name in names.split()
}

r"""A text cut into statements, exactly as PostgreSQL cuts it.

Every place in every message rests on these cuts, and a wrong one runs half a function on a live database. So the rules
are PostgreSQL's own, and what cannot be understood is refused with its place:

- its lexer's, for quotes, comments, names and numbers (``src/backend/parser/scan.l``, with standard_conforming_strings
  on; https://www.postgresql.org/docs/current/sql-syntax-lexical.html);
- its grammar's, for the bodies of ``BEGIN ATOMIC`` (``routine_body`` in ``gram.y``) and for what makes a COPY read from
  the file (``CopyStmt``);
- psql's, for what is not in the language: a ``;`` inside parentheses does not cut, a stray ``)`` counts for nothing, the
  data of COPY begins on the next line, the end of the file ends a statement (``psqlscan.l``, ``copy.c``).

How: one regular expression swallows everything in which nothing can be hidden, which is nearly all of a file. What stops
it is an event, and a loop decides it: a ``;``, a parenthesis that was not closed nearby, an ``E'…'``, a ``$``, a
comment that may end a statement, a backslash. Every quantifier over a group is possessive: none can be entered twice, so
time grows with the length of the text, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, NoReturn

from .errors import MigrationError
from .source import BYTE_ORDER_MARK, Source, Span


class Statement(NamedTuple):
    """One statement of a source, from its first word up to (not including) its ``;``: a view, it copies no text.

    No white space and no comment stands at either end. `line` is the line of its first character, from 1. `data` is what
    a ``COPY … FROM stdin`` is to be sent: whole lines, those between the statement's own and the one that is ``\\.``.
    """

    source: Source
    start: int
    end: int
    line: int
    data: Span | None = None

    @property
    def text(self) -> str:
        """What is to be executed, as it stands in the source."""
        return self.source.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """The statement's place in its source."""
        return Span(self.source, self.start, self.end)


def split(text: str | Source) -> Iterator[Statement]:
    """Cut a text into its statements, in their order, one at a time.

    Between two of them lies only white space, comments, ``;``, data of COPY, and psql's ``\\restrict`` lines: nothing of
    the text is lost or moved, and offsets count in the text as it is given. A byte order mark at the head of a ``str``
    is passed over (a `Source` has none). Raises `MigrationError` at the place of whatever cannot be cut for certain.
    """
    if isinstance(text, str):
        return _cut(Source("<string>", text), len(BYTE_ORDER_MARK) if text.startswith(BYTE_ORDER_MARK) else 0)
    return _cut(text, 0)


_Matcher = Callable[[str, int], "re.Match[str] | None"]

# -- the patterns ------------------------------------------------------------------------------------------------------
# White space is what scan.l calls space, never \s. Any character beyond ASCII belongs to a name, also U+00A0 and U+2028;
# classes are written as what they exclude, since wide ones are slow to compile.

_SPACE = r" \t\n\r\f\v"
_NAME = r"[^\x00-#%-/:-@\[-^`{-\x7f]"  # what may stand in a name, after its first character
_NAME_BUT_DOLLAR = r"[^\x00-/:-@\[-^`{-\x7f]"
_NAME_START = r"[^\x00-@\[-^`{-\x7f]"

_LINE_COMMENT = r"--[^\r\n]*+"
_FLAT_COMMENT = r"/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/"  # with no other inside
_COMMENT = rf"(?:{_LINE_COMMENT}|{_FLAT_COMMENT})"
# '' inside a string needs no rule: it ends one string and begins the next. After an E (or e) it takes a closer look.
_STRING = r"'(?<![eE]')[^']*+'"
# A string goes on in the next line if nothing but comments to the end of the line stands between.
_GO_ON = rf"(?:[ \t\f\v]++|{_LINE_COMMENT})*+[\r\n](?:[{_SPACE}]++|{_LINE_COMMENT}[\r\n])*+"
_WHOLE_STRING = rf"'(?<![eE]')[^']*+(?:'(?:{_GO_ON})?+'[^']*+)*+'"


def _group(string: str, depth: int) -> str:
    """Make the pattern of parentheses in which nothing can be hidden, `depth` deep at most."""
    plain = r"""[^()'"$/\\-]*+"""
    inner = rf"|{_group(string, depth - 1)}" if depth > 1 else ""
    return rf'\({plain}(?:(?:{string}|"[^"]*+"|-(?!-)|/(?!\*)|{_COMMENT}{inner}){plain})*+\)'


def _stretch(keywords: str = "", string: str = _STRING, semicolon: str = "") -> str:
    """Make the pattern of the longest stretch in which nothing can be hidden; it stops before one of `keywords`.

    A comment after which a statement may end stops it too, since it does not belong to the statement.
    """
    some = rf'{string}|{_group(string, 4)}|"[^"]*"|-(?!-)|/(?!\*)|(?:{_COMMENT}[{_SPACE}]*+)++(?=[^;/-]){semicolon}'
    initials = ""
    for word in keywords.split():
        initial, *rest = (f"{letter}{letter.upper()}" for letter in word)
        others = "".join(f"[{letters}]" for letters in rest)
        some += rf"|[{initial}](?:(?<={_NAME_BUT_DOLLAR}[{initial}])|(?!{others}(?!{_NAME})))"
        initials += initial
    plain = rf"""[^;()'"$/\\{initials}-]*+"""
    return rf"{plain}(?:(?:{some}){plain})*+"


def _word(word: str) -> str:
    """Make the pattern of a keyword and the white space behind it."""
    letters = "".join(f"[{letter}{letter.upper()}]" for letter in word)
    return rf"{letters}(?!{_NAME})[{_SPACE}]*+"


_BETWEEN = rf"[{_SPACE};]*+(?:{_COMMENT}[{_SPACE};]*+)*+"
_piece = re.compile(rf"{_BETWEEN}({_stretch()})").match
_anything = re.compile(_stretch()).match
_body = re.compile(_stretch(semicolon=rf"|;(?!{_BETWEEN}(?:{_word('end')}|{_word('create')}|[/\\]))")).match
_with_whole_strings = re.compile(_stretch(string=_WHOLE_STRING)).match
_up_to_begin = re.compile(_stretch("begin")).match
_up_to_direction = re.compile(_stretch("from to")).match

# What a statement begins with that may hold more than it shows: data, or a body with statements of its own. Where a
# comment stands between the words, they are read one by one.
_opening = re.compile(
    rf"({_word('copy')})|{_word('create')}(?:{_word('or')}(?:{_word('replace')}|(?=[/-])))?+"
    rf"(?:({_word('function')}|{_word('procedure')})|([/-]))"
).match
_COPY, _ROUTINE, _COMMENTED = 1, 2, 3

_begin_atomic = re.compile(_word("begin") + _word("atomic")).match
_end = re.compile(_word("end")).match
_skip = re.compile(rf"[{_SPACE}]*+(?:{_COMMENT}[{_SPACE}]*+)*+").match
_comment_mark = re.compile(r"/\*|\*/").finditer
_keyword = re.compile(rf"[A-Za-z]++(?!{_NAME})").match
_whole_string = re.compile(_WHOLE_STRING.replace("(?<![eE]')", "")).match
_escape_string = re.compile(rf"'(?:[^'\\]++|\\[\s\S]|'(?:{_GO_ON})?+')*+'").match
_is_name = re.compile(_NAME).match
_rest_of_name = re.compile(rf"{_NAME}*+").match
_number = re.compile(r"[0-9](?:_?[0-9])*+").fullmatch
_dollar_quote = re.compile(rf"\$(?:{_NAME_START}{_NAME_BUT_DOLLAR}*+)?+\$").match
_parameter = re.compile(rf"\$(?:[0-9]++(?:{_NAME_START}{_NAME}*+)?+)?+").match
_TO_LINE_END = rf"[ \t\f\v\r;]*+(?:/\*[^*/\r\n]*+\*/[ \t\f\v\r;]*+)*+(?:{_LINE_COMMENT}\r*+)?+"
_up_to_line_begin_atomic = re.compile(_word("begin") + _word("atomic")).match
_end = re.compile(_TO_LINE_END).match
_end_of_line = re.compile(_TO_LINE_END + r"\n").match
_end_of_data = re.compile(r"\\\.(?:\r?\n|\Z)").match
_restrict = re.compile(r"\\(?:un)?restrict[ \t]+[A-Za-z0-9]+[ \t]*(?:\r?\n|\Z)").match
_string_prefix = re.compile(rf"(?<!{_NAME})(?:[uU]&|[bBeExX])\Z").search
_psql_command = re.compile(r"\\([A-Za-z_]+|[^\sA-Za-z_])?").match


# -- the cuts ----------------------------------------------------------------------------------------------------------


def _cut(source: Source, pos: int) -> Iterator[Statement]:
    """Yield the statements from `pos` on. A plain one, as nearly all are, takes one match and no call of ours."""
    text, new, piece, count = source.text, tuple.__new__, _piece, source.text.count
    cutter = _Cutter(source)
    cutter.refuse_nul()
    line, counted, length, has_returns = 1, 0, len(text), "\r" in text
    while True:
        start, pos = piece(text, pos).span(1)  # type: ignore[union-attr]
        event = text[pos : pos + 1]
        if start == pos and event in _BETWEEN_EVENTS:
            if not event:
                return
            pos = cutter.pass_over(pos)
            continue
        data = None
        if event == ";" and text[pos - 1] not in _BLANKS:
            stop = end = pos
        else:
            stop, end = cutter.cut(start, pos, _anything)
        pos = stop + 1
        if text[start] in "cC" and (opening := _opening(text, start)):
            end, pos, data = cutter.look_closer(start, stop, end, opening.lastindex)
        line += count("\n", counted, start)
        if has_returns:  # no CRLF is cut in two here: a statement begins with neither
            line += count("\r", counted, start) - count("\r\n", counted, start)
        counted = start
        yield new(Statement, (source, start, end, line, data))  # half the time of Statement(...)


_BLANKS = " \t\n\r\f\v"
_BETWEEN_EVENTS = frozenset(("", "/", "\\"))
_PARENTHESES = {"(": 1, ")": -1}
_COMMENT_STARTS = frozenset("-/")


class _Cutter:
    """Decides the events of one source. Methods take and give offsets in its text."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text

    def look_closer(self, start: int, stop: int, end: int, opening: int | None) -> tuple[int, int, Span | None]:
        """Cut the statement from `start`, whose first ``;`` is at `stop`: give its end, where to go on, and its data."""
        if opening == _COPY and self.reads_file(start):
            data = self.copy_data(start, stop)
            return end, _end_of_data(self.text, data.end).end(), data  # type: ignore[union-attr]
        if "atomic" in self.text[start:stop].lower() and (opening == _ROUTINE or self.is_routine(start)):
            stop, end = self.end_of_routine(start)
        return end, stop + 1, None

    def find(self, pos: int, harmless: _Matcher) -> int:
        """Give what `cut` does from `pos` on, the place only."""
        return self.cut(pos, harmless(self.text, pos).end(), harmless)[0]  # type: ignore[union-attr]

    def cut(self, start: int, pos: int, harmless: _Matcher) -> tuple[int, int]:
        """Give the next ``;`` outside parentheses (or the end of the text), and the end of what stands before it.

        Where `harmless` stops at a keyword outside parentheses, that is given instead. Everything from `start` to `pos`
        is known to be harmless.
        """
        text, depth = self.text, 0
        floor = start  # where the last event ended: no token that is still to be decided begins before
        while True:
            event = text[pos : pos + 1]
            if event in _PARENTHESES:
                depth, after = max(0, depth + _PARENTHESES[event]), pos + 1
            elif event == "'":
                after = self.after_string(pos, floor) or self.refuse_string(start, pos, harmless)
            elif event == "$":
                after = self.after_dollar(pos, floor)
            elif event in _COMMENT_STARTS:
                after = self.skip(pos)
                if after == len(text) or (text[after] == ";" and not depth):
                    return after, self.trim(pos)
            elif event == '"':
                self.refuse_name(pos)
            elif event == "\\":
                self.refuse_command(pos)
            elif not event or not depth:
                return pos, self.trim(pos)
            else:
                after = pos + 1
            floor = after
            pos = harmless(text, after).end()  # type: ignore[union-attr]

    def trim(self, end: int) -> int:
        """Give `end` without the white space before it."""
        while self.text[end - 1] in _BLANKS:
            end -= 1
        return end

    def skip(self, pos: int) -> int:
        """Give the first place from `pos` on that is neither white space nor comment."""
        while True:
            pos = _skip(self.text, pos).end()  # type: ignore[union-attr]
            if not self.text.startswith("/*", pos):
                return pos
            pos = self.after_comment(pos)

    def after_comment(self, start: int) -> int:
        """Give the end of the comment that opens at `start`; comments nest."""
        depth = 0
        for mark in _comment_mark(self.text, start):
            depth += 1 if mark.group() == "/*" else -1
            if not depth:
                return mark.end()
        return self.refuse(
            "the comment opened here is never closed",
            self.source.span(start, start + 2),
            "comments nest in PostgreSQL: every `/*` needs a `*/` of its own",
        )

    def after_string(self, quote: int, floor: int) -> int:
        """Give the end of the string at `quote`, 0 if it is never closed. An ``E`` makes escapes of its backslashes."""
        letter = quote - 1
        escapes = (
            letter >= floor and self.text[letter] in "eE" and (letter == floor or not _is_name(self.text, letter - 1))
        )
        string = (_escape_string if escapes else _whole_string)(self.text, quote)
        return string.end() if string else 0

    def after_dollar(self, pos: int, floor: int) -> int:
        """Give the end of what the ``$`` at `pos` is part of: a name, a dollar quote, a parameter, or nothing."""
        text, start = self.text, pos
        while start > floor and _is_name(text, start - 1):
            start -= 1
        if start < pos and not _number(text, start, pos):
            return _rest_of_name(text, pos).end()  # type: ignore[union-attr]
        opener = _dollar_quote(text, pos)
        if not opener:
            return _parameter(text, pos).end()  # type: ignore[union-attr]
        closer = text.find(opener.group(), opener.end())
        return closer + len(opener.group()) if closer >= 0 else self.refuse_dollar_quote(pos, opener.end())

    def keyword(self, pos: int) -> str:
        """Give the keyword at `pos` in lower case; nothing, if a longer name or anything else stands there."""
        word = _keyword(self.text, pos)
        return word.group().lower() if word else ""

    def after(self, pos: int, *keywords: str) -> int:
        """Give the place of what follows `keywords` at `pos`; 0 if they do not stand there."""
        for word in keywords:
            if self.keyword(pos) != word:
                return 0
            pos = self.skip(pos + len(word))
        return pos

    # BEGIN ATOMIC

    def is_routine(self, pos: int) -> bool:
        """Say whether the statement at `pos` is CREATE [OR REPLACE] FUNCTION or PROCEDURE."""
        opening = _opening(self.text, pos)
        if not opening or opening.lastindex != _COMMENTED:
            return bool(opening and opening.lastindex == _ROUTINE)
        pos = self.after(pos, "create")
        pos = self.after(pos, "or", "replace") or pos
        return self.keyword(pos) in {"function", "procedure"}

    def end_of_routine(self, pos: int) -> tuple[int, int]:
        """Give the ``;`` that ends the routine at `pos`, and the end of what stands before it.

        A body closes at an END right after ``;`` or ATOMIC, where no statement can begin with END. By the grammar one
        routine may be made inside another, though no server executes that.
        """
        open_bodies = 0
        while True:
            if open_bodies and _end(self.text, pos):
                open_bodies -= 1
            elif (not open_bodies or self.is_routine(pos)) and (body := self.body(pos)):
                open_bodies += 1
                pos = self.piece(body)
                continue
            harmless = _body if open_bodies else _anything
            stop, end = self.cut(pos, harmless(self.text, pos).end(), harmless)  # type: ignore[union-attr]
            if not open_bodies or stop == len(self.text):
                return stop, end
            pos = self.piece(stop + 1)

    def piece(self, pos: int) -> int:
        """Give where the next statement begins from `pos` on."""
        while True:
            start, event = _piece(self.text, pos).span(1)  # type: ignore[union-attr]
            if start < event or not self.text.startswith("/*", start):
                return start
            pos = self.skip(start)

    def body(self, pos: int) -> int:
        """Give the place right after BEGIN ATOMIC of the routine at `pos`; 0 if its body is not of that kind."""
        while self.text.startswith(("b", "B"), pos := self.find(pos, _up_to_begin)):
            words = _begin_atomic(self.text, pos)
            if end := words.end() if words else self.after(pos, "begin", "atomic"):
                return end
            pos += len("begin")
        return 0

    # COPY … FROM stdin

    def reads_file(self, pos: int) -> bool:
        """Say whether a statement is a COPY whose data follows; the grammar also takes FROM stdout for that.

        FROM and TO are reserved, but ``s.from`` is a table's name: then a second one, a column list or a dot follows.
        """
        while True:
            pos = self.find(pos, _up_to_direction)
            direction = self.keyword(pos)
            pos = self.skip(pos + len(direction))
            target = self.keyword(pos)
            if target not in {"from", "to"} and not self.text.startswith(("(", "."), pos):
                return direction == "from" and target in {"stdin", "stdout"}

    def copy_data(self, start: int, stop: int) -> Span:
        """Give the data of the COPY that begins at `start` and ends at `stop`: from the next line up to ``\\.``."""
        begin = _end_of_line(self.text, stop + 1)
        if not begin:
            self.refuse_copy_line(start, stop)
        at = begin.end() - 1
        while (at := self.text.find("\n\\.", at)) >= 0:
            if _end_of_data(self.text, at + 1):
                return self.source.span(begin.end(), at + 1)
            at += 1
        return self.refuse(
            "the data of this COPY is never ended",
            self.source.span(start),
            "end it with a line that is `\\.` and nothing else",
        )

    # psql's own lines, and refusals

    def pass_over(self, pos: int) -> int:
        """Give the end of what stands between statements at `pos`: a comment, or a psql line that pg_dump writes."""
        if self.text[pos] == "/":
            return self.skip(pos)
        line = _restrict(self.text, pos)
        return line.end() if line else self.refuse_command(pos)

    def refuse(self, message: str, span: Span, hint: str) -> NoReturn:
        """Raise the error that says why the text cannot be cut."""
        raise MigrationError(message, span, hint=hint)

    def refuse_nul(self) -> None:
        """Refuse a text with a NUL, which ends it for PostgreSQL."""
        at = self.text.find("\0")
        if at >= 0:
            self.refuse(
                "a NUL character, which no PostgreSQL text can hold",
                self.source.span(at, at + 1),
                "remove it; a file full of them was saved as UTF-16, save it as UTF-8",
            )

    def refuse_string(self, start: int, quote: int, harmless: _Matcher) -> NoReturn:
        """Refuse the string, never closed, whose last piece opens at `quote`: where its first piece opens."""
        if harmless is not _with_whole_strings:
            self.find(start, _with_whole_strings)
        opener = _string_prefix(self.text, max(start, quote - 2), quote)
        hint = "close it with `'`; a quote inside a string is written twice, `''`"
        escaped = self.text.find("\\'", start, quote)
        if escaped >= 0:
            line, _ = self.source.place(escaped)
            hint = f"a backslash escapes nothing in '…' (line {line}): write `''` for a quote inside, or begin with `E'`"
        place = opener.start() if opener else quote
        self.refuse("the string opened here is never closed", self.source.span(place, quote + 1), hint)

    def refuse_name(self, quote: int) -> NoReturn:
        """Refuse a quoted name that is never closed: where its first piece opens."""
        while self.text[quote - 1 : quote] == '"':
            quote = self.text.rindex('"', 0, quote - 1)
        opener = _string_prefix(self.text, max(0, quote - 2), quote)
        self.refuse(
            "the quoted name opened here is never closed",
            self.source.span(opener.start() if opener else quote, quote + 1),
            'close it with `"`; a quote inside a name is written twice, `""`',
        )

    def refuse_dollar_quote(self, start: int, end: int) -> NoReturn:
        """Refuse a dollar quote that is never closed."""
        tag = self.text[start:end]
        self.refuse(
            f"the dollar quote `{tag}` opened here is never closed",
            self.source.span(start, end),
            f"close it with `{tag}`, letter for letter",
        )

    def refuse_copy_line(self, start: int, stop: int) -> NoReturn:
        """Refuse a COPY whose data does not begin on the next line."""
        place = _up_to_line_end(self.text, stop + 1).end()  # type: ignore[union-attr]
        if place >= len(self.text):
            self.refuse(
                "no data follows this COPY",
                self.source.span(start),
                "`FROM stdin` reads the lines after the `;`, up to one that is `\\.` and nothing else",
            )
        self.refuse(
            "the data of a COPY begins on the line after it, and this stands between",
            self.source.span(place),
            "save the file with LF line ends"
            if "\r" in self.text[stop:place]
            else "write it below the data, after the line that is `\\.`",
        )

    def refuse_command(self, pos: int) -> NoReturn:
        """Refuse a backslash outside quotes: a command of psql, most often."""
        command = _psql_command(self.text, pos)
        name = command.group() if command else "\\"
        hint = _CURES.get(name[1:])
        if name.endswith("restrict"):
            message = f"`{name}` does not stand on a line of its own between statements"
            hint = "end the statement before it with `;`, and the line with its key"
        elif hint or name[1:].isalpha():
            message = f"`{name}` is a command of psql, not SQL"
        else:
            message = "a backslash stands outside quotes"
            hint = "in '…' a backslash escapes nothing: write `''` for a quote inside, or begin the string with `E'`"
        self.refuse(message, self.source.span(pos, pos + len(name)), hint or "remove it, or run this file with psql")


def _cures() -> Iterator[tuple[str, str]]:
    """Yield psql's commands that are found in files, each with what to write instead."""
    for names, cure in (
        ("i ir include include_relative", "put the statements of that file here, or make it a migration of its own"),
        ("copy", "write `COPY … FROM stdin;`, the data on the lines below it, and a line that is `\\.`"),
        ("c connect", "a migration runs in one database: take the line out, and name the database when you run it"),
        ("set unset prompt getenv setenv", "there are no variables of psql here: write the value itself"),
        ("gexec", "execute what the query makes in a `DO` block: FOR … IN query LOOP EXECUTE … END LOOP"),
        ("gset", "there are no variables of psql here: use a `DO` block, or a subquery"),
        ("g gx gdesc bind parse crosstabview crosstab watch", "end the statement with `;`"),
        ("echo qecho warn", "remove it, or write `RAISE NOTICE` in a `DO` block"),
        ("if elif else endif", "write the condition in a `DO` block: IF … THEN … END IF"),
        ("q quit", "remove it; what stands below it belongs in another file"),
        ("! cd", "remove it: a migration runs nothing but SQL"),
        ("encoding", "remove it, and save the file as UTF-8"),
        ("password", "write `ALTER ROLE … PASSWORD`"),
        ("timing pset x a t f H o out r reset p w s", "remove it: it changes only what psql shows"),
        ("d dt di dv df dn du l z conninfo", "remove it: it only shows something"),
        (";", "write `;` alone"),
        (".", "it ends the data of a `COPY … FROM stdin`, and none is open here: does that COPY lack its `;`?"),
    ):
        yield from ((name, cure) for name in names.split())


_CURES = dict(_cures())

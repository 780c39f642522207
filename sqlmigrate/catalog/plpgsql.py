"""Reads the body of a function in PL/pgSQL: its SQL, and a block that only plans it.

PL/pgSQL plans a statement when it is executed, with the variables that it sees. The block has the same declarations at
the same places; each query and each expression is in an EXPLAIN there, which plans and does not execute it. Conditions
and loops are left out (https://www.postgresql.org/docs/current/plpgsql-implementation.html).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlmigrate.parsing.tokens import split_at_commas, tokens

_NAME = re.compile(r'(?:[^\W\d][\w$]*|"(?:[^"]|"")*")$')
_QUERIES = ("select", "with", "values", "table")
_PLANNED = (*_QUERIES, "insert", "update", "delete", "merge")
_SILENT = ("null", "get", "fetch", "move", "close", "commit", "rollback")
_SPECIAL = """\
tg_op text; tg_name name; tg_when text; tg_level text; tg_relid oid; tg_relname name; tg_table_name name;
tg_table_schema name; tg_nargs integer; tg_argv text[]; tg_event text; tg_tag text; found boolean;
sqlstate text; sqlerrm text;
"""
_DECLARED = re.compile(r"""(?P<name>"(?:[^"]|"")*"|[\w$]+)\s+(?P<rest>.*)""", re.DOTALL)
_VARIABLE = re.compile(
    r"""(?:constant\s+)?(?P<type>.*?)(?:\s+collate\s+\S+)?(?:\s+not\s+null)?
        (?:\s*(?::=|=|\bdefault\b)\s*(?P<default>.*))?$""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_CURSOR = re.compile(
    r"(?:(?:no\s+)?scroll\s+)?cursor\b\s*(?:\((?P<arguments>.*?)\)\s*)?(?:for|is)\b\s*(?P<query>.*)",
    re.DOTALL | re.IGNORECASE,
)
_WRITTEN = r"""(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)"""
_ASSIGNED = re.compile(
    rf"(?P<target>{_WRITTEN}(?:\s*\.\s*{_WRITTEN})*)(?:\s*\[[^=]*?\])*\s*(?::=|=)\s*(?P<value>.*)", re.DOTALL
)


@dataclass(frozen=True)
class Fragment:
    """A piece of SQL in a body.

    Attributes:
        text: its text
        is_planned: whether the block plans it; PostgreSQL plans only queries, and dynamic SQL is not known
    """

    text: str
    is_planned: bool


@dataclass(frozen=True)
class Block:
    """A block that plans the SQL of a body.

    Attributes:
        sql: the block, as the text of a DO statement; it raises a notice for each fragment that cannot be planned
        fragments: the SQL, in the order of the numbers in the notices
    """

    sql: str
    fragments: tuple[Fragment, ...]


@dataclass(frozen=True)
class Function:
    """A function, as its body sees it.

    Attributes:
        name: its name, without a schema, quoted as needed
        variables: its parameters and result columns: names and types
        positions: the names of the parameters by position, ``$1``
        body: its body
        row: the type of `new` and `old` in a trigger; empty for other functions
        columns: the types of the columns that it returns as a table; empty for other functions
    """

    name: str
    variables: tuple[tuple[str, str], ...]
    positions: Mapping[str, str]
    body: str
    row: str = ""
    columns: tuple[str, ...] = ()


class UnreadableError(Exception):
    """The body is not written as we know PL/pgSQL."""


def planning_block(function: Function, marker: str) -> Block:
    """Return a block that plans the SQL of a function, and raises a notice with `marker` for what cannot be planned.

    Raises:
        UnreadableError: The body is not written as we know it.
    """
    return _Reader(function, marker).block()


@dataclass
class _Reader:
    """Reads one body from its first token to its last, and writes the block."""

    function: Function
    marker: str
    lines: list[str] = field(default_factory=list)
    fragments: list[Fragment] = field(default_factory=list)
    position: int = 0
    open: list[str] = field(default_factory=list)  # the statements that enclose the current one, innermost last
    cases: list[str] = field(default_factory=list)  # what the enclosing CASE statements compare

    def __post_init__(self) -> None:
        names = self.function.positions
        self.tokens = [
            (kind, names.get(text, text)) for kind, _, text in tokens(self.function.body) if kind != "comment"
        ]

    def block(self) -> Block:
        variables = [*self.function.variables]
        if self.function.row:
            variables += [("new", self.function.row), ("old", self.function.row)]
        declared = " ".join(f"{name} {kind};" for name, kind in variables)
        options = self._options()
        while self._peek():
            self._statement()
        if self.open:
            raise UnreadableError
        head = f"declare sqlmigrate_plan text; {_SPECIAL}\nbegin"
        inner = f"<<{self.function.name}>>\ndeclare {declared}\nbegin"
        return Block("\n".join([*options, head, inner, *self.lines, "end;", "end"]), tuple(self.fragments))

    # tokens

    def _peek(self, ahead: int = 0) -> str:
        """Return the next word in lower case, or the one after it; empty at the end."""
        seen = (text for kind, text in self.tokens[self.position :] if kind != "blank")
        return next((text.lower() for number, text in enumerate(seen) if number == ahead), "")

    def _next(self) -> str:
        while self.position < len(self.tokens) and self.tokens[self.position][0] == "blank":
            self.position += 1
        if self.position >= len(self.tokens):
            raise UnreadableError
        self.position += 1
        return self.tokens[self.position - 1][1]

    def _expect(self, *words: str) -> None:
        if self._next().lower() not in words:
            raise UnreadableError

    def _until(self, *ends: str) -> tuple[str, str]:
        """Return the text up to one of some words outside of brackets and CASE expressions, and that word."""
        depth, start = 0, self.position
        while self.position < len(self.tokens):
            kind, text = self.tokens[self.position]
            word = text.lower()
            if depth == 0 and kind == "word" and word in ends:
                found = "".join(each for _, each in self.tokens[start : self.position])
                self.position += 1
                return found.strip(), word
            depth += (word in ("(", "[", "case")) - (word in (")", "]") or (word == "end" and depth > 0))
            self.position += 1
        raise UnreadableError

    def _options(self) -> list[str]:
        """Read the lines at the head: ``#variable_conflict use_column``."""
        options = []
        while self._peek() == "#":
            self._next()
            options.append(f"#{self._next()} {self._next()}")
        return options

    # what is written

    def _plan(self, sql: str) -> None:
        number = len(self.fragments)
        self.fragments.append(Fragment(sql, is_planned=True))
        if sql.startswith("("):  # would be taken for the options of EXPLAIN
            sql = f"select * from ({sql}\n) sqlmigrate_query"
        self.lines.append(
            f"begin for sqlmigrate_plan in explain {sql}\nloop null; end loop; exception when others then "
            f"raise notice '{self.marker}|{number}|%|%', sqlstate, sqlerrm; end;"
        )

    def _plan_expression(self, text: str) -> None:
        if text:
            self._plan(f"select {text}")

    def _leave(self, text: str) -> None:
        self.fragments.append(Fragment(text, is_planned=False))

    def _shape(self, target: str, query: str) -> None:
        """Give a record the columns of a query, without a row."""
        self.lines.append(
            f"begin select * from ({query}\n) sqlmigrate_query where false into {target}; "
            "exception when others then null; end;"
        )

    # statements

    def _statement(self) -> None:
        word = self._peek()
        if word == "<<":
            return self._label()
        reading = _STATEMENTS.get(word)
        if reading and not (word in _ALSO_NAMES and self._peek(1) in (":=", "=", ".", "[")):
            self._next()
            return reading(self)
        if word == ";":
            self._next()
            return None
        if word in _PLANNED:
            return self._query()
        if word in _SILENT:
            self._until(";")
            return None
        return self._assignment()

    def _label(self) -> None:
        self._expect("<<")
        name = self._next()
        self._expect(">>")
        if self._peek() in ("declare", "begin"):
            self.lines.append(f"<<{name}>>")

    def on_declare(self) -> None:
        self.lines.append("declare")
        checks: list[Callable[[], None]] = []
        while self._peek() != "begin":
            if self._peek() in ("", "declare"):
                self._expect("declare")
                continue
            text, _ = self._until(";")
            checks += self._declaration(text)
        self._next()
        self.open.append("begin")
        self.lines.append("begin")
        for check in checks:
            check()

    def _declaration(self, text: str) -> list[Callable[[], None]]:
        """Declare a variable without its default; return what plans the default, or the query of a cursor."""
        declared = _DECLARED.match(text)
        if declared is None:
            raise UnreadableError
        name, rest = declared["name"], declared["rest"]
        if re.match(r"alias\s+for\s", rest, re.IGNORECASE):
            self.lines.append(f"{name} {rest};")
            return []
        if cursor := _CURSOR.match(rest):
            self.lines.append(f"{name} refcursor;")
            return [lambda: self._plan_with(cursor["arguments"] or "", cursor["query"])]
        variable = _VARIABLE.match(rest)
        if variable is None:
            raise UnreadableError
        self.lines.append(f"{name} {variable['type']};")
        default = variable["default"]
        return [lambda: self._plan_expression(default)] if default else []

    def _plan_with(self, arguments: str, query: str) -> None:
        if arguments:
            self.lines.append(f"declare {arguments.replace(',', ';')}; begin")
        self._plan(query)
        if arguments:
            self.lines.append("end;")

    def on_begin(self) -> None:
        self.open.append("begin")
        self.lines.append("begin")

    def on_exception(self) -> None:
        if not self.open or self.open[-1] != "begin":
            raise UnreadableError

    def on_when(self) -> None:
        condition, _ = self._until("then")
        if self.open and self.open[-1] == "case":
            self._plan_expression(f"({self.cases[-1]}) in ({condition})" if self.cases[-1] else condition)

    def on_case(self) -> None:
        subject, _ = self._until("when")
        self.position -= 1
        self.open.append("case")
        self.cases.append(subject)

    def on_end(self) -> None:
        if not self.open:
            raise UnreadableError
        what = self.open.pop()
        if what in ("begin", "for"):
            self.lines.append("end;")
        if what == "case":
            self.cases.pop()
        while self._peek() and self._next() != ";":  # END IF; END LOOP label; END CASE;
            pass

    def on_if(self) -> None:
        self._plan_expression(self._until("then")[0])

    def on_open_if(self) -> None:
        self.open.append("if")
        self.on_if()

    def on_nothing(self) -> None:
        pass

    def on_loop(self) -> None:
        self.open.append("loop")

    def on_while(self) -> None:
        self._plan_expression(self._until("loop")[0])
        self.open.append("loop")

    def on_for(self) -> None:
        target, _ = self._until("in")
        source, _ = self._until("loop")
        first = source.lstrip("( \t\r\n").partition(" ")[0].split("\n")[0].lower()
        if first == "execute":
            self._leave(source)
        elif first in _PLANNED:
            self._plan(source)
            if first in _QUERIES:
                self._shape(target, source)
        elif ".." in source:
            return self._for_numbers(target, source)
        else:  # the rows of a cursor
            self.lines.append(f"declare {target} record; begin")
            self.open.append("for")
            return None
        self.open.append("loop")
        return None

    def _for_numbers(self, target: str, source: str) -> None:
        source = re.sub(r"^reverse\s+", "", source, flags=re.IGNORECASE)
        for each in re.split(r"\.\.|\bby\b", source, flags=re.IGNORECASE):
            self._plan_expression(each)
        self.lines.append(f"declare {target} integer; begin")
        self.open.append("for")

    def on_foreach(self) -> None:
        self._until("array")
        self._plan_expression(self._until("loop")[0])
        self.open.append("loop")

    def on_exit(self) -> None:
        end = self._until("when", ";")[1]
        if end == "when":
            self._plan_expression(self._until(";")[0])

    def on_return(self) -> None:
        if self._peek() == "query":
            self._next()
            text, _ = self._until(";")
            if text.lower().startswith("execute"):
                self._leave(text)
            else:
                self._plan(text)
                self._plan_result(text)
            return
        if self._peek() == "next":
            self._next()
        self._plan_expression(self._until(";")[0])

    def _plan_result(self, query: str) -> None:
        """Compare the columns of a query with those that the function returns."""
        if self.function.columns:
            expected = ", ".join(f"null::{each}" for each in self.function.columns)
            self._plan(f"select * from ({query}\n) sqlmigrate_query union all select {expected}")

    def on_raise(self) -> None:
        text, _ = self._until(";")
        for each in [*split_at_commas(text)][1:]:
            self._plan_expression(re.split(r"\busing\b", each, flags=re.IGNORECASE)[0])

    def on_assert(self) -> None:
        for each in split_at_commas(self._until(";")[0]):
            self._plan_expression(each)

    def on_perform(self) -> None:
        self._plan_expression(self._until(";")[0])

    def on_dynamic(self) -> None:
        self._leave(self._until(";")[0])

    def on_opened(self) -> None:
        text, _ = self._until(";")
        query = re.split(r"\bfor\b", text, maxsplit=1, flags=re.IGNORECASE)
        if len(query) > 1 and query[1].split()[0].lower() in _QUERIES:
            self._plan(query[1].strip())
        else:
            self._leave(text)

    def _query(self) -> None:
        first = self._peek()
        text, _ = self._until(";")
        query, targets = _without_into(text)
        self._plan(query)
        if targets and first in _QUERIES:
            self._shape(targets, query)

    def _assignment(self) -> None:
        text, _ = self._until(";")
        found = _ASSIGNED.match(text)
        if not found:
            return self._leave(text)  # a command, not a query
        if "." in found["target"]:
            self._plan_expression(found["target"])
        self._plan_expression(found["value"])
        return None


# Words that begin statements and may also be names of variables.
_ALSO_NAMES = frozenset(("exit", "raise", "return", "open", "execute", "perform", "assert", "call", "exception"))
_STATEMENTS: Mapping[str, Callable[[_Reader], None]] = {
    "declare": _Reader.on_declare,
    "begin": _Reader.on_begin,
    "exception": _Reader.on_exception,
    "when": _Reader.on_when,
    "case": _Reader.on_case,
    "end": _Reader.on_end,
    "if": _Reader.on_open_if,
    "elsif": _Reader.on_if,
    "elseif": _Reader.on_if,
    "else": _Reader.on_nothing,
    "loop": _Reader.on_loop,
    "while": _Reader.on_while,
    "for": _Reader.on_for,
    "foreach": _Reader.on_foreach,
    "exit": _Reader.on_exit,
    "continue": _Reader.on_exit,
    "return": _Reader.on_return,
    "raise": _Reader.on_raise,
    "assert": _Reader.on_assert,
    "perform": _Reader.on_perform,
    "execute": _Reader.on_dynamic,
    "open": _Reader.on_opened,
    "call": _Reader.on_dynamic,
}


def _without_into(text: str) -> tuple[str, str]:
    """Return a query without its INTO, and the variables that it names."""
    found = [(kind, token) for kind, _, token in tokens(text) if kind != "comment"]
    depth, before = 0, ""
    for number, (kind, token) in enumerate(found):
        word = token.lower()
        depth += (word in ("(", "[")) - (word in (")", "]"))
        if word == "into" and not depth and before not in ("insert", "merge"):
            end, targets = _targets(found, number + 1)
            return "".join(each for _, each in (*found[:number], *found[end:])), targets
        before = word if kind != "blank" else before
    return text, ""


def _targets(found: Sequence[tuple[str, str]], start: int) -> tuple[int, str]:
    """Return where the variables after INTO end, and their text."""
    names: list[str] = []
    end, depth = start, 0
    for number in range(start, len(found)):
        kind, text = found[number]
        if kind == "blank" or (text.lower() == "strict" and not names):
            continue
        is_first = not names or names[-1] in (",", ".")
        if depth or text in ("[", "]"):
            depth += (text == "[") - (text == "]")
        elif is_first != bool(_NAME.match(text)) or (not is_first and text not in (",", ".")):
            break
        names.append(text)
        end = number + 1
    return end, "".join(names)

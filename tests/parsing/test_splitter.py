"""split: it splits as PostgreSQL and psql do; places, refusals, and time and memory for all kinds of texts."""

from __future__ import annotations

import importlib.util
import re
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from sample_size import examples
from slow_texts import HOSTILE
from split_cases import CASES, Case
from splitting_oracles import BIN_16, BIN_18, Refused, Sent, lexer_cuts, parser_cuts, psql_sends, tokens, without_junk
from sql_strategies import PSQL_KNOWN, texts, texts_for_psql, valid_texts

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.source import Source

ACCEPTED = [case for case in CASES if not case.refusal]
REFUSED = [case for case in CASES if case.refusal]
MANY = settings(database=None, suppress_health_check=list(HealthCheck))


def named(cases: Sequence[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def cuts(text: str) -> list[tuple[int, int]]:
    return [(statement.start, statement.end) for statement in split(text)]


def refusal(text: str) -> MigrationError | None:
    try:
        list(split(text))
    except MigrationError as error:
        return error
    return None


# -- the cases ---------------------------------------------------------------------------------------------------------


def test_there_are_enough_cases() -> None:
    """There are at least 120 cases, and some of them are refusals."""
    assert len(CASES) >= 120
    assert len(REFUSED) >= 30


@named(ACCEPTED)
def test_cuts_of_a_case(case: Case) -> None:
    """The statements and the data are the marked ones."""
    found = [(one.start, one.end, one.data and (one.data.start, one.data.end)) for one in split(case.text)]
    assert found == list(case.cuts)


@named(ACCEPTED)
def test_lines_of_a_case(case: Case) -> None:
    """The line of a statement is that of its first character, with all kinds of line ends."""
    found = [(one.line, one.span.line) for one in split(case.text)]
    expected = [1 + len(re.findall(r"\r\n|\r|\n", case.text[:start])) for start, _, _ in case.cuts]
    assert found == [(line, line) for line in expected]


@named(ACCEPTED)
def test_nothing_of_a_case_is_lost(case: Case) -> None:
    """Between statements there is only white space, comments, semicolons, data of COPY and psql lines of pg_dump."""
    assert not any(without_junk(gap) for gap in gaps(case.text, split(case.text)))


@named(REFUSED)
def test_refusal_of_a_case(case: Case) -> None:
    """A text that cannot be split is refused, with the place, the message and the cure."""
    expected = case.refusal
    assert expected
    with pytest.raises(MigrationError) as caught:
        list(split(case.text))
    span = caught.value.span
    assert span
    assert (span.line, span.column, span.text) == (expected.line, expected.column, expected.at)
    assert (caught.value.message, caught.value.hint) == (expected.message, expected.hint)


def gaps(text: str, statements: Iterator[Statement]) -> Iterator[str]:
    """Yield the text between the statements, without data of COPY and the lines that are ignored."""
    at = 0
    for statement in statements:
        yield _without_ignored(text[at : statement.start])
        at = statement.end
        if statement.data:
            yield text[at : statement.data.start]
            assert re.match(r"\\\.(\r?\n|\Z)", text[statement.data.end :])
            at = statement.data.end + 2
    yield _without_ignored(text[at:])


def _without_ignored(gap: str) -> str:
    return re.sub(r"\\(un)?restrict [a-zA-Z0-9]+ *(?=\r?\n|\Z)", "", gap).removeprefix("\ufeff")


# -- PostgreSQL's own parser and lexer ---------------------------------------------------------------------------------


def without_data(text: str) -> str:
    """Return `text` with blanks in place of data of COPY, ignored lines and a byte order mark."""
    blank = list(text)
    for statement in split(text):
        if statement.data:
            blank[statement.data.start : statement.data.end + 2] = " " * (len(statement.data.text) + 2)
    bare = "".join(blank)
    bare = re.sub(r"(?:\A|(?<=\n)|(?<=; ))\\(un)?restrict [a-zA-Z0-9]+", lambda line: " " * len(line.group()), bare)
    return " " + bare[1:] if bare.startswith("\ufeff") else bare


def assert_lexer_agrees(text: str) -> None:
    """Compare with PostgreSQL's lexer: the same cuts, or the place at which it refuses the text."""
    error = refusal(text)
    if error and error.span and error.span.text.startswith("\\"):
        known = tokens(text[: error.span.start + 1])
        if isinstance(known, Refused):
            assert "unterminated" not in known.message
        else:
            assert [token.start for token in known if token.name == "ASCII_92"] == [error.span.start]
        return
    known = tokens(without_data(text) if not error else text)
    if not isinstance(known, Refused):
        assert not error
        assert cuts(text) == lexer_cuts(known)
    elif "unterminated" in known.message:
        assert error
        assert error.span
        doubled = (
            error.span.text[0] in "bBxX"
        )  # B'…' knows no doubled quote: PostgreSQL names the one that is left over
        assert error.span.start == known.offset or (doubled and error.span.start < known.offset)


@named(ACCEPTED)
def test_lexer_agrees_on_a_case(case: Case) -> None:
    """The tokens of PostgreSQL's own lexer, split by the rules, are the same statements."""
    assert_lexer_agrees(case.text)


def test_parser_agrees_on_the_cases() -> None:
    """If PostgreSQL's parser accepts a case, it sees the same statements. It accepts more than half of them."""
    parsed = {case.name: parser_cuts(without_data(case.text)) for case in ACCEPTED}
    wrong = [case.name for case in ACCEPTED if parsed[case.name] not in (None, cuts(case.text))]
    assert not wrong
    assert sum(seen is not None for seen in parsed.values()) > len(ACCEPTED) / 2


def _real_files() -> list[Path]:
    folders = [folder.parent / "share" / "postgresql" for folder in (BIN_18, BIN_16)]
    files = [path for folder in folders for path in folder.rglob("*.sql")]
    return [*files, *Path(__file__).parents[2].glob("sql/*.sql")]


def test_parser_agrees_on_real_files() -> None:
    """In our own SQL files, and in those of PostgreSQL, the parser sees the same statements."""
    files = [re.sub(r"^\\echo.*", "", path.read_text(), flags=re.MULTILINE) for path in _real_files()]
    assert len(files) >= 10
    parsed = [parser_cuts(text) for text in files]
    assert [cuts(text) for text, seen in zip(files, parsed, strict=True) if seen] == [seen for seen in parsed if seen]
    assert sum(len(seen or ()) for seen in parsed) > 1000


# -- psql --------------------------------------------------------------------------------------------------------------

PSQL_DIFFERS = {
    "escape-continued": "forgets the E at the end of a line",
    "escape-continued-after-comment": "forgets the E",
    "escape-continued-over-empty-lines": "forgets the E",
    "atomic-name-end": "takes every END for a body's",
    "atomic-nested-other": "takes every END for a body's",
    "atomic-words-like": "takes every BEGIN for a body's",
    "atomic-name-begin": "takes every BEGIN for a body's",
    "dollar-after-number": "takes 1_000 for a number and a name",
}


def psql_agrees(text: str, sent: Sequence[Sent]) -> bool:
    """Tell whether psql has sent our statements and data.

    It leaves out empty lines, and keeps comments before a semicolon; before 18 it sends the last line of data as well.
    """
    ours = list(split(text))
    return len(ours) == len(sent) and all(
        _one_line_end(theirs.text).startswith(_one_line_end(one.text))
        and not without_junk(_one_line_end(theirs.text)[len(_one_line_end(one.text)) :])
        and re.sub(r"\\\.(\r?\n)?\Z", "", theirs.data or "") == (one.data.text if one.data else "")
        for one, theirs in zip(ours, sent, strict=True)
    )


def _one_line_end(text: str) -> str:
    return re.sub("\n+", "\n", text)


@pytest.mark.parametrize("bin_folder", [BIN_18, BIN_16], ids=["18", "16"])
def test_psql_agrees_on_the_cases(tmp_path: Path, bin_folder: Path) -> None:
    """The real psql sends the same statements and the same data, except where it is known to be wrong."""
    sent = psql_sends([case.text for case in ACCEPTED], tmp_path, bin_folder)
    differs = [case.name for case, found in zip(ACCEPTED, sent, strict=True) if not psql_agrees(case.text, found)]
    assert sorted(differs) == sorted(PSQL_DIFFERS)


def test_psql_agrees_on_real_files(tmp_path: Path) -> None:
    """The real psql sends the same statements of the SQL files of PostgreSQL."""
    files = [re.sub(r"^\\echo.*", "", path.read_text(), flags=re.MULTILINE) for path in _real_files()]
    sent = psql_sends(files, tmp_path)
    assert [
        path for path, text, found in zip(_real_files(), files, sent, strict=True) if not psql_agrees(text, found)
    ] == []


# -- random texts of awkward pieces ------------------------------------------------------------------------------------


@settings(MANY, max_examples=examples(3000))
@given(text=texts())
@pytest.mark.slow
def test_lexer_agrees_on_awkward_texts(text: str) -> None:
    """PostgreSQL's lexer and our rules split every text alike, or refuse it at the same place."""
    assume(not text.startswith("\ufeff"))
    assume(not re.search(r"\$\d+(?:e|u&|b|x)['\"]", text, re.IGNORECASE))  # pglast's lexer is changed there
    assert_lexer_agrees(text)


@settings(MANY, max_examples=examples(1000))
@given(text=texts())
def test_nothing_is_lost_of_awkward_texts(text: str) -> None:
    """Statements and gaps together are the text; gaps are only white space, comments and semicolons."""
    assume(not refusal(text))
    assert not any(without_junk(gap) for gap in gaps(text, split(text)))
    for statement in split(text):
        assert without_junk(statement.text) == statement.text
        assert statement.text[-1] not in " \t\n\r\f\v"
        assert statement.line == statement.span.line


@settings(MANY, max_examples=examples(700))
@given(text=valid_texts())
def test_parser_agrees_on_valid_texts(text: str) -> None:
    """PostgreSQL's parser sees the same statements in texts that it accepts."""
    seen = parser_cuts(text)
    assume(seen is not None)
    assert cuts(text) == seen


@pytest.mark.slow
@settings(MANY, max_examples=examples(15))
@given(batch=st.lists(texts_for_psql(), min_size=100, max_size=100))
def test_psql_agrees_on_awkward_texts(batch: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The real psql sends the same statements of many texts."""
    fair = [text for text in batch if not PSQL_KNOWN.search(text) and not refusal(text)]
    sent = psql_sends(fair, tmp_path_factory.mktemp("psql"))
    assert [text for text, found in zip(fair, sent, strict=True) if not psql_agrees(text, found)] == []


# -- as a function of the library --------------------------------------------------------------------------------------


def test_a_text_without_a_file() -> None:
    """`split` accepts a plain text; its errors name no file."""
    assert [statement.text for statement in split("select 1; select 2")] == ["select 1", "select 2"]
    assert str(refusal("select '")) == "<string>:1:8: the string opened here is never closed"


def test_a_byte_order_mark_is_ignored_only_in_a_plain_text() -> None:
    """A str may begin with a byte order mark. A Source has none: there it is a letter like any other."""
    assert [statement.start for statement in split("\ufeffselect 1")] == [1]
    assert [statement.start for statement in split(Source("a.sql", "\ufeffselect 1"))] == [0]


def test_statements_come_one_at_a_time() -> None:
    """The statements before a fault come before the error, except for a NUL character."""
    statements = split("select 1; select '")
    assert next(statements).text == "select 1"
    with pytest.raises(MigrationError):
        next(statements)
    with pytest.raises(MigrationError):
        next(split("select 1; select 2\0"))


def test_every_psql_command_is_refused() -> None:
    """Each backslash command is refused, with its place and a hint."""
    for command in ["i", "c", "dt", "watch", "lo_import", "?", "!", "\\", ".", ";", ":", "1", " ", "\n", ""]:
        error = refusal(f"select 1;\n \\{command}")
        assert error
        assert error.span
        assert (error.span.line, error.span.column) == (2, 2)
        assert error.hint


def test_older_python_splits_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11.0 to 3.11.4 need other patterns. They give the same cuts and refusals in all cases."""
    older = _module_for_older_python(monkeypatch)
    for case in ACCEPTED:
        assert [tuple(one) for one in older.split(case.text)] == [tuple(one) for one in split(case.text)], case.name
    for case in REFUSED:
        with pytest.raises(MigrationError) as caught:
            list(older.split(case.text))
        assert str(caught.value) == str(refusal(case.text))


def _module_for_older_python(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "sqlmigrate.parsing.splitter_for_older_python", sys.modules[split.__module__].__file__
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as patch:
        patch.setattr(re, "match", lambda *_: None)  # as if possessive groups did not work
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    return module


# -- time and memory ---------------------------------------------------------------------------------------------------


def test_there_are_enough_hostile_texts() -> None:
    """There are at least 30 texts that are made to be slow."""
    assert len(HOSTILE) >= 30


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_split(name: str) -> None:
    """A million characters take less than a second. If the time grew with the square of the length, it took hours.

    The time limit of the test would find that. `make bench` prints how the time grows.
    """
    error = refusal(HOSTILE[name](examples(1_000_000)))

    assert error is None or error.span is not None


def test_statements_are_small() -> None:
    """All statements of a file together need less memory than two copies of the file."""
    text = (
        "insert into public.customers (id, name, email) values (1, 'Somebody Else', 'somebody@example.com');\n" * 20_000
    )
    tracemalloc.start()
    statements = list(split(text))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(statements) == 20_000
    assert peak < 2 * len(text)


def test_one_long_statement_needs_no_memory() -> None:
    """Splitting a statement of many small pieces needs almost no memory; before Python 3.11.5 it needs some."""
    text = "select " + "'a', (1), -2 /* b */, " * 100_000 + "3"
    tracemalloc.start()
    assert len(list(split(text))) == 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(text) * (0.5 if sys.modules[split.__module__]._CAN_POSSESS else 50)

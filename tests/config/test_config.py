"""Settings: flags over environment over the project's file; URLs as libpq accepts them; masked passwords."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.config.passwords import MASK, masked, redacted, secrets_of
from sqlmigrate.config.resolve import Config, require_url, resolve
from sqlmigrate.config.url import checked
from sqlmigrate.config.url_parts import EMBEDDED
from sqlmigrate.database import connect_errors
from sqlmigrate.errors import ConfigError, SqlmigrateError
from sqlmigrate.output.excerpt import draw


def refusal(error: SqlmigrateError) -> str:
    return f"{error} → {error.hint}" if error.hint else str(error)


def project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


# -- which setting counts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["directory", "table"])
def test_flags_over_environment_over_the_project(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags override variables, which override the file; an empty value counts as not set."""
    monkeypatch.chdir(project(tmp_path, f'[tool.sqlmigrate]\n{name} = "from_project"\n'))
    variable = f"SQLMIGRATE_{name.upper()}"

    def found(flag: str | None, environment: dict[str, str]) -> str:
        return str(getattr(resolve({name: flag}, environment, tmp_path), name))

    assert found("from_flag", {variable: "from_environment"}) == "from_flag"
    assert found(None, {variable: "from_environment"}) == "from_environment"
    assert found("", {variable: "from_environment"}) == "from_environment"
    assert found(None, {variable: ""}) == "from_project"
    assert found(None, {}) == "from_project"


def test_without_a_setting_the_defaults_hold(tmp_path: Path) -> None:
    """`sql`, `migrations`, and no database."""
    assert resolve({}, {}, tmp_path) == Config(None, "")


URLS: dict[str, tuple[dict[str, str], dict[str, str], tuple[str | None, str]]] = {
    "a flag": (
        {"database_url": "postgresql://f/"}, {"DATABASE_URL": "postgresql://e/", "PGHOST": "h"},
        ("postgresql://f/", "--database-url"),
    ),
    "the variable": ({}, {"DATABASE_URL": "postgresql://e/", "PGHOST": "h"}, ("postgresql://e/", "DATABASE_URL")),
    "white space around it": ({}, {"DATABASE_URL": " postgresql://e/\n"}, ("postgresql://e/", "DATABASE_URL")),
    "an empty variable": ({}, {"DATABASE_URL": ""}, (None, "")),
    "an empty variable and libpq's": ({}, {"DATABASE_URL": "", "PGHOST": "h"}, (None, "")),
    "an empty variable and a flag": (
        {"database_url": "postgresql://f/"}, {"DATABASE_URL": ""}, ("postgresql://f/", "--database-url"),
    ),
    "libpq's": ({}, {"PGHOST": "h", "PGPASSWORD": "x", "PGSSLMODE": "require"}, ("", "PGHOST")),
    "several of libpq's": ({}, {"PGUSER": "u", "PGDATABASE": "d"}, ("", "PGDATABASE and PGUSER")),
    "a service": ({}, {"PGSERVICE": "shop"}, ("", "PGSERVICE")),
    "a password alone": ({}, {"PGPASSWORD": "x"}, (None, "")),
    "an empty PGHOST": ({}, {"PGHOST": ""}, (None, "")),
    "ours by its name": ({"database_url": "embedded"}, {"PGHOST": "h"}, ("embedded", "--database-url")),
}  # fmt: skip


@pytest.mark.parametrize(("flags", "environment", "expected"), URLS.values(), ids=URLS)
def test_what_names_the_database(
    flags: dict[str, str], environment: dict[str, str], expected: tuple[str | None, str], tmp_path: Path
) -> None:
    """The flag, then DATABASE_URL, then those of libpq's variables that say which database to use."""
    config = resolve(flags, environment, tmp_path)

    assert (config.url, config.named_by) == expected


@pytest.mark.parametrize("flag", ["", " ", "\n"], ids=repr)
def test_an_empty_flag_is_refused(flag: str, tmp_path: Path) -> None:
    """An empty flag, as from an unset variable, must not lead to another database."""
    with pytest.raises(ConfigError) as caught:
        resolve({"database_url": flag}, {"DATABASE_URL": "postgresql://e/"}, tmp_path)

    assert refusal(caught.value) == ("--database-url is empty → is the variable set that you pass to it?")


def test_without_a_database_the_embedded_one_is_taken_but_not_in_ci() -> None:
    """The embedded server is used if nothing names a database, but not in CI."""
    assert require_url(Config(None, "")) == EMBEDDED
    assert require_url(Config("", "PGHOST", is_ci=True)) == ""
    with pytest.raises(ConfigError) as caught:
        require_url(Config(None, "", is_ci=True))
    assert refusal(caught.value) == (
        "no database is named, and CI is set → name the database in the environment of this job"
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("is_ci", [True, False])
@pytest.mark.parametrize("value", ["", " ", "\n"], ids=repr)
def test_an_empty_variable_is_refused(value: str, is_ci: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """A secret that did not arrive leads to no other database, in CI or not, whatever libpq's variables name."""
    environment = {"DATABASE_URL": value, "PGHOST": "h", "CI": "true" if is_ci else ""}
    config = resolve({}, environment, tmp_path)

    with pytest.raises(ConfigError) as caught:
        require_url(config)

    assert config.is_url_empty
    assert refusal(caught.value) == (
        "DATABASE_URL is set, but empty → most likely a secret did not arrive: set it to the URL of the database"
    )


IS_CI = {
    "true": True, "1": True, "TRUE": True, "woodpecker": True, "": False, " ": False, "0": False, "false": False,
    "False": False, "no": False, "off": False, None: False,
}  # fmt: skip


@pytest.mark.parametrize(("value", "is_ci"), IS_CI.items(), ids=map(repr, IS_CI))
def test_ci_is_what_does_not_say_no(value: str | None, is_ci: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """`CI=false`, `CI=0` and an empty `CI` mean that this is not CI."""
    assert resolve({}, {} if value is None else {"CI": value}, tmp_path).is_ci is is_ci


SHOWN = {
    "a URL": (Config("postgresql://u:secret@h/d", "DATABASE_URL"), f"postgresql://u:{MASK}@h/d"),
    "libpq's": (Config("", "PGHOST and PGUSER"), "PGHOST and PGUSER"),
    "nothing": (Config(None, ""), "the embedded PostgreSQL in .sqlmigrate/"),
    "the word embedded": (Config("embedded", "DATABASE_URL"), "the embedded PostgreSQL in .sqlmigrate/"),
}


@pytest.mark.parametrize(("config", "expected"), SHOWN.values(), ids=SHOWN)
def test_a_question_names_the_database(config: Config, expected: str) -> None:
    """A question names the database without its password."""
    assert config.shown == expected


# -- URLs --------------------------------------------------------------------------------------------------------------

TAKEN = {
    "postgresql://h/d": "postgresql://h/d",
    "postgres://u@h:5432/d": "postgres://u@h:5432/d",
    "postgresql+psycopg://u:p@h/d": "postgresql://u:p@h/d",
    "postgresql+asyncpg://h": "postgresql://h",
    "postgres+psycopg2://h/d?sslmode=require": "postgres://h/d?sslmode=require",
    "postgresql://": "postgresql://",
    "postgresql:///d": "postgresql:///d",
    "postgresql://a:1,b:2,c/d?target_session_attrs=read-write": (
        "postgresql://a:1,b:2,c/d?target_session_attrs=read-write"
    ),
    "postgresql://[::1]:5432/d": "postgresql://[::1]:5432/d",
    "postgresql://%2Fvar%2Frun/d": "postgresql://%2Fvar%2Frun/d",
    "postgresql:///d?host=/var/run": "postgresql:///d?host=/var/run",
    "postgresql://u:p%40%3A%2F@h/d": "postgresql://u:p%40%3A%2F@h/d",
    "postgresql://größe:表@h/d": "postgresql://größe:表@h/d",
    "host=h dbname=d": "host=h dbname=d",
    "host = 'h' password='it''s' ".replace("''", "\\'"): "host = 'h' password='it\\'s' ",
    "host=a,b port=1,2 dbname='a b'": "host=a,b port=1,2 dbname='a b'",
    "service=shop": "service=shop",
    "embedded": "embedded",
}


@pytest.mark.parametrize(("url", "expected"), TAKEN.items(), ids=TAKEN)
def test_a_url_is_taken_as_libpq_takes_it(url: str, expected: str) -> None:
    """Every form that libpq accepts is accepted; a driver in the scheme is dropped."""
    assert checked(url, "DATABASE_URL") == expected
    if url != EMBEDDED:
        conninfo_to_dict(expected)


MASKED = {
    "postgresql://u:secret@h/d": "postgresql://u:***@h/d",
    "postgresql://u@h/d": "postgresql://u@h/d",
    "postgresql://u:@h/d": "postgresql://u:@h/d",
    "postgresql://u:se:cr@et@h/d": "postgresql://u:***@h/d",
    "postgresql://u:se/cr?et@h/d": "postgresql://u:***@h/d",
    "postgresql://h:5432/d": "postgresql://h:5432/d",
    "postgresql://u:secret": "postgresql://u:***",
    "postgresql://h/d?password=secret&sslmode=require": "postgresql://h/d?password=***&sslmode=require",
    "postgresql://h/d?sslmode=require&sslpassword=secret": "postgresql://h/d?sslmode=require&sslpassword=***",
    "postgresql://h/d?passwrd=secret": "postgresql://h/d?passwrd=***",
    "postgresql+psycopg://u:secret@h/d": "postgresql+psycopg://u:***@h/d",
    "mysql://u:secret@h/d": "mysql://u:***@h/d",
    "postgresql://h:5432/shop?ssl@mode=require&pass.word=se?cret": "postgresql://h:***@mode=***",
    "postgresql://h:5432/shop&pass.word=se@cret": "postgresql://h:***",
    "postgresql://u:se/cr?et@h/e=f": "postgresql://u:***@h/e=***",
    "postgresql://h/shop&pass.word=se?cret": "postgresql://h/shop&pass.word=***",
    "mysql:///shop%sslmode=require&pass.word=secret@": "mysql:///shop%sslmode=***",
    "u:secret@h/d": "u:***@h/d",
    "host=h password=secret dbname=d": "host=h password=*** dbname=d",
    "host=h password='se cr' dbname=d": "host=h password=*** dbname=d",
    "host=h password = secret": "host=h password = ***",
    "host=h pasword=secret": "host=h pasword=***",
    "secret": "***",
    "embedded": "embedded",
    "embedded ": "***",
    "$DATABASE_URL": "$DATABASE_URL",
    "": "",
}


@pytest.mark.parametrize(("url", "expected"), MASKED.items(), ids=MASKED)
def test_a_password_is_masked_and_nothing_that_is_needed(url: str, expected: str) -> None:
    """Host, port, database and user stay readable; everything that may be a password is masked."""
    assert masked(url) == expected
    assert masked(expected) == expected


def test_what_libpq_says_is_redacted() -> None:
    """Every spelling of the password is masked, the longest first: as it is in the URL, and decoded."""
    secrets = secrets_of("postgresql://u:p%40ss%40word@h/d?sslpassword=s3")

    assert secrets == ("p%40ss%40word", "p@ss@word", "s3")
    assert redacted('invalid "p%40ss%40word" p@ss@word s3', secrets) == 'invalid "***" *** ***'
    assert secrets_of(r"password='it\'s' host=h") == (r"'it\'s'", r"it\'s", "it's")
    assert secrets_of("postgresql://u@h/d") == ()


# -- a planted password ------------------------------------------------------------------------------------------------

LETTERS = "QZJX"  # in no word of ours, and no hexadecimal digits
PIECES = [*LETTERS, *":/@?#%&= '\"\\+,;$[]{}é表\t", "%5A", "%C3%A9", "\\'", "''"]
PASSWORDS = (
    st.lists(st.sampled_from([*LETTERS * 8, *PIECES]), min_size=4, max_size=14)
    .map("".join)
    .filter(lambda password: not password.startswith("//"))  # `ann://…` has a scheme
)
HOSTS = st.sampled_from(["db.internal", "db.internal:5432", "a,b:5433", "[::1]:5432", "", "h:65536", "h:port", "h@b"])
SCHEMES = st.sampled_from([
    "postgresql://", "postgres://", "postgresql+psycopg://", "mysql://", "Postgresql://", "postgresql:/", "postgresql:",
    "postgresql//", "", "jdbc:postgresql://", "embeded://", "postgresql://postgresql://",
])  # fmt: skip
TAILS = st.sampled_from(
    ["/shop", "", "/", "/shop?sslmode=require", "?sslmode=require", "/shop?sslmode=require&x=1", "#f"]
)
KEYS = st.sampled_from(["password", "sslpassword", "passwrd", "PASSWORD", "password ", "pass.word", "passwort"])
AROUND = st.sampled_from(["", "host=db.internal ", "port=x ", "user='ann' ", "host = h port=5432 ", "nonsense "])


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a URL or keywords, right or wrong, as the text before the password and the text after it."""
    form = draw(st.sampled_from(["url", "query", "keywords", "quoted"]))
    if form == "url":
        user = draw(st.sampled_from(["ann", "", "ann%40x", "ä"]))
        return f"{draw(SCHEMES)}{user}:", f"@{draw(HOSTS)}{draw(TAILS)}"
    if form == "query":
        more = draw(st.sampled_from(["", "&sslmode=require", "&user=ann"]))
        return f"{draw(SCHEMES)}{draw(HOSTS)}/shop?sslmode=require&{draw(KEYS).strip()}=", more
    quote = "'" if form == "quoted" else ""
    return f"{draw(AROUND)}{draw(KEYS)}={quote}", f"{quote} {draw(AROUND)}"


def told(url: str) -> Iterator[str]:
    """Yield everything that the program may ever show about a URL."""
    yield masked(url)
    yield Config(url, "DATABASE_URL").shown
    try:
        conninfo_to_dict(checked(url, "DATABASE_URL"))
    except ConfigError as error:
        yield from said(error)
    except ProgrammingError as error:
        yield from said(connect_errors.not_parsed(url, error))


def said(error: SqlmigrateError) -> Iterator[str]:
    yield from (error.message, error.hint or "", repr(error), *error.detail, *error.next_steps)
    if error.span:
        yield "".join(text for line in draw(error.span, 2000) for _, text in line)
        yield error.span.source.text


@settings(max_examples=300)
@given(planted(), PASSWORDS)
@example(("postgresql://ann:", "@db.internal/shop"), "QZ@JX")
@example(("postgresql://ann:", "@db.internal/shop"), "QZ/JX?QJ")
@example(("host=h password=", " port=5432"), "QZ JX=QJ")
def test_nothing_of_a_password_is_ever_shown(around: tuple[str, str], password: str) -> None:
    """Whatever is wrong with the URL, no three characters of the password are shown that are not elsewhere in it."""
    before, after = around
    parts = {password[start : start + 3] for start in range(len(password) - 2)}
    parts = {part for part in parts if part not in before + after and set(part) & set(LETTERS)}

    for text in told(f"{before}{password}{after}"):
        assert [part for part in parts if part in text] == []


@settings(max_examples=300)
@given(planted(), PASSWORDS, st.data())
def test_nothing_of_a_password_is_shown_where_a_character_is_wrong(
    around: tuple[str, str], password: str, data: st.DataObject
) -> None:
    """The same with one character added, removed or replaced outside of the password."""
    before, after = around
    place = data.draw(st.integers(0, max(0, len(before) - 2)))
    wrong = data.draw(st.sampled_from(["", "x", ":", "/", "@", "'", " ", "%"]))
    before = before[:place] + wrong + (before[place + data.draw(st.integers(0, 1)) :] or ":")
    parts = {password[start : start + 3] for start in range(len(password) - 2)}
    parts = {part for part in parts if part not in before + after and set(part) & set(LETTERS)}

    for text in told(f"{before}{password}{after}"):
        assert [part for part in parts if part in text] == []

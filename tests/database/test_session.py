"""A session answers each request, whatever became of the one before."""

from __future__ import annotations

import psycopg
import pytest

from sqlmigrate.database.session import Request, connect

FAILING = {
    "alone": [Request("select nothing")],
    "first of several": [Request("select nothing"), Request("select 1"), Request("select 2")],
    "last of several": [Request("select 1"), Request("select nothing")],
    "between quiet ones": [Request("select 1", quiet=True), Request("select nothing"), Request("select 2", quiet=True)],
    "with data": [Request("copy missing from stdin", data="1\n")],
}


@pytest.mark.parametrize("requests", FAILING.values(), ids=FAILING)
def test_a_request_after_a_failed_one_gets_its_own_answer(requests: list[Request], database: str) -> None:
    """The answers to the rest of a failed turn are read before the error is raised."""
    with connect(database) as session:
        with pytest.raises(psycopg.Error):
            session.ask(*requests)

        assert session.ask(Request("select 'mine'"), Request("select 'too'")) == [[["mine"]], [["too"]]]

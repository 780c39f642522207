"""Errors are frozen values that carry what code and screens need of them."""

from __future__ import annotations

import pytest

from sqlmigrate.errors import NOTHING_EXECUTED, Kind, MigrationError, StatementError, gather
from sqlmigrate.source import Source


@pytest.mark.parametrize(
    "field", ["message", "span", "kind", "detail", "hint", "state", "next_steps", "others", "fields", "sqlstate"]
)
def test_a_field_cannot_be_assigned(field: str) -> None:
    """Assigning any field of an error that was made raises, and names what to use instead."""
    error = StatementError("refused")

    with pytest.raises(AttributeError, match=rf"errors are frozen: make a copy with with_\({field}=…\)"):
        setattr(error, field, None)


def test_a_changed_copy_keeps_the_other_fields() -> None:
    """`with_` returns a copy of the same class; the original stays as it was."""
    span = Source("sql/1_a.up.sql", "select 1;").span(0)
    error = StatementError(
        "refused", span, fields=[("code", "22012")], sqlstate="22012", kind=Kind.TRANSACTION_CONTROL,
        detail=["a line"], hint="fix it", next_steps=["sqlmigrate up"],
    )  # fmt: skip

    changed = error.with_(state=NOTHING_EXECUTED, detail=[*error.detail, "another"])

    assert type(changed) is StatementError
    assert vars(changed) == vars(error) | {"state": "nothing was executed", "detail": ("a line", "another")}
    assert (error.state, error.detail) == (None, ("a line",))


def test_an_error_can_be_raised_and_annotated() -> None:
    """What Python itself sets on an exception is not refused."""
    with pytest.raises(MigrationError) as caught:
        raise MigrationError("a") from ValueError("b")
    caught.value.add_note("while reading")

    assert caught.value.__traceback__ is not None
    assert caught.value.with_(hint="c").hint == "c"


def test_errors_found_together_are_one() -> None:
    """`gather` gives the first error with all others behind it, flat and in order."""
    one, two, three = (MigrationError(name, state=NOTHING_EXECUTED) for name in "abc")

    gathered = gather([one, two.with_(others=[three])])

    assert [each.message for each in (gathered, *gathered.others)] == ["a", "b", "c"]
    assert [each.others for each in gathered.others] == [(), ()]
    assert (one.others, gathered.state) == ((), "nothing was executed")

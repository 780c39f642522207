"""A misspelled name is answered with the one that it most likely stands for, or with none."""

from __future__ import annotations

import pytest

from sqlmigrate.spelling import nearest, nearest_pattern

CUSTOMERS = [f"cust_{number:02}" for number in range(1, 41)]
SCHEMAS = ["public", "shared", *(f"tenant_{number}" for number in range(1, 18))]


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("drop-colum", ["drop-column", "drop-table"], ["drop-column"]),
        ("cust_99", CUSTOMERS, []),  # another customer is not what was meant
        ("cust-07", CUSTOMERS, ["cust_07"]),
        ("status", ["up", "down"], []),
        ("tenant_7", ["tenant_7"], ["tenant_7"]),
    ],
)
def test_the_nearest_name(name: str, known: list[str], expected: list[str]) -> None:
    """None, where several are as near."""
    assert nearest(name, known) == expected


def test_several_may_be_named() -> None:
    """Where the caller names several, more that are as near are too many."""
    assert nearest("abcd", ["abce", "abcf"], most=2) == ["abcf", "abce"]
    assert nearest("abcd", ["abce", "abcf", "abcg"], most=2) == []


@pytest.mark.parametrize(
    ("pattern", "known", "expected"),
    [
        ("tenent_*", SCHEMAS, ["tenant_*"]),
        ("tennt_*", SCHEMAS, ["tenant_*"]),
        ("tenannt_1?", SCHEMAS, ["tenant_1?"]),
        ("shop*", SCHEMAS, []),
        ("*_shop", SCHEMAS, []),
        ("tenent_7", SCHEMAS, ["tenant_7"]),
    ],
)
def test_the_nearest_pattern(pattern: str, known: list[str], expected: list[str]) -> None:
    """A pattern is answered with a pattern that matches, and not with one of the names."""
    assert nearest_pattern(pattern, known) == expected

"""The HTML page of a review in a real browser: on a phone and on a desk, light and dark."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import handmade_reviews
import pytest
from browser import DESK, NARROW, NIGHT, PHONE, Browse, complaints, measured
from handmade_reviews import REVIEWS, hostile

from sqlmigrate.review.formats import FORMATS

PAGES = {
    **REVIEWS,
    "held": handmade_reviews.held(),
    "hostile": hostile(),
    "long names": handmade_reviews.many(2, "select 1;\n", is_safe=False, name="change_" * 12),
}


@pytest.fixture
def drawn() -> dict[str, str]:
    return {name: FORMATS["html"](review) for name, review in PAGES.items()}


@pytest.mark.slow
def test_a_page_fits_a_phone(browse: Browse, drawn: dict[str, str]) -> None:
    """At 360 pixels no page is wider than the screen; only the time line scrolls sideways, inside its own box."""
    seen = measured(browse, drawn, PHONE)

    assert {name: (each["width"], each["needs"]) for name, each in seen.items()} == dict.fromkeys(PAGES, (PHONE, PHONE))
    assert seen["held"]["scrollers"] == 1
    assert all(each["paper"] == "rgb(251, 250, 247)" for each in seen.values())  # the style sheet is allowed in


@pytest.mark.slow
def test_a_page_fits_a_desk_by_night(browse: Browse, drawn: dict[str, str]) -> None:
    """At 1280 pixels no page is wider than the screen, and it is dark if the system is dark."""
    seen = measured(browse, drawn, DESK, NIGHT)

    assert {name: (each["width"], each["needs"]) for name, each in seen.items()} == dict.fromkeys(PAGES, (DESK, DESK))
    assert all(each["paper"] == "rgb(21, 23, 27)" for each in seen.values())


@pytest.mark.slow
def test_no_word_is_broken_in_a_narrow_window(browse: Browse, drawn: dict[str, str]) -> None:
    """The tables have room for their words, and the signs of the time lines are explained once."""
    seen = measured(browse, drawn, NARROW)

    assert {name: each["broken"] for name, each in seen.items() if each["broken"]} == {}
    assert {name: each["legends"] for name, each in seen.items()} == {**dict.fromkeys(PAGES, 1), "static": 0}


def test_a_page_tells_all(browse: Browse, drawn: dict[str, str]) -> None:
    """The page shows the verdict, each migration, locks, findings, what down does, and what was not checked."""
    text = measured(browse, drawn, DESK)["danger"]["text"]

    for said in (
        "1 of 3 new migrations would block production", "006_order_total_numeric", "ACCESS EXCLUSIVE",
        "Who waits until then:", "rewritten", "leaves orders_total_check behind", "down: 1 difference",
        "double precision",
        "orders and all its indexes are rewritten under ACCESS EXCLUSIVE", "add total_numeric numeric",
        "-- sqlmigrate: allow type-change-rewrite (why)", "PostgreSQL 15.18",
        "Not checked: production's data and traffic",
    ):  # fmt: skip
        assert said in text


@pytest.mark.slow
def test_hostile_text_does_not_run(browse: Browse, drawn: dict[str, str]) -> None:
    """Text from users is shown unchanged: a script is only text, no image is loaded, and the browser logs nothing."""
    seen = measured(browse, drawn, DESK)["hostile"]

    assert seen["active"] == 0
    assert "<script>alert(1)</script> <img src=x onerror=alert(1)>" in seen["text"]


@pytest.mark.slow
def test_the_page_forbids_scripts(browse: Browse, drawn: dict[str, str]) -> None:
    """If a script got into the page, the page's policy would refuse it, and the browser would log that."""
    page = drawn["danger"].replace("</main>", "<script>document.title = 'mine'</script></main>")
    printed = browse(page, "--dump-dom")

    assert "<title>mine</title>" not in printed
    assert any("Content Security Policy" in line for line in complaints(printed))


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), (NIGHT,)], ids=["day", "night"])
def test_a_picture_of_the_page_is_not_blank(
    browse: Browse, drawn: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Opened from disk, the page is drawn, and the browser logs no error."""
    picture = tmp_path / "page.png"
    printed = browse(drawn["danger"], f"--screenshot={picture}", f"--window-size={DESK},1000", *arguments)
    size, raw = _pixels(picture.read_bytes())

    assert not complaints(printed)
    assert size == (DESK, 1000)
    assert len(set(raw)) > 100  # an empty page has only a few values


def _pixels(png: bytes) -> tuple[tuple[int, int], bytes]:
    """Return the size of a PNG, and its uncompressed lines."""
    width, height = struct.unpack(">II", png[16:24])
    data, position = b"", 8
    while position < len(png):
        length, kind = struct.unpack(">I4s", png[position : position + 8])
        data += png[position + 8 : position + 8 + length] if kind == b"IDAT" else b""
        position += length + 12
    return (width, height), zlib.decompress(data)

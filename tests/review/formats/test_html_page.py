"""The HTML page of a review in a real browser: on a phone and on a desk, light and dark."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

import children
import handmade_reviews
import pytest
from handmade_reviews import REVIEWS, hostile

from sqlmigrate.review.formats import FORMATS

PAGES = {
    **REVIEWS,
    "held": handmade_reviews.held(),
    "hostile": hostile(),
    "long names": handmade_reviews.many(2, "select 1;\n", is_safe=False, name="change_" * 12),
}
PHONE, NARROW, DESK = 360, 700, 1280
NIGHT = "--blink-settings=preferredColorScheme=0"

Browse = Callable[..., str]

# Every page gets a frame: a frame has exactly the width we set, while a window has a minimum width.
_MEASURE = """
<script>
// The words of an element that are on more than one line.
const broken = (page, element) => {
  const found = [], texts = page.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/\\S+/g)) {
      const range = page.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(each => Math.round(each.top))).size > 1) found.push(word[0]);
    }
  }
  return found;
};
addEventListener("load", () => {
  const seen = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, root = page.documentElement;
    seen[frame.name] = {
      width: root.clientWidth, needs: root.scrollWidth, height: root.scrollHeight,
      paper: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
      scrollers: [...page.querySelectorAll(".scroller")].filter(each => each.scrollWidth > each.clientWidth).length,
      active: page.querySelectorAll("script, img, iframe, object, link").length,
      text: page.body.innerText,
      legends: page.querySelectorAll(".legend").length,
      broken: [...page.querySelectorAll(".summary td, .locks tbody td")].flatMap(each => broken(page, each)),
    };
  }
  document.body.textContent = JSON.stringify(seen);
});
</script>
"""


@pytest.fixture
def browse(chromium: str, tmp_path: Path) -> Browse:
    """Return a function that opens a page from disk and returns what the browser prints and logs."""

    def opened(page: str, *arguments: str) -> str:
        file = tmp_path / "page.html"
        file.write_text(page, encoding="utf-8")
        command = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
        ]
        command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", *arguments, file.as_uri()]
        ended = children.run(command, capture_output=True, encoding="utf-8", check=True)
        return ended.stdout + ended.stderr

    return opened


def _complaints(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if re.search(r":CONSOLE[:(]", line)]


def _measured(browse: Browse, pages: Mapping[str, str], width: int, *arguments: str) -> dict[str, Any]:
    frames = "".join(
        f'<iframe name="{name}" width="{width}" height="700" srcdoc="{escape(page)}"></iframe>'
        for name, page in pages.items()
    )
    printed = browse(f"<!doctype html><body>{frames}{_MEASURE}", "--dump-dom", *arguments)
    found = re.search(r"<body>(\{.*\})</body>", printed, re.DOTALL)
    assert found, printed[-2000:]
    assert not _complaints(printed)
    return json.loads(unescape(found[1]))  # type: ignore[no-any-return]


@pytest.fixture
def drawn() -> dict[str, str]:
    return {name: FORMATS["html"](review) for name, review in PAGES.items()}


@pytest.mark.slow
def test_a_page_fits_a_phone(browse: Browse, drawn: dict[str, str]) -> None:
    """At 360 pixels no page is wider than the screen; only the time line scrolls sideways, inside its own box."""
    seen = _measured(browse, drawn, PHONE)

    assert {name: (each["width"], each["needs"]) for name, each in seen.items()} == dict.fromkeys(PAGES, (PHONE, PHONE))
    assert seen["held"]["scrollers"] == 1
    assert all(each["paper"] == "rgb(251, 250, 247)" for each in seen.values())  # the style sheet is allowed in


@pytest.mark.slow
def test_a_page_fits_a_desk_by_night(browse: Browse, drawn: dict[str, str]) -> None:
    """At 1280 pixels no page is wider than the screen, and it is dark if the system is dark."""
    seen = _measured(browse, drawn, DESK, NIGHT)

    assert {name: (each["width"], each["needs"]) for name, each in seen.items()} == dict.fromkeys(PAGES, (DESK, DESK))
    assert all(each["paper"] == "rgb(21, 23, 27)" for each in seen.values())


@pytest.mark.slow
def test_no_word_is_broken_in_a_narrow_window(browse: Browse, drawn: dict[str, str]) -> None:
    """The tables have room for their words, and the signs of the time lines are explained once."""
    seen = _measured(browse, drawn, NARROW)

    assert {name: each["broken"] for name, each in seen.items() if each["broken"]} == {}
    assert {name: each["legends"] for name, each in seen.items()} == {**dict.fromkeys(PAGES, 1), "static": 0}


def test_a_page_tells_all(browse: Browse, drawn: dict[str, str]) -> None:
    """The page shows the verdict, each migration, locks, findings, what down does, and what was not checked."""
    text = _measured(browse, drawn, DESK)["danger"]["text"]

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
    seen = _measured(browse, drawn, DESK)["hostile"]

    assert seen["active"] == 0
    assert "<script>alert(1)</script> <img src=x onerror=alert(1)>" in seen["text"]


@pytest.mark.slow
def test_the_page_forbids_scripts(browse: Browse, drawn: dict[str, str]) -> None:
    """If a script got into the page, the page's policy would refuse it, and the browser would log that."""
    page = drawn["danger"].replace("</main>", "<script>document.title = 'mine'</script></main>")
    printed = browse(page, "--dump-dom")

    assert "<title>mine</title>" not in printed
    assert any("Content Security Policy" in line for line in _complaints(printed))


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), (NIGHT,)], ids=["day", "night"])
def test_a_picture_of_the_page_is_not_blank(
    browse: Browse, drawn: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Opened from disk, the page is drawn, and the browser logs no error."""
    picture = tmp_path / "page.png"
    printed = browse(drawn["danger"], f"--screenshot={picture}", f"--window-size={DESK},1000", *arguments)
    size, raw = _pixels(picture.read_bytes())

    assert not _complaints(printed)
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

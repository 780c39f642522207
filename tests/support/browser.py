"""The browser Chromium, which opens a page from disk: what it logs, how wide the page is, what it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

import children

NIGHT = "--blink-settings=preferredColorScheme=0"
PHONE, NARROW, DESK = 360, 700, 1280

Browse = Callable[..., str]

# Every page gets a frame: a frame has exactly the width we set, while a window has a minimum width.
MEASURE = """
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


def browser(chromium: str, folder: Path) -> Browse:
    """Return a function that opens a page from disk and returns what the browser prints and logs."""

    def opened(page: str, *arguments: str) -> str:
        file = folder / "page.html"
        file.write_text(page, encoding="utf-8")
        command = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
        ]
        command += [f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", *arguments, file.as_uri()]
        ended = children.run(command, capture_output=True, encoding="utf-8", check=True)
        return ended.stdout + ended.stderr

    return opened


def complaints(printed: str) -> list[str]:
    """Return what the page has logged."""
    return [line for line in printed.splitlines() if re.search(r":CONSOLE[:(]", line)]


def measured(browse: Browse, pages: Mapping[str, str], width: int, *arguments: str, script: str = MEASURE) -> Any:
    """Open each page in a frame of a width, and return what the `script` finds out about them."""
    frames = "".join(
        f'<iframe name="{name}" width="{width}" height="700" srcdoc="{escape(page)}"></iframe>'
        for name, page in pages.items()
    )
    printed = browse(f"<!doctype html><body>{frames}{script}", "--dump-dom", *arguments)
    found = re.search(r"<body>(\{.*\})</body>", printed, re.DOTALL)
    assert found, printed[-2000:]
    assert not complaints(printed)
    return json.loads(unescape(found[1]))

"""What every page of HTML that this package writes has to be."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br"}


class Balanced(HTMLParser):
    """Sees that every tag is closed, and notes attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_stands_alone(page: str) -> None:
    """Check that all tags are closed, and that nothing is loaded or run when the page is opened."""
    parser = Balanced()
    parser.feed(page.replace("<!doctype html>\n", ""))
    assert parser.open == []
    assert not {"src", "href", "srcset", "onload", "onclick"} & parser.attributes
    assert not {"script", "link", "img", "iframe"} & set(parser.seen)
    assert not re.search(r"https?:|url\(|@import", page)

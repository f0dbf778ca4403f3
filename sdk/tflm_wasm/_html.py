"""A page of HTML that needs nothing else, and no network."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from tflm_wasm._svg import CSS

_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { line-height: 1.2 } h2 { margin-top: 2.5rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0;
  border-bottom: 1px solid #8884 }
td code { overflow-wrap: anywhere } pre { overflow-x: auto; background: #8881; padding: .6rem }
figure { margin: 1rem 0; overflow-x: auto } figcaption { font-weight: 600 }
.number { text-align: right }
.passed { color: #009e73 } .failed { color: #d55e00; font-weight: 600 } .skipped { color: #999 }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a page of these parts of HTML, in the style that all reports of this package have."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}{CSS}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )

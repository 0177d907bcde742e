"""HTML of elements and text: all that is not markup made here is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from tracer.cli.wording import clean

Child = object  # markup, or a value that becomes text


class Html(str):
    """Markup made here."""

    __slots__ = ()


def element(tag: str, *children: Child, **attributes: str | bool | None) -> Html:
    """An element; ``class_`` is its class, and an attribute that is None or False is left out."""
    given = "".join(
        f" {name.rstrip('_')}" if value is True else f' {name.rstrip("_")}="{escape(clean(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{tag}{given}>{joined(children)}</{tag}>")


def joined(children: Iterable[Child]) -> Html:
    """Markup and text one after the other; None is nothing."""
    return Html(
        "".join(child if isinstance(child, Html) else escape(clean(child)) for child in children if child is not None)
    )


def table(columns: Sequence[Child], rows: Iterable[Sequence[Child]]) -> Html:
    """A table with a heading."""
    heading = element("tr", *(element("th", column) for column in columns))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    return element("table", element("thead", heading), element("tbody", *body))


class Room:
    """Characters left for recorded texts: they are bounded, since a notebook keeps its outputs in its file."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    @property
    def is_full(self) -> bool:
        """Whether nothing more fits."""
        return self._left <= 0

    def fitted(self, text: str, most: int) -> str:
        """The text, cut where it is longer than ``most`` characters or than what is left."""
        kept = text[: max(0, min(most, self._left))]
        self._left -= len(kept)
        cut = len(text) - len(kept)
        return f"{kept}… ({cut:,} more characters)" if cut else kept


def page(content: Html) -> str:
    """HTML for one output of a notebook."""
    return element("div", element("style", Html(_STYLE)), content, class_="tracer-output")


# colours follow the notebook's own, light or dark
_STYLE = """
.tracer-output{font:13px/1.45 system-ui,sans-serif;text-align:left;max-width:72em}
.tracer-output .t-faint{opacity:.65}
.tracer-output .t-bad{color:#d33}
.tracer-output .t-head{display:inline-flex;flex-wrap:wrap;gap:0 1em;align-items:baseline;margin:.2em 0}
.tracer-output .t-preview{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.tracer-output .t-name{font-weight:600}
.tracer-output summary{cursor:pointer;padding:3px 0}
.tracer-output .t-step>summary{display:grid;grid-template-columns:minmax(12em,1fr) 6em 9em 5em 5em 8em;gap:0 .8em}
.tracer-output .t-step>summary>:nth-child(n+3):nth-child(-n+5){text-align:right;white-space:nowrap}
.tracer-output .t-step>summary>:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.tracer-output .t-step>summary>:first-child:before{content:"▸ "}
.tracer-output .t-step[open]>summary>:first-child:before{content:"▾ "}
.tracer-output .t-axis{display:block;align-self:center;height:.5em}
.tracer-output .t-axis{background:color-mix(in srgb,currentColor 9%,transparent)}
.tracer-output .t-axis>span{display:block;height:100%;min-width:2px;background:#4a90d9}
.tracer-output .t-axis>.t-failed{background:#d33}
.tracer-output .t-inside{margin:.2em 0 .6em 1.2em;padding-left:.8em}
.tracer-output .t-inside{border-left:2px solid color-mix(in srgb,currentColor 18%,transparent)}
.tracer-output .t-role{font-weight:600;margin-top:.4em}
.tracer-output .t-text{white-space:pre-wrap;overflow-wrap:anywhere}
.tracer-output .t-code{font-family:ui-monospace,monospace;font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere}
.tracer-output table{border-collapse:collapse;margin:.4em 0;font-size:12px}
.tracer-output th,.tracer-output td{text-align:left;vertical-align:top;padding:.15em .8em .15em 0}
.tracer-output td{white-space:pre-wrap;overflow-wrap:anywhere;max-width:28em}
"""

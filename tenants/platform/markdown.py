"""Markdown as people write it in a mission or a proposal, turned into HTML that is safe to show.

markdown-it-py parses (raw HTML and images switched off), nh3 then lets through a short list of tags and nothing
else: two locks, so that a fault in one is not a hole. Links open plainly, carry ``nofollow ugc`` and never another
scheme than http, https, mailto or tel. What comes out is at most some ten times as long as what was written, so that nobody
stores a page that takes seconds to make: addresses are not named apart from their links, and tables have an end. This
file must never be given text that is already HTML.
"""

from __future__ import annotations

import re
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markupsafe import Markup

_TAGS: Final = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES: Final = {"http", "https", "mailto", "tel"}
_SHIFT: Final = 2
_ENDINGS: Final = tuple(".,:;!?…")
_EXCERPT_LENGTH: Final = 200

CELLS_MOST: Final = 1_500
"""In all tables of a text, with those that a short line leaves to be filled in; a table beyond stays as it was typed."""


def _table(state: StateBlock, first: int, end: int, silent: bool) -> bool:  # noqa: FBT001 (markdown-it calls it so)
    """Read a table, unless it would have too many cells."""
    if not table(state, first, end, True):  # noqa: FBT003
        return False
    columns = state.src[state.bMarks[first] : state.eMarks[first]].count("|") + 1
    last = next((line for line in range(first, end) if state.isEmpty(line)), end)
    cells = columns * (last - first)
    if state.env.get("cells", 0) + cells > CELLS_MOST:
        return False
    if not silent:
        state.env["cells"] = state.env.get("cells", 0) + cells
    return silent or table(state, first, end, False)  # noqa: FBT003


_parser: Final = (
    MarkdownIt("commonmark", {"html": False, "breaks": True, "typographer": False, "maxNesting": 20})
    .enable(["table", "strikethrough"])
    .disable(["image", "html_block", "html_inline", "reference"])
)
_parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})


def render_markdown(text: str) -> Markup:
    """Return safe HTML; headings start at ``h3``, since the page has its own ``h1`` and ``h2``."""
    tokens = _parser.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + _SHIFT)}"
    dirty = _parser.renderer.render(tokens, _parser.options, {})
    clean = nh3.clean(
        dirty,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="nofollow ugc noopener noreferrer",
        strip_comments=True,
    )
    return Markup(clean)  # noqa: S704 (this is the one place that may: nh3 has just cleaned it)


# One line that begins with a letter and holds no sign of Markdown says what it says.
_PLAIN: Final = re.compile(r"[^\W\d_][^\n\r\0\\`*_\[\]<>&#~|=]*")


def excerpt(text: str, length: int = _EXCERPT_LENGTH) -> str:
    """Return the plain words of a Markdown text on one line, cut at a word, for lists and mails."""
    words = text if _PLAIN.fullmatch(text) else words_of(text)
    plain = re.sub(r"\s+", " ", words).strip(" ,")
    if len(plain) <= length:
        return plain
    return plain[:length].rsplit(" ", 1)[0].rstrip(" ,;:.") + "\N{HORIZONTAL ELLIPSIS}"


def words_of(text: str) -> str:
    """Return the words of a Markdown text, without its signs; what ends without a mark gets one."""
    words = []
    for token in _parser.parse(text):
        for child in token.children or []:
            if child.type in {"text", "code_inline"}:
                words.append(child.content)
            elif child.type in {"softbreak", "hardbreak"}:
                words.append(" ")
        if token.type == "inline":
            # Titles and items of a list end without a mark; on one line they need one.
            words.append(" " if words and words[-1].endswith(_ENDINGS) else ", ")
    return "".join(words)

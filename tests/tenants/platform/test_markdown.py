import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.platform.markdown import excerpt, render_markdown, words_of


def test_what_people_write_is_set() -> None:
    html = render_markdown("Douze pages, **surtout** les titres.\n\n- un\n- deux\n\n~~trois~~")
    assert "<strong>surtout</strong>" in html
    assert "<li>deux</li>" in html
    assert "<s>trois</s>" in html


def test_a_line_break_is_a_line_break() -> None:
    assert "<br>" in render_markdown("une\ndeux")


def test_headings_stay_below_those_of_the_page() -> None:
    html = render_markdown("# Un\n\n## Deux\n\n###### Six")
    assert "<h3>Un</h3>" in html
    assert "<h4>Deux</h4>" in html
    assert "<h6>Six</h6>" in html


def test_links_lend_no_authority_and_tell_nothing() -> None:
    html = render_markdown("[ici](https://example.org/?a=1&b=2)")
    assert 'href="https://example.org/?a=1&amp;b=2"' in html
    assert 'rel="nofollow ugc noopener noreferrer"' in html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![suivi](https://ailleurs.example/pixel.png)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox(1))",
        "<a href='https://example.org' onclick='alert(1)'>x</a>",
        "<style>body{display:none}</style>",
        "<iframe src=https://example.org></iframe>",
        "<svg><script>alert(1)</script></svg>",
        "<form action=/me/sign-out method=post><button>x</button></form>",
        '[x](https://example.org "\\" onmouseover=alert(1) \\"")',
    ],
)
def test_nothing_that_acts_gets_through(hostile: str) -> None:
    html = str(render_markdown(hostile))
    tags = re.findall(r"<(\w+)([^>]*)>", html)
    assert {tag for tag, _ in tags} <= {"p", "a"}
    for tag, attributes in tags:
        names = re.findall(r'(\w+)="[^"]*"', attributes)
        assert set(names) <= ({"href", "title", "rel"} if tag == "a" else set())
    assert not re.search(r'href="(?!https?:|mailto:|tel:)', html)


@given(st.text(max_size=300))
def test_any_text_gives_allowed_tags_only(text: str) -> None:
    html = str(render_markdown(text))
    allowed = [
        "p",
        "br",
        "hr",
        "strong",
        "em",
        "s",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "a",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ]
    assert set(re.findall(r"<(\w+)", html)) <= set(allowed)


def test_deep_nesting_ends() -> None:
    assert len(render_markdown("> " * 5000 + "fin")) < 100_000
    assert len(render_markdown("[" * 5000)) < 100_000


@pytest.mark.parametrize(
    "text",
    [
        "[a]: http://x.example/" + "y" * 5000 + "\n\n" + "[a] " * 1200,
        "|a" * 1250 + "\n" + "|-" * 1250 + "\n" + "|\n" * 2400,
        ("|a" * 12 + "\n" + "|-" * 12 + "\n" + "|\n" * 50 + "\n") * 60,
        "[](a)" * 2000,
    ],
    ids=["one address, a thousand times", "a table filled in", "many tables", "links"],
)
def test_what_is_short_to_write_is_not_long_to_show(text: str) -> None:
    """Else a message of some thousand letters is a page of megabytes, and seconds of everybody's server."""
    assert len(render_markdown(text)) <= 12 * len(text)


def test_a_table_of_a_reasonable_size_is_a_table_and_one_beyond_stays_as_typed() -> None:
    head = "|Jour|Heures|\n|-|-:|\n"
    assert str(render_markdown(head + "|lundi|2|\n" * 200)).count("<tr>") == 201
    beyond = str(render_markdown(head + "|lundi|2|\n" * 2000))
    assert "<table>" not in beyond
    assert "|Jour|Heures|" in beyond


def test_an_excerpt_is_plain_and_cut_at_a_word() -> None:
    assert (
        excerpt("# Relire\n\n**Douze** pages,\nsans [lien](https://x.example).")
        == "Relire, Douze pages, sans lien."
    )
    assert excerpt("Voici :\n\n- un PDF\n- deux images") == "Voici : un PDF, deux images"
    assert excerpt("un deux trois quatre", 12) == "un deux…"
    assert excerpt("<b>a</b>") == "<b>a</b>"
    assert excerpt("") == ""


@given(st.text(alphabet="aéZ1 ,.;:!?'’\"()/+-*_#`<>&[]\\~|=\t\n«»", max_size=40))
def test_an_excerpt_of_plain_words_is_what_the_parser_would_say(text: str) -> None:
    """What needs no parser is recognised, and only that."""
    assert excerpt(text) == " ".join(words_of(text).split()).strip(" ,")

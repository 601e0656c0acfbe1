"""A diff says what came and what went, and both texts can be read back from it."""

from hypothesis import given
from hypothesis import strategies as some

from governance.diffs import LONGEST, Change, word_diff


@given(some.text(max_size=200), some.text(max_size=200))
def test_both_texts_are_in_the_pieces(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert "".join(one.text for one in pieces if one.change is not Change.ADDED) == before
    assert "".join(one.text for one in pieces if one.change is not Change.REMOVED) == after


def test_a_changed_word_alone_is_marked() -> None:
    pieces = word_diff("au plus deux heures", "au plus cinq heures")
    changed = [tuple(one) for one in pieces if one.change is not Change.SAME]
    assert changed == [(Change.REMOVED, "deux"), (Change.ADDED, "cinq")]


def test_a_very_long_text_is_compared_by_line() -> None:
    before = "mot " * LONGEST + "\nfin\n"
    pieces = word_diff(before, before.replace("fin", "suite"))
    assert [tuple(one)[1] for one in pieces if one.change is not Change.SAME] == ["fin\n", "suite\n"]

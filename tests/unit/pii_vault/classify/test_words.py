"""The lists of words that decide: each word once in its list."""

import pytest

from pii_vault.classify.words import sections_of, word_set


def test_the_lists_are_read() -> None:
    assert sections_of("# why\n[one] of things\nа, б=,\nв\n\n[two]\nа\n") == {"one": ["а", "б=", "в"], "two": ["а"]}
    assert "инн" in word_set("inn")


@pytest.mark.parametrize("content", ["[one]\nа, б, а\n", "[one]\nа\nА,\n", "[one]\nа\n[two]\nа\n[one]\nа\n"])
def test_a_word_that_stands_twice_in_its_list_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match=r"\[one\] has twice: а"):
        sections_of(content)

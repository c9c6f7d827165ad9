"""Names given as text: folding and quoting."""

from __future__ import annotations

import pytest

from openpit.param.words import folded, quoted


@pytest.mark.parametrize(
    ("word", "name"),
    [
        (" Buy\n", "buy"),
        ("\u3000SELL\u00a0", "sell"),
        ("\x1cbuy", "\x1cbuy"),  # not blank in Unicode's sense
        ("\u0130B", "\u0130b"),  # only ASCII letters change
    ],
)
def test_folded(word, name):
    assert folded(word) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("usd", '"usd"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("\0\t\n\r", r'"\0\t\n\r"'),
        ("\x1c\x7f", r'"\u{1c}\u{7f}"'),
        ("é€", '"é€"'),
        ("\u0301", r'"\u{301}"'),
        ("\u200b", r'"\u{200b}"'),
    ],
)
def test_quoted(text, shown):
    assert quoted(text) == shown

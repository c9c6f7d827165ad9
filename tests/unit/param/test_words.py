"""Names given as text: what they may hold, folding and quoting."""

from __future__ import annotations

import pytest

from openpit.param.words import folded, is_encodable, plain_text, quoted


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


def test_what_utf_8_holds():
    assert is_encodable("usd")
    assert is_encodable("é€\U0001f600")
    assert not is_encodable("\ud83d")


def test_an_argument_becomes_plain_text():
    class Shouting(str):
        __slots__ = ()

        def __str__(self):
            return self.upper()

    given = plain_text(Shouting("é"))

    assert given == "é"
    assert type(given) is str


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'str'$"):
        plain_text(5)
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        plain_text("a\ud800")

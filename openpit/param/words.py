"""Names given as text: what they may hold, what is blank, how case is ignored, how one is shown."""

from __future__ import annotations

import unicodedata

from openpit.param.refusals import not_an_instance

__all__ = ["BLANKS", "folded", "is_encodable", "plain_text", "quoted"]

# Unicode's White_Space, which str.strip() would extend by four separators.
BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER_OF = str.maketrans(_UPPER, _UPPER.lower())

_ESCAPES = {
    "\0": "\\0",
    "\t": "\\t",
    "\n": "\\n",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}

# Marks that join the character before them are shown by number, so that they stay visible.
_JOINING = ("Mn", "Me")


def is_encodable(text: str) -> bool:
    """Tell whether UTF-8 can hold a text; an unpaired surrogate it cannot."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return True


def plain_text(value: object) -> str:
    """Return a text argument as a plain ``str``.

    Raises ``TypeError`` for anything else and ``UnicodeEncodeError`` for what UTF-8 cannot hold.
    """
    if not isinstance(value, str):
        raise not_an_instance(value, "str")
    if not value.isascii():
        value.encode()
    return str.__str__(value)


def folded(word: str) -> str:
    """Return ``word`` without blanks around it and with its ASCII letters in lower case."""
    return str.__str__(word).strip(BLANKS).translate(_LOWER_OF)


def quoted(text: str) -> str:
    """Return ``text`` in double quotes, with everything that does not print escaped."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    parts = []
    for character in text:
        escape = _ESCAPES.get(character)
        if escape is not None:
            parts.append(escape)
        elif character.isprintable() and unicodedata.category(character) not in _JOINING:
            parts.append(character)
        else:
            parts.append(f"\\u{{{ord(character):x}}}")
    return f'"{"".join(parts)}"'

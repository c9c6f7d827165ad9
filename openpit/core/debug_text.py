"""Quoted texts and optional fields as the reference prints them in its ``repr``."""

from __future__ import annotations

import unicodedata

__all__ = ["optional", "optional_member", "quoted", "truth"]

_ESCAPES = {
    "\0": "\\0",
    "\t": "\\t",
    "\n": "\\n",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}

# Marks that join the character before them are printed by number, so that they stay visible.
_JOINING = ("Mn", "Me")


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


def optional(text: str | None) -> str:
    """Return a quoted text that may be absent."""
    return "None" if text is None else f"Some({quoted(text)})"


def optional_member(member: object) -> str:
    """Return an enum member that may be absent: by its address, as the reference prints it."""
    return "Ok(None)" if member is None else f"Ok(Some(Py(0x{id(member):x})))"


def truth(value: bool) -> str:  # noqa: FBT001 - the value is what is printed
    """Return a truth value in lower case."""
    return "true" if value else "false"

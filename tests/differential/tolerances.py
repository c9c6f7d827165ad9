"""The differences that are meant: each named, with its reason.

Two answers that are equal after these have been levelled count as the same. Anything else is a
defect.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: The reference lets a negated zero keep its sign in some conversions and not in others (a Fee of 0
#: as a CashFlow prints "-0", minus a Fee of 0 prints "0"). Here zero has no sign.
_NEGATIVE_ZERO = re.compile(r"(?<![\w.])-(0(?:\.0+)?(?:E[-+]?\d+)?)(?![\w.])")

#: Python puts a module before the name of a class of an extension in its own messages, and not
#: before one of a class written in Python.
_QUALIFIED = re.compile(r"\bopenpit\.(?:\w+\.)*(\w+)")
_INTERPRETER = re.compile(
    r"(object has no attribute|unsupported operand|not supported between|bad operand type"
    r"|object is not (iterable|callable|subscriptable)|unhashable type|has no len"
    r"|argument must be a|doesn't define __round__|unsupported format string"
    r"|can't delete|cannot be interpreted|can't set|can't concat|can't multiply sequence"
    r"|must be real number)"
)

#: The interpreter's own words for one thing, which differ between a class of an extension and one
#: written in Python.
_SAME_WORDS = (
    (re.compile(r"attribute .* is not writable|property .* has no setter"), "not writable"),
    (re.compile(r"unsupported operand .* for (\S+?)=?:.*"), r"unsupported operand for \1"),
    (re.compile(r"can only concatenate .*|can't concat .*"), "unsupported operand for +"),
    (re.compile(r"can't multiply sequence .*"), "unsupported operand for *"),
    (re.compile(r"'[<>]=?' not supported between .*"), "not supported"),
    (re.compile(r"passed to \w+\.__format__"), "passed to __format__"),
    (re.compile(r"not types\.SimpleNamespace"), "not SimpleNamespace"),
)

#: Where a builder meets an argument of a wrong class, the reference shows what its own reading of
#: it stumbled over. Ours names the class that is expected, in a TypeError.
_STUMBLED = re.compile(
    r"object has no attribute '(value|max_orders|window|limit|barrier|lower_bound)'"
    r"|unsupported operand type\(s\) for //"
    r"|^'\w+' (object )?is not an instance of 'str'$"
)
_NAMES_THE_CLASS = re.compile(
    r"^expected openpit\.|must be (a str|openpit\.|datetime\.)|must be Order"
)

#: A lock that cannot be decoded is refused by both, each in the words of its decoder.
_DECODER = re.compile(r"^(lock (?:json|msgpack|cbor) decode failed: ).*", re.DOTALL)

#: How Python and the reference's binding word a wrong argument list.
_BINDING = re.compile(
    r"(missing \d+ required|takes (no|from|exactly|at most|\d+).* arguments?"
    r"|got an unexpected keyword|got multiple values|given\b)"
)


def tolerated(theirs: Any, ours: Any) -> bool:
    """Whether a differing step is one of the documented differences."""
    return level(theirs) == level(ours) or _both_refuse_the_class(theirs, ours)


def _both_refuse_the_class(theirs: dict[str, Any], ours: dict[str, Any]) -> bool:
    refused = theirs.get("raised"), ours.get("raised")
    return (
        None not in refused
        and _STUMBLED.search(theirs["raised"]["message"]) is not None
        and ours["raised"]["type"] == "builtins.TypeError"
        and _NAMES_THE_CLASS.search(ours["raised"]["message"]) is not None
    )


def level(answer: Any) -> Any:
    """The answer without what may differ."""
    levelled = json.loads(_NEGATIVE_ZERO.sub(r"\1", json.dumps(answer)))
    return _walk(levelled)


def _walk(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_walk(item) for item in answer]
    if isinstance(answer, dict):
        if answer.keys() >= {"type", "message"}:
            return _exception(answer)
        return {name: _walk(value) for name, value in answer.items()}
    return answer


def _exception(answer: dict[str, Any]) -> dict[str, Any]:
    message = answer["message"]
    if answer["type"] == "builtins.TypeError" and _BINDING.search(message):
        message = "wrong arguments"
    elif answer["type"] in {"builtins.TypeError", "builtins.AttributeError"}:
        if _INTERPRETER.search(message):
            message = _QUALIFIED.sub(r"\1", message)
        for words, common in _SAME_WORDS:
            message = words.sub(common, message)
    elif answer["type"] == "builtins.ValueError":
        message = _DECODER.sub(r"\1", message)
    elif answer["type"] == "builtins.KeyError":
        message = message.replace("'_py_", "'")
    return {**{name: _walk(value) for name, value in answer.items()}, "message": message}

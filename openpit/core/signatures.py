"""What ``inspect.signature`` tells of classes whose reference counterparts take any arguments.

Their real parameters are those of ``__init__``. The reference accepts any arguments in ``__new__``,
so that subclasses may have constructors of their own, and that is what programs see there.
"""

from __future__ import annotations

from inspect import Parameter, Signature

__all__ = ["AnyArguments", "no_arguments"]


class AnyArguments:
    """The signature of a class, and of its subclasses until one has a constructor of its own."""

    __slots__ = ("_constructor", "_signature")

    def __init__(self, class_name: str, annotation: str = "typing.Any") -> None:
        self._signature = Signature(
            [
                Parameter("args", Parameter.VAR_POSITIONAL, annotation=annotation),
                Parameter("kwargs", Parameter.VAR_KEYWORD, annotation=annotation),
            ],
            return_annotation=class_name,
        )
        self._constructor: object = None

    def __set_name__(self, owner: type, _name: str) -> None:
        self._constructor = owner.__dict__["__init__"]

    def __get__(self, _instance: object, owner: type) -> Signature:
        if getattr(owner, "__init__", None) is not self._constructor:
            raise AttributeError("__signature__")
        return self._signature


def no_arguments() -> Signature:
    """Return the signature of a class that programs cannot make."""
    return Signature()

"""What ``inspect.signature`` tells of classes whose reference counterparts take any arguments.

Their real parameters are those of ``__init__``. The reference accepts any arguments in ``__new__``,
so that subclasses may have constructors of their own, and that is what programs see there.
"""

from __future__ import annotations

from inspect import Parameter, Signature

__all__ = ["any_arguments", "no_arguments"]


def any_arguments(class_name: str, annotation: str = "typing.Any") -> Signature:
    """Return the signature of a class that takes whatever its subclass may need."""
    return Signature(
        [
            Parameter("args", Parameter.VAR_POSITIONAL, annotation=annotation),
            Parameter("kwargs", Parameter.VAR_KEYWORD, annotation=annotation),
        ],
        return_annotation=class_name,
    )


def no_arguments() -> Signature:
    """Return the signature of a class that programs cannot make."""
    return Signature()

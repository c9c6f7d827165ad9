"""Classes that callers may not build, and classes that they may not derive from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from openpit.core.signatures import no_arguments
from openpit.param.refusals import refuse_subclass

if TYPE_CHECKING:
    from inspect import Signature

__all__ = ["Closed", "Opaque"]


class Opaque:
    """Base of classes that callers read but cannot build.

    The engine builds them with ``object.__new__`` and stores the slots itself.
    """

    __slots__ = ()
    __signature__: ClassVar[Signature] = no_arguments()

    def __new__(cls, *_args: object, **_kwargs: object) -> Self:  # noqa: D102 - only refuses
        raise TypeError(f"cannot create '{cls.__module__}.{cls.__qualname__}' instances")


class Closed:
    """Direct base of classes that nothing may derive from: TypeError at the class statement."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        if Closed not in cls.__bases__:
            refuse_subclass(cls.__bases__[0])

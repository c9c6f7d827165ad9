"""Classes that programs may not build, and classes that they may not derive from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from openpit.core.signatures import no_arguments
from openpit.param.refusals import refuse_final_bases

if TYPE_CHECKING:
    from inspect import Signature

__all__ = ["Closed", "InProcess", "Opaque"]


class Closed:
    """Base of classes that are final also at run time, if they are marked ``@final``."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        refuse_final_bases(cls)


class Opaque(Closed):
    """Base of classes that programs read but cannot build.

    The engine builds them with ``object.__new__`` and stores the slots itself.
    """

    __slots__ = ()
    __signature__: ClassVar[Signature] = no_arguments()

    def __new__(cls, *_args: object, **_kwargs: object) -> Self:  # noqa: D102 - only refuses
        raise TypeError(f"cannot create '{cls.__module__}.{cls.__qualname__}' instances")


class InProcess(Opaque):
    """Base of what cannot leave its process: a policy that holds one is refused by its name."""

    __slots__ = ()

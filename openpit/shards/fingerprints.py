"""What an engine is made of, in words that are the same in every process: what a journal is for.

Of a policy, each attribute of its own with the value that it has before the engine is built: the
text of it, or where that is long its SHA-256. So another setting is told by its name.
"""

from __future__ import annotations

import functools
from collections import deque
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgpack

from openpit.engine.custom import CustomPolicy
from openpit.marketdata.service import MarketDataService, store_of
from openpit.marketdata.store import QuoteStore
from openpit.pretrade.policies.rate_limit import FixedWindows
from openpit.shards.counts import counting_since
from openpit.shards.sources import NO_SOURCES, Sources, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from openpit.pretrade.policy_contract import BuiltinPolicy

__all__ = ["Made", "describe", "differences"]

_LONGEST: Final = 100
"""Characters of a value that are kept as they are."""

_ABSENT: Final = "not there"

NO_CHANGES: Final[Mapping[str, Sequence[str]]] = {}

_PLAIN: Final = (type(None), bool, int, float, str, bytes, Decimal)


class Made(NamedTuple):
    """What an engine is made of."""

    shards: int
    policies: list[list[Any]]
    """Of each, in order, its name and its attributes with their values."""
    began: int | None
    """The time from which its broad rates count."""
    limits: Mapping[str, int] = {}
    """Of each shard, by name: what it keeps decides what it answers."""
    actors: Sequence[list[Any]] = ()
    """Of each, in order, its name and the factory that makes it."""
    sources: Sources = NO_SOURCES
    """Where their code is; not compared."""
    markets: Sequence[Sequence[str]] = ()
    """Of each service of market data, the policies that read it; not compared."""
    settings: bytes = b""
    """Of the built-in policies, by their names, what each exports before it is told anything;
    packed, and not compared."""


def describe(policies: Sequence[BuiltinPolicy], shards: int, actors: Mapping[str, Any]) -> Made:
    """Describe an engine whose policies were just made, and the factories of its actors."""
    return Made(
        shards,
        [[one.name, _attributes_of(one)] for one in policies],
        counting_since(policies),
        actors=[[name, {"factory": _shortened(_text_of(its, {}))}] for name, its in actors.items()],
        sources=sources_of(policies, actors.values()),
        settings=_settings_of(policies),
    )


def _settings_of(policies: Sequence[BuiltinPolicy]) -> bytes:
    packed: bytes = msgpack.packb(
        [(one.name, one.export_state()) for one in policies if not isinstance(one, CustomPolicy)]
    )
    return packed


def _attributes_of(policy: BuiltinPolicy) -> dict[str, str]:
    seen: dict[int, tuple[int, Any]] = {}
    own = policy
    found = {}
    if isinstance(policy, CustomPolicy):
        found["policy_group_id"] = str(policy.group_id)
        own = dict(_state_of(policy))["_policy"]
    found["class"] = _name_of(type(own))
    for name, value in sorted(_state_of(own)):
        if not isinstance(value, FixedWindows):  # when it was made, and nothing of it is counted
            found[name] = _shortened(_text_of(value, seen))
    return found


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"sha256 {sha256(text.encode()).hexdigest()}"


def _state_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of an object, those of its slots and those of its dictionary."""
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            name = f"_{kind.__name__.lstrip('_')}{slot}" if _is_mangled(slot) else slot
            if name not in {"__dict__", "__weakref__"} and hasattr(value, name):
                yield name, getattr(value, name)
    yield from getattr(value, "__dict__", {}).items()


def _is_mangled(slot: str) -> bool:
    return slot.startswith("__") and not slot.endswith("__")


def _name_of(value: Any) -> str:
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{getattr(value, '__module__', None)}.{name}"


def _text_of(value: Any, seen: dict[int, tuple[int, Any]]) -> str:
    """Return a text that says what a value is, and where it is another, is another."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, MarketDataService):
        value = store_of(value)
    if isinstance(value, QuoteStore):  # nothing of what it holds by now
        return f"market data(default_ttl={value.default_ttl})"
    if type(value) in _PLAIN:
        return repr(value)
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, (type, BuiltinFunctionType)):
        return _name_of(value)
    if id(value) in seen:
        return f"<{seen[id(value)][0]}>"
    seen[id(value)] = len(seen), value  # held, so that no other gets its id
    if isinstance(value, (list, tuple, deque)):
        return f"{type(value).__name__}[{', '.join(_text_of(item, seen) for item in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}{{{', '.join(sorted(_text_of(one, {}) for one in value))}}}"
    if isinstance(value, dict):
        # By their keys, whose texts do not depend on what was seen before.
        items = (
            sorted((_text_of(key, {}), item) for key, item in value.items())
            if all(type(key) in _PLAIN for key in value)
            else [(_text_of(key, {}), item) for key, item in value.items()]
        )
        return f"{{{', '.join(f'{key}: {_text_of(item, seen)}' for key, item in items)}}}"
    if isinstance(value, functools.partial):
        return f"partial{_text_of([value.func, value.args, value.keywords], seen)}"
    if isinstance(value, MethodType):
        return f"{_name_of(value.__func__)} of {_text_of(value.__self__, seen)}"
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return f"{_name_of(value)}{_text_of([value.__defaults__, cells], seen)}"
    state = ", ".join(f"{name}={_text_of(its, seen)}" for name, its in sorted(_state_of(value)))
    return f"{_name_of(type(value))}({state})"


def differences(
    before: Made, after: Made, changed: Mapping[str, Sequence[str]] = NO_CHANGES
) -> list[str]:
    """Return in what two engines differ, as one text each; the time of their making is left out.

    ``changed`` has, of policies whose settings have names that a user knows, what differs in those.
    """
    found = []
    if before.shards != after.shards:
        found.append(f"it has {after.shards} shards, and had {before.shards}")
    found += [
        f"the limit {name} is {limit}, and was {before.limits.get(name, _ABSENT)}"
        for name, limit in after.limits.items()
        if before.limits.get(name) != limit
    ]
    found += _differences("policy", dict(before.policies), dict(after.policies), changed)
    found += _differences("actor", dict(before.actors), dict(after.actors))
    for kind, old, new in (
        ("policies", before.policies, after.policies),
        ("actors", before.actors, after.actors),
    ):
        was, now = ([name for name, _ in each] for each in (old, new))
        if not found and was != now:
            found.append(f"its {kind} are in the order {', '.join(now)}, and were {', '.join(was)}")
    return found


def _differences(
    kind: str,
    old: Mapping[str, dict[str, str]],
    new: Mapping[str, dict[str, str]],
    changed: Mapping[str, Sequence[str]] = NO_CHANGES,
) -> Iterator[str]:
    """Yield in what the policies of two engines differ, or their actors."""
    yield from (f"{kind} {name} is new" for name in new if name not in old)
    yield from (f"{kind} {name} is not there" for name in old if name not in new)
    for name, was_made_of in old.items():
        is_made_of = new.get(name, was_made_of)
        if name in changed and was_made_of["class"] == is_made_of["class"]:
            yield from (f"{kind} {name}: {text}" for text in changed[name])
            continue
        for attribute in sorted(was_made_of.keys() | is_made_of.keys()):
            was = was_made_of.get(attribute, _ABSENT)
            now = is_made_of.get(attribute, _ABSENT)
            if was != now:
                yield f"{kind} {name}: {attribute} is {now}, and was {was}"

"""The options of a sharded engine: as a caller sees them, and as they are checked."""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import MISSING, fields
from typing import Any

import pytest
from flow import buy, report
from link import link

import openpit
from openpit.faces.options import ShardedOptions
from openpit.pretrade.policies import build_order_validation
from openpit.slots import MAX_SHARDS

NAMES = [field.name for field in fields(ShardedOptions)]


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


def sharded(**options: Any) -> Any:
    return openpit.Engine.builder().sharded(**options)


def test_the_method_has_a_parameter_for_each_option_with_its_type_and_default() -> None:
    _, *parameters = inspect.signature(openpit.EngineBuilder.sharded).parameters.values()

    shards, *others = parameters
    assert (shards.name, shards.annotation, shards.default) == ("shards", "int | None", None)
    assert [one.name for one in parameters] == NAMES
    for parameter, option in zip(others, fields(ShardedOptions)[1:], strict=True):
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not MISSING
        assert parameter.default == option.default, option.name
        assert parameter.annotation == option.type, option.name


def test_the_method_passes_every_option_on() -> None:
    given: dict[str, Any] = {
        "shards": 3,
        "timeout": 1.5,
        "max_wait": 0,
        "credits": 7,
        "start_timeout": 9,
        "stall_timeout": 12,
        "on_shard_down": print,
        "journal": "/var/lib/desk",
        "sync": "power",
        "min_free": 1,
        "snapshot_every": 2,
        "keep": 3,
        "migrate": True,
        "recovery_timeout": 8.5,
        "restarts": 3,
        "restart_pause": 0,
        "key_window": 9.5,
        "reservation_ttl": 11,
        "keys": 4,
        "grace": 0,
        "spares": 2,
    }
    stage = sharded(**given)

    assert list(given) == NAMES
    assert {name: getattr(stage._options, name) for name in given} == given


def test_without_a_number_there_is_a_shard_for_each_core_that_the_program_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 6}, raising=False)
    assert sharded()._options.shards == 3


@pytest.mark.parametrize(("cores", "shards"), [(6, 6), (None, 1), (100_000, MAX_SHARDS)])
def test_a_platform_that_tells_no_affinity_tells_its_cores_or_nothing(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, shards: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert sharded()._options.shards == shards


def test_each_option_is_explained() -> None:
    text = inspect.getdoc(ShardedOptions)

    assert text is not None
    assert [name for name in NAMES if f"``{name}``" not in text] == []


def test_an_option_that_there_is_not_is_refused_by_the_name_of_the_method() -> None:
    with pytest.raises(TypeError, match=r"sharded\(\) got an unexpected keyword .*'shrads'"):
        sharded(shrads=2)
    with pytest.raises(TypeError, match=r"sharded\(\) takes from 1 to 2 positional arguments"):
        openpit.Engine.builder().sharded(2, 5.0)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("shards", "2", "an int or None, not str"),
        ("shards", 2.0, "an int or None, not float"),
        ("shards", True, "an int or None, not bool"),
        ("timeout", "5", "a number of seconds, not str"),
        ("timeout", None, "a number of seconds, not NoneType"),
        ("timeout", True, "a number of seconds, not bool"),
        ("max_wait", "soon", "a number of seconds or None, not str"),
        ("max_wait", False, "a number of seconds or None, not bool"),
        ("credits", 10.5, "an int, not float"),
        ("credits", None, "an int, not NoneType"),
        ("start_timeout", [60], "a number of seconds, not list"),
        ("on_shard_down", "tell me", "callable or None, not str"),
        ("journal", b"desk", "a path or None, not bytes"),
        ("min_free", 1.5, "an int, not float"),
        ("snapshot_every", None, "an int, not NoneType"),
        ("keep", 2.0, "an int or None, not float"),
        ("recovery_timeout", None, "a number of seconds, not NoneType"),
        ("restarts", 1.5, "an int, not float"),
        ("spares", "1", "an int, not str"),
        ("restart_pause", None, "a number of seconds, not NoneType"),
        ("key_window", None, "a number of seconds, not NoneType"),
        ("keys", 1.5, "an int, not float"),
        ("grace", "soon", "a number of seconds, not str"),
        ("reservation_ttl", "1", "a number of seconds or None, not str"),
    ],
)
def test_an_option_of_another_class_is_refused(option: str, value: Any, expected: str) -> None:
    with pytest.raises(TypeError, match=exactly(f"sharded(): {option} must be {expected}")):
        sharded(**{option: value})


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("shards", 0, "shards must be in range 1..=256"),
        ("shards", 257, "shards must be in range 1..=256"),
        ("timeout", 0, "timeout and start_timeout must be positive and finite"),
        ("timeout", float("inf"), "timeout and start_timeout must be positive and finite"),
        ("timeout", float("nan"), "timeout and start_timeout must be positive and finite"),
        ("start_timeout", -1, "timeout and start_timeout must be positive and finite"),
        ("max_wait", -0.1, "max_wait must be finite and not negative"),
        ("max_wait", float("nan"), "max_wait must be finite and not negative"),
        ("credits", 0, "credits must be in range 1..=8192"),
        ("credits", 8193, "credits must be in range 1..=8192"),
        ("sync", "disk", "sync must be one of process, power"),
        ("journal", "", "journal is empty, which names no directory"),
        ("min_free", -1, "min_free must not be negative"),
        ("snapshot_every", -1, "snapshot_every must not be negative"),
        ("keep", 1, "keep must be at least 2, or None"),
        ("recovery_timeout", 0, "recovery_timeout must be positive and finite"),
        ("restarts", -1, "restarts must not be negative"),
        ("spares", -1, "spares must be in range 0..=256"),
        ("spares", 257, "spares must be in range 0..=256"),
        ("restart_pause", float("inf"), "restart_pause must be finite and not negative"),
        ("key_window", 0, "key_window must be positive, and a year at the most"),
        ("key_window", 366 * 86400 + 1, "key_window must be positive, and a year at the most"),
        (
            "reservation_ttl",
            0,
            "reservation_ttl must be in range 0.001..=366 days",
        ),
        (
            "reservation_ttl",
            0.0009,
            "reservation_ttl must be in range 0.001..=366 days",
        ),
        (
            "reservation_ttl",
            366 * 86400 + 1,
            "reservation_ttl must be in range 0.001..=366 days",
        ),
        ("keys", 0, "keys must be in range 1..=4294967295"),
        ("keys", 2**32, "keys must be in range 1..=4294967295"),
        ("grace", -1, "grace must be finite and not negative"),
    ],
)
def test_a_figure_out_of_its_range_is_refused(option: str, value: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=exactly(f"sharded(): {expected}")):
        sharded(**{option: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("reservation_ttl", 0.001),
        ("reservation_ttl", 366 * 86400),
        ("key_window", 366 * 86400),
        ("keys", 2**32 - 1),
        ("keep", 2),
        ("spares", 256),
        ("grace", 0),
        ("snapshot_every", 0),
    ],
)
def test_a_figure_at_its_limit_is_taken(option: str, value: Any) -> None:
    assert getattr(sharded(**{option: value})._options, option) == value


class TestClocks:
    """A clock tells whole nanoseconds; of any other its caller hears, and no shard."""

    def test_a_clock_of_seconds_is_refused_when_the_engine_starts(self) -> None:
        builder = openpit.Engine.builder().clock(lambda: 1.5).sharded(shards=1)
        with pytest.raises(TypeError, match=r"nanoseconds as an int, not 1\.5"):
            link(builder.builtin(build_order_validation()))

    def test_a_clock_that_goes_wrong_later_fails_the_call_and_the_shard_goes_on(self) -> None:
        times: list[Any] = []
        builder = openpit.Engine.builder().clock(lambda: times.pop() if times else 7)
        engine = link(builder.sharded(shards=1).builtin(build_order_validation()))
        wrong = r"nanoseconds as an int, not 2\.5"
        for call in (
            lambda: engine.execute_pre_trade(buy(1)),
            lambda: engine.execute_pre_trade_many([buy(1), buy(2)]),
            lambda: engine.apply_execution_report(report(1)),
        ):
            times.append(2.5)
            with pytest.raises(TypeError, match=wrong):
                call()
        assert engine.execute_pre_trade(buy(1)).ok

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from openpit.core.lock import Lock
from openpit.errors import ParamError
from openpit.param.values import Fee, Price


class Seven:
    def __index__(self):
        return 7


def test_a_lock_holds_prices_by_group_the_default_group_first():
    lock = Lock([(3, 5), (0, "1.50"), (1, 9), (3, -2)])

    assert repr(lock) == "Lock([(0, 1.50), (3, 5), (3, -2), (1, 9)])"
    assert lock.entries() == [(0, Price("1.5")), (3, Price(5)), (3, Price(-2)), (1, Price(9))]
    assert lock.prices_of(3) == [Price(5), Price(-2)]
    assert lock.prices_of(7) == []
    assert len(lock) == 4


def test_an_empty_lock_is_false():
    for lock in (Lock(), Lock(None), Lock([]), Lock(entries=())):
        assert not lock
        assert repr(lock) == "Lock([])"
    assert Lock([(0, 1)])


def test_a_lock_of_a_lock_is_independent():
    lock = Lock([(0, 1)])
    other = Lock(lock)

    lock.push(0, 2)
    other.push(3, 4)

    assert repr(lock) == "Lock([(0, 1), (0, 2)])"
    assert repr(other) == "Lock([(0, 1), (3, 4)])"


def test_copies_of_copies_are_independent():
    first = Lock([(0, 1)])
    second = first._copy()
    third = second._copy()

    second.push(0, 2)
    first.push(0, 3)

    assert [lock.prices_of(0) for lock in (first, second, third)] == [
        [Price(1), Price(3)],
        [Price(1), Price(2)],
        [Price(1)],
    ]


def test_any_iterable_of_pairs_will_do():
    assert Lock((group, group) for group in (1, 2)) == Lock({(1, 1): "", (2, 2): ""})


def test_group_ids_are_anything_that_counts_as_an_integer():
    assert repr(Lock([(True, 1), (Seven(), 2), (65535, 3)])) == (
        "Lock([(1, 1), (7, 2), (65535, 3)])"
    )


@pytest.mark.parametrize("group", [-1, 65536, 10**30, "0", 1.0, None])
def test_another_group_id_is_refused_everywhere(group):
    text = r"^policy_group_id must be an integer in range 0\.\.=65535$"
    lock = Lock()

    for call in (
        lambda: Lock([(group, 1)]),
        lambda: lock.push(group, 1),
        lambda: lock.push_many(group, []),
        lambda: lock.extend([(group, 1)]),
        lambda: lock.prices_of(group),
    ):
        with pytest.raises(ValueError, match=text):
            call()
    assert lock == Lock()


def test_what_the_price_refuses_is_refused():
    with pytest.raises(ParamError, match=r"^invalid format for Price: 'x'$"):
        Lock([(0, "x")])
    with pytest.raises(TypeError, match=r"^Price must be a Decimal, str, int, or float$"):
        Lock([(0, Fee(1))])
    with pytest.raises(ValueError, match=r"^Price must be a Decimal, str, int, or float$"):
        Lock().push(0, None)


@pytest.mark.parametrize("entry", [5, "ab", [0, 1], (1,), (0, 1, 2)])
def test_what_is_no_pair_is_refused(entry):
    with pytest.raises(TypeError, match=r"^each entry must be a \(policy_group_id, price\) two"):
        Lock([entry])


@pytest.mark.parametrize("entries", [5, None, Lock([(0, 1)])])
def test_only_an_iterable_extends_a_lock(entries):
    with pytest.raises(TypeError, match=r"^entries must be an iterable of \(policy_group_id, pr"):
        Lock().extend(entries)


def test_what_came_before_a_refused_entry_stays():
    lock = Lock()

    with pytest.raises(TypeError, match="two-element tuple"):
        lock.extend([(1, 2), 5])

    assert lock == Lock([(1, 2)])


def test_many_prices_are_added_together_or_not_at_all():
    lock = Lock()

    lock.push_many(5, ["1", 2, Price(3)])
    with pytest.raises(ParamError):
        lock.push_many(5, [4, "x"])
    lock.push_many(6, [])

    assert lock == Lock([(5, 1), (5, 2), (5, 3)])
    with pytest.raises(TypeError, match=r"^prices must be an iterable of Price values$"):
        lock.push_many(5, 5)


def test_merging_adds_what_another_lock_holds():
    lock = Lock([(1, 1), (0, 2)])

    lock.merge(Lock([(1, 3), (7, 4), (0, 5)]))

    assert repr(lock) == "Lock([(0, 2), (0, 5), (1, 1), (1, 3), (7, 4)])"


def test_a_lock_merges_with_other_locks_only():
    lock = Lock()

    with pytest.raises(TypeError, match=r"^'list' object is not an instance of 'Lock'$"):
        lock.merge([(0, 1)])
    with pytest.raises(RuntimeError, match=r"^Already mutably borrowed$"):
        lock.merge(lock)


def test_merging_leaves_the_source_alone():
    source = Lock([(1, 1)])
    lock = Lock()

    lock.merge(source)
    lock.push(1, 2)

    assert source == Lock([(1, 1)])


def test_locks_are_equal_by_content_and_order():
    assert Lock([(0, 1), (3, 2)]) == Lock([(3, 2), (0, "1.00")])
    assert Lock([(1, 1), (2, 1)]) != Lock([(2, 1), (1, 1)])
    assert Lock([(1, 1), (1, 2)]) != Lock([(1, 2), (1, 1)])
    assert Lock() != []


def test_locks_have_no_order_and_no_hash():
    with pytest.raises(TypeError, match=r"^Lock supports only == and !=$"):
        _ = Lock() < Lock()
    with pytest.raises(TypeError, match=r"^'<' not supported between instances of 'Lock' and 'int"):
        _ = Lock() < 5
    with pytest.raises(TypeError, match=r"^unhashable type: 'Lock'$"):
        hash(Lock())


def test_a_lock_is_not_a_container():
    with pytest.raises(TypeError, match="not iterable"):
        iter(Lock())


def test_a_copy_of_any_kind_is_independent():
    lock = Lock([(3, "1.50")])

    for other in (copy.copy(lock), copy.deepcopy(lock), pickle.loads(pickle.dumps(lock))):
        assert other == lock
        other.push(3, 2)
    assert lock == Lock([(3, "1.50")])


def test_each_format_reads_what_it_wrote():
    lock = Lock([(0, "1.50"), (3, 5), (65535, "-0.007")])

    assert repr(Lock.from_json(lock.to_json())) == repr(lock)
    assert repr(Lock.from_msgpack(lock.to_msgpack())) == repr(lock)
    assert repr(Lock.from_cbor(lock.to_cbor())) == repr(lock)


@pytest.mark.parametrize("data", [5, None, b"[]"])
def test_json_is_read_from_text_only(data):
    found = "'None'" if data is None else f"'{type(data).__name__}' object"
    with pytest.raises(TypeError, match=f"^{found} is not an instance of 'str'$"):
        Lock.from_json(data)


@pytest.mark.parametrize("data", [5, "x", bytearray(b"\x90")])
def test_the_others_are_read_from_bytes_only(data):
    text = f"^'{type(data).__name__}' object is not an instance of 'bytes'$"
    with pytest.raises(TypeError, match=text):
        Lock.from_msgpack(data)
    with pytest.raises(TypeError, match=text):
        Lock.from_cbor(data)


def test_the_class_lives_in_pretrade_and_may_be_derived():
    class Prices(Lock):
        pass

    prices = Prices([(0, 1)])
    prices.tag = "A"

    assert Lock.__module__ == "openpit.pretrade"
    assert prices == Lock([(0, 1)])
    assert prices.tag == "A"
    assert str(inspect.signature(Lock)) == "(*args: 'object', **kwargs: 'object') -> 'Lock'"

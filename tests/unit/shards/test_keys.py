from __future__ import annotations

from openpit.shards.keys import Keys, KnownCall

CALL = KnownCall(100, b"content", 7, b"\x92\x02\x01")


def test_a_key_is_its_accounts_and_is_known_within_the_window_alone() -> None:
    keys = Keys(8, 50)
    keys.keep(1, b"k", CALL)
    assert keys.find(1, b"k", 149) == CALL
    assert keys.find(2, b"k", 149) is None
    assert keys.find(1, b"j", 149) is None
    assert keys.find(1, b"k", 150) is None
    assert len(keys) == 0
    assert keys.find(1, b"k", 149) is None  # forgotten, also where time goes back


def test_so_many_are_kept_and_the_oldest_make_room_when_their_window_is_over() -> None:
    keys = Keys(2, 50)
    keys.keep(1, b"a", CALL)
    assert not keys.is_full(110)
    keys.keep(1, b"b", CALL._replace(time=110))
    assert keys.is_full(149)
    assert not keys.is_full(150)
    assert keys.find(1, b"a", 150) is None
    assert len(keys) == 1


def test_what_is_exported_is_restored() -> None:
    keys, other = Keys(8, 50), Keys(8, 50)
    keys.keep(1, b"a", CALL)
    keys.keep(2, b"b", CALL._replace(time=120, number=9))
    other.keep(3, b"c", CALL)
    other.restore(keys.export())
    assert other.export() == keys.export() == [
        (1, b"a", 100, b"content", 7, b"\x92\x02\x01"),
        (2, b"b", 120, b"content", 9, b"\x92\x02\x01"),
    ]  # fmt: skip
    assert other.find(2, b"b", 130) == (120, b"content", 9, b"\x92\x02\x01")


def test_that_there_was_one_is_remembered_for_another_window() -> None:
    keys, other = Keys(2, 50), Keys(2, 50)
    keys.keep(1, b"a", CALL)
    assert not keys.had(1, b"a", 149)
    assert keys.find(1, b"a", 150) is None
    other.restore(keys.export())
    for one in (keys, other):
        assert one.had(1, b"a", 199)
        assert not one.had(2, b"a", 199)
        assert not one.had(1, b"a", 200)
        assert len(one) == 0
        assert one.export() == [(1, b"a", 100, b"", 0, b"")]
        assert not one.is_full(200)
        assert one.export() == []


def test_of_a_key_that_two_calls_had_the_later_counts() -> None:
    keys = Keys(2, 50)
    keys.keep(1, b"a", CALL)
    assert not keys.is_full(150)
    keys.keep(1, b"a", CALL._replace(time=150))
    assert keys.find(1, b"a", 199) is not None
    assert keys.find(1, b"a", 200) is None
    assert keys.had(1, b"a", 249)
    assert keys.export() == [(1, b"a", 150, b"", 0, b"")]

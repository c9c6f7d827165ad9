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
    assert [key for _, key, *_ in keys.export()] == [b"b"]


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

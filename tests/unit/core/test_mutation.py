from __future__ import annotations

import pickle
import weakref
from dataclasses import FrozenInstanceError

import pytest

from openpit.core.mutation import Mutation


def test_a_mutation_is_a_pair_of_callables():
    done = []
    mutation = Mutation(lambda: done.append("commit"), rollback=lambda: done.append("rollback"))

    mutation.commit()
    mutation.rollback()

    assert done == ["commit", "rollback"]


def test_nothing_is_checked():
    assert repr(Mutation(1, None)) == "Mutation(commit=1, rollback=None)"


def test_mutations_are_equal_and_hash_by_content():
    assert Mutation(print, len) == Mutation(print, len)
    assert Mutation(print, len) != Mutation(len, print)
    assert hash(Mutation(print, len)) == hash((print, len))


def test_a_mutation_cannot_be_changed():
    with pytest.raises(FrozenInstanceError, match=r"^cannot assign to field 'commit'$"):
        Mutation(print, len).commit = len


def test_both_callables_are_required():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'rollback'"):
        Mutation(print)


def test_a_mutation_can_be_copied():
    assert pickle.loads(pickle.dumps(Mutation(print, len))) == Mutation(print, len)


def test_a_mutation_can_be_referred_to_weakly():
    mutation = Mutation(print, print)
    known = weakref.WeakSet([mutation])

    assert mutation in known
    del mutation
    assert len(known) == 0

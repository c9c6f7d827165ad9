from __future__ import annotations

from openpit.loadtest.draws import Draws, zipf_bounds


def test_a_seed_gives_the_same_draws_on_every_machine() -> None:
    draws = Draws(1)

    found = [draws.below(100), draws.between(5, 6), draws.exponential(1_000_000)]
    found += [draws.log_normal(20_000_000, 1.0), draws.rank([1, 2, 10])]

    assert found == [13, 6, 1_443_000, 9_287_000, 2]


def test_times_are_whole_microseconds() -> None:
    draws = Draws(2)

    assert all(draws.exponential(12_345.0) % 1_000 == 0 for _ in range(100))
    assert all(draws.log_normal(12_345.0, 0.5) % 1_000 == 0 for _ in range(100))


def test_the_mean_of_exponential_times_is_what_was_asked_for() -> None:
    draws = Draws(3)

    mean = sum(draws.exponential(1e6) for _ in range(20_000)) / 20_000

    assert 970_000 < mean < 1_030_000


def test_half_of_the_log_normal_times_are_below_the_median() -> None:
    draws = Draws(4)

    below = sum(draws.log_normal(20e6, 1.0) < 20e6 for _ in range(10_000))

    assert 4_800 < below < 5_200


def test_a_share_of_chances() -> None:
    draws = Draws(5)

    assert 180 < sum(draws.chance(0.2) for _ in range(1_000)) < 220
    assert not any(draws.chance(0.0) for _ in range(100))
    assert all(draws.chance(1.0) for _ in range(100))


def test_zipf_weights_fall_with_the_rank() -> None:
    assert zipf_bounds(4, 0) == [1, 2, 3, 4]
    assert zipf_bounds(3, 1.0) == [1_000_000_000, 1_500_000_000, 1_833_333_333]

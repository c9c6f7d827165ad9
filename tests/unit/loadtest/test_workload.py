from __future__ import annotations

import pytest

from openpit.limits.tables import ConfigError
from openpit.loadtest.workload import DEFAULT_WORKLOAD, load_workload


def test_the_default_needs_no_file() -> None:
    workload = load_workload()

    assert workload == load_workload(DEFAULT_WORKLOAD)
    assert workload.accounts == 10_000
    assert [cohort.name for cohort in workload.cohorts] == ["retail", "active", "algorithms"]
    assert (workload.symbols, workload.symbol_skew, workload.currency) == (50, 1.0, "USD")
    assert (workload.rejects, workload.market) == (0.02, 0.0)
    assert workload.delay_median == 20_000_000
    assert (workload.initial, workload.deposit_every) == ("100000000", 1_000)


def test_a_file_changes_what_it_names_and_nothing_else() -> None:
    workload = load_workload(
        """
        [accounts]
        count = 7
        [arrivals]
        process = "even"
        [venue]
        delay_median = "5ms"
        """
    )

    assert (workload.accounts, workload.is_even, workload.delay_median) == (7, True, 5_000_000)
    assert workload.cohorts == load_workload().cohorts
    assert workload.cancel == 0.2


def test_cohorts_replace_those_of_the_default() -> None:
    workload = load_workload(
        """
        [[accounts.cohort]]
        name = "all"
        share = 1
        activity = 1
        burst = 2.5
        min_quantity = 1
        max_quantity = 9
        """
    )

    (cohort,) = workload.cohorts
    assert (cohort.name, cohort.burst, cohort.max_quantity) == ("all", 2.5, 9)


def test_accounts_of_the_command_line_come_before_those_of_the_file() -> None:
    assert load_workload("[accounts]\ncount = 7", accounts=9).accounts == 9


def test_the_hash_changes_with_any_setting() -> None:
    assert load_workload().digest() == load_workload(DEFAULT_WORKLOAD).digest()
    assert load_workload().digest() != load_workload("[orders]\nrejects = 0.03").digest()


COHORT = "name='a'\nburst=1\nmin_quantity=1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[account]\n", "unknown table [account] (tables: arrivals, accounts,"),
        ("orders = 3", "[orders] must be a table"),
        ("[orders]\nreject = 0.1", "[orders] unknown key 'reject' (keys here: market, rejects)"),
        ("[orders]\nrejects = 1.5", "[orders] key 'rejects' is wrong (a number from 0 to 1 is"),
        ("[orders]\nrejects = '1'", "[orders] key 'rejects' is wrong (a number is expected)"),
        ("[accounts]\ncount = 0", "[accounts] key 'count' is wrong (a whole number from 1 to"),
        ("[accounts]\ncount = 1.5", "[accounts] key 'count' is wrong (a whole number from 1 to"),
        ("[accounts]\nskew = 11", "[accounts] key 'skew' is wrong (a number from 0 to 10 is"),
        ("[accounts]\ncohort = []", "[accounts] there must be at least one cohort"),
        ("[arrivals]\nprocess = 'odd'", '[arrivals] key \'process\' is wrong ("poisson" or "even"'),
        ("[venue]\ndelay_median = 3", "[venue] key 'delay_median' must be a length of time"),
        ("[funding]\ninitial = '-1'", "[funding] key 'initial' is wrong"),
        ("[funding]\ndeposit = 'x'", "[funding] key 'deposit' is wrong"),
        ("[lifecycle]\nadd=0\nreduce=0\nclose=0", "[lifecycle] add, reduce and close must not all"),
        ("[accounts", "not TOML"),
        (
            f"[[accounts.cohort]]\n{COHORT}share=0.5\nactivity=1\nmax_quantity=1",
            "[accounts.cohort] the share values must be 1 in sum, not 0.5",
        ),
        (
            f"[[accounts.cohort]]\n{COHORT}share=1\nactivity=1\nmax_quantity=0",
            "[accounts.cohort #1] key 'max_quantity' is wrong (a whole number from 1 to",
        ),
        (
            (
                "[[accounts.cohort]]\nname='a'\nburst=1\nshare=1\nactivity=1\n"
                "min_quantity=5\nmax_quantity=4"
            ),
            "[accounts.cohort #1] max_quantity must not be below min_quantity",
        ),
        (
            (
                "[[accounts.cohort]]\nname='a'\nburst=0.5\nshare=1\nactivity=1\n"
                "min_quantity=1\nmax_quantity=4"
            ),
            "[accounts.cohort #1] key 'burst' is wrong (a number from 1 is expected)",
        ),
        (
            f"[[accounts.cohort]]\n{COHORT}share=1\nactivity=1\nmax_quantity=1\nsize=3",
            "[accounts.cohort #1] unknown key 'size'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_table_and_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_workload(text)

    assert str(caught.value).startswith(message)

"""What a load is made of: accounts and their habits, symbols, the venue, funds.

A workload, a rate, a length and a seed determine every event. It comes from a TOML text, in which
everything may be left out that is to stay as in :data:`DEFAULT_WORKLOAD`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from openpit.limits.tables import ConfigError, Table, parse
from openpit.param.values import Quantity

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

__all__ = ["DEFAULT_WORKLOAD", "Cohort", "Workload", "load_workload"]

MAX_ACCOUNTS: Final = 1_000_000
"""Accounts of one workload: the generator keeps a number for each, the engine up to 1.5 KiB."""

MAX_SYMBOLS: Final = 100_000
"""More than any venue lists."""

MAX_SKEW: Final = 10
"""With an exponent of 10 a thousandth of what the first gets is left for the second."""

_SUM_TOLERANCE: Final = 1e-6
"""How far shares may be from 1 in sum: a third of them is written 0.333333."""

DEFAULT_WORKLOAD: Final = """\
# The load of `openpit loadtest`, as TOML. What is left out stays as it is here. An unknown key is
# an error. Shares are numbers from 0 to 1.

[arrivals]
process = "poisson"   # times between orders are exponential; "even": all alike

[accounts]
count = 10000
skew = 0.0            # exponent of Zipf's law among the accounts of a cohort; 0: all alike

# Cohorts take the accounts in this order, from number 1 on.
[[accounts.cohort]]
name = "retail"
share = 0.90          # of the accounts
activity = 0.40       # of the orders
burst = 1             # orders of one account in a row, on average
min_quantity = 1
max_quantity = 100

[[accounts.cohort]]
name = "active"
share = 0.09
activity = 0.40
burst = 3
min_quantity = 10
max_quantity = 500

[[accounts.cohort]]
name = "algorithms"
share = 0.01
activity = 0.20
burst = 20
min_quantity = 100
max_quantity = 1000

[symbols]
count = 50
skew = 1.0            # exponent of Zipf's law among the symbols
currency = "USD"

[orders]
market = 0.0          # share of market orders; a limit on notional refuses those
rejects = 0.02        # share that is planted to be refused: of no quantity, or of far too much

# What an account with a position does next; without one it opens one. Weights.
[lifecycle]
add = 0.3
reduce = 0.2
close = 0.5

# The venue answers after a log-normal delay, with fills or by taking the order back.
[venue]
delay_median = "20ms"
delay_sigma = 1.0
cancel = 0.2          # share of answers that take back what is left of the order
partial = 0.3         # share of answers that fill only a part of it

[funding]
initial = "100000000" # of the currency, for every account before the first order; "0": none
deposit_every = 1000  # orders from one deposit to the next; 0: none
deposit = "5000"
"""


@dataclass(frozen=True, slots=True)
class Cohort:
    """Accounts with the same habits."""

    name: str
    share: float
    """Of the accounts, 0 to 1."""
    activity: float
    """Of the orders, 0 to 1."""
    burst: float
    """Mean number of orders of one account in a row."""
    min_quantity: int
    max_quantity: int


@dataclass(frozen=True, slots=True)
class Workload:
    """Everything about a load but its rate, its length and its seed."""

    is_even: bool
    accounts: int
    account_skew: float
    cohorts: tuple[Cohort, ...]
    symbols: int
    symbol_skew: float
    currency: str
    market: float
    rejects: float
    add: float
    reduce: float
    close: float
    delay_median: int
    """Nanoseconds."""
    delay_sigma: float
    cancel: float
    partial: float
    initial: str
    deposit_every: int
    deposit: str

    def digest(self) -> str:
        """Return a hash of all settings, as hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def load_workload(text: str = "", *, accounts: int | None = None) -> Workload:
    """Return the workload that a TOML text describes; an empty one describes the default.

    ``accounts`` is their number in place of the text's.

    Raises:
        ConfigError: it is not TOML, or a table, key or value is wrong; the text names it.
    """
    tables = _overlaid(parse(text), parse(DEFAULT_WORKLOAD))
    arrivals, crowd, symbols = tables["arrivals"], tables["accounts"], tables["symbols"]
    orders, lifecycle = tables["orders"], tables["lifecycle"]
    venue, funding = tables["venue"], tables["funding"]
    count = crowd.amount("count", _whole(1, MAX_ACCOUNTS))
    workload = Workload(
        is_even=arrivals.amount("process", _process),
        accounts=accounts or count,
        account_skew=crowd.amount("skew", _not_negative),
        cohorts=_cohorts(crowd),
        symbols=symbols.amount("count", _whole(1, MAX_SYMBOLS)),
        symbol_skew=symbols.amount("skew", _not_negative),
        currency=str(symbols.asset("currency")),
        market=orders.amount("market", _share),
        rejects=orders.amount("rejects", _share),
        add=lifecycle.amount("add", _share),
        reduce=lifecycle.amount("reduce", _share),
        close=lifecycle.amount("close", _share),
        delay_median=int(venue.window("delay_median").total_seconds() * 1e9),
        delay_sigma=venue.amount("delay_sigma", _not_negative),
        cancel=venue.amount("cancel", _share),
        partial=venue.amount("partial", _share),
        initial=funding.amount("initial", _money),
        deposit_every=funding.count("deposit_every"),
        deposit=funding.amount("deposit", _money),
    )
    for table in tables.values():
        table.finish()
    if not workload.add + workload.reduce + workload.close > 0:
        raise ConfigError("[lifecycle] add, reduce and close must not all be 0")
    return workload


def _overlaid(given: dict[str, object], default: dict[str, object]) -> dict[str, Table]:
    """Return the default's tables with what is given in place of theirs."""
    tables = {}
    for name, values in given.items():
        if name not in default:
            raise ConfigError(f"unknown table [{name}] (tables: {', '.join(default)})")
        if not isinstance(values, dict):
            raise ConfigError(f"[{name}] must be a table")
    for name, values in default.items():
        assert isinstance(values, dict)  # noqa: S101 - the default is ours
        mine = given.get(name, {})
        assert isinstance(mine, dict)  # noqa: S101 - checked above
        tables[name] = Table(name, {**values, **mine})
    return tables


def _cohorts(accounts: Table) -> tuple[Cohort, ...]:
    cohorts = []
    for row in accounts.tables("cohort"):
        cohort = Cohort(
            name=str(row.asset("name")),
            share=row.amount("share", _share),
            activity=row.amount("activity", _share),
            burst=row.amount("burst", _at_least_one),
            min_quantity=row.amount("min_quantity", _whole(1, 10**9)),
            max_quantity=row.amount("max_quantity", _whole(1, 10**9)),
        )
        row.finish()
        if cohort.max_quantity < cohort.min_quantity:
            raise ConfigError(f"[{row.path}] max_quantity must not be below min_quantity")
        cohorts.append(cohort)
    if not cohorts:
        raise ConfigError("[accounts] there must be at least one cohort")
    for key in ("share", "activity"):
        total = sum(getattr(cohort, key) for cohort in cohorts)
        if abs(total - 1) > _SUM_TOLERANCE:
            raise ConfigError(f"[accounts.cohort] the {key} values must be 1 in sum, not {total:g}")
    return tuple(cohorts)


# --- kinds of numbers: ValueError tells what was expected ----------------------------------------


def _process(value: str | int | Decimal) -> bool:
    if value not in {"poisson", "even"}:
        raise ValueError('"poisson" or "even" is expected')
    return value == "even"


def _number(value: str | int | Decimal) -> float:
    if isinstance(value, str):
        raise ValueError("a number is expected")  # noqa: TRY004 - told with table and key
    return float(value)


def _share(value: str | int | Decimal) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError("a number from 0 to 1 is expected")
    return number


def _not_negative(value: str | int | Decimal) -> float:
    number = _number(value)
    if not 0 <= number <= MAX_SKEW:
        raise ValueError(f"a number from 0 to {MAX_SKEW} is expected")
    return number


def _at_least_one(value: str | int | Decimal) -> float:
    number = _number(value)
    if not 1 <= number <= 10**9:
        raise ValueError("a number from 1 is expected")
    return number


def _whole(least: int, most: int) -> Callable[[str | int | Decimal], int]:
    def whole(value: str | int | Decimal) -> int:
        if not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most} is expected")
        return value

    return whole


def _money(value: str | int | Decimal) -> str:
    return str(Quantity(value))

"""What the console takes and gives, as its OpenAPI document has it.

Money is decimal text, and so are numbers that a browser's numbers cannot hold: accounts, times.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = [
    "ACCOUNT_NAME",
    "AccountTold",
    "AdjustmentsWanted",
    "Amount",
    "BlockedTogether",
    "BlockedTold",
    "CauseTold",
    "ChangeTold",
    "ChangesTold",
    "Confirmation",
    "CurrencyWanted",
    "Decisions",
    "DryRunTold",
    "Failure",
    "GroupTold",
    "Groups",
    "Health",
    "LimitChange",
    "LimitsDifference",
    "LimitsText",
    "LimitsTold",
    "LimitsWanted",
    "Members",
    "OrderWanted",
    "Prices",
    "QuoteWanted",
    "Reason",
    "RefusalTold",
    "Refusals",
    "RejectTold",
    "Sessions",
    "Shards",
    "Status",
    "Text",
]

ACCOUNT_NAME: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029/]+$"
"""A number, or a text as limits files have it; a path has no room for one with a slash."""
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_PRINTABLE)]
Amount = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,9})?$")]
Positive = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}(\.[0-9]{1,9})?$")]
AssetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,32}$")]
AccountName = Annotated[str, StringConstraints(max_length=256, pattern=ACCOUNT_NAME)]
GroupNumber = Annotated[int, Field(ge=1, le=2**32 - 1)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# --- what comes in ----------------------------------------------------------------------


class Reason(_In):
    """Why something is done: it is told with the change."""

    reason: Text


class LimitsText(_In):
    """Limits as a file has them."""

    toml: Annotated[str, StringConstraints(min_length=1, max_length=500_000)]


class LimitsWanted(LimitsText):
    """Limits that are to hold; ``seen`` is the fingerprint of those that the caller has looked at.

    If others are in force by now, nothing is changed.
    """

    seen: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    reason: Text


class Members(_In):
    """Accounts that are put into a group or taken out of it: all, or none."""

    accounts: Annotated[list[AccountName], Field(min_length=1, max_length=10_000)]
    reason: Text


class CurrencyWanted(_In):
    """A currency; null takes it back."""

    asset: AssetName | None
    reason: Text


class AdjustmentWanted(_In):
    """A correction of one asset's balance: by an amount, or to one."""

    asset: AssetName
    kind: Literal["by", "to"]
    amount: Amount


class AdjustmentsWanted(_In):
    """Corrections of an account, made together; with a key they are made once."""

    adjustments: Annotated[list[AdjustmentWanted], Field(min_length=1, max_length=100)]
    key: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")] | None = None
    reason: Text


class OrderWanted(_In):
    """An order that is asked about, and not placed: by quantity or by volume.

    Without a price it is one at the market's.
    """

    account: AccountName
    underlying: AssetName
    settlement: AssetName
    side: Literal["BUY", "SELL"]
    quantity: Positive | None = None
    volume: Positive | None = None
    price: Positive | None = None


class QuoteWanted(_In):
    """Prices of an instrument, for everybody."""

    mark: Positive | None = None
    bid: Positive | None = None
    ask: Positive | None = None


# --- what goes out ----------------------------------------------------------------------


class Failure(BaseModel):
    """Why something was not done."""

    error: str
    """The name of what went wrong."""
    text: str


class Health(BaseModel):
    """Whether somebody is there."""

    ok: bool
    why: list[str] = []


class Status(BaseModel):
    """Who asks, whom, and whether orders pass."""

    version: str
    server: str
    caller: str | None
    role: str
    may_change: bool
    has_journal: bool
    halted: str | None
    shards: int


class Shard(BaseModel):
    """A shard as its server sees it."""

    model_config = ConfigDict(from_attributes=True)

    shard: int
    state: str
    why: str | None
    pid: int | None
    in_flight: int
    credits: int
    sent: int
    answered: int
    bytes_sent: int
    bytes_received: int
    restarts: int
    expired: int


class Shards(BaseModel):
    """All of them."""

    shards: list[Shard]


class SessionTold(BaseModel):
    """A program that is connected; the console's own are left out."""

    session: int
    name: str | None
    user: int
    role: str
    in_flight: int
    commands: int
    unsent_bytes: int


class Sessions(BaseModel):
    """All of them."""

    sessions: list[SessionTold]


class CauseTold(BaseModel):
    """Why orders are rejected."""

    policy: str
    code: str
    reason: str
    details: str


class HoldingTold(BaseModel):
    """What an account has of an asset."""

    asset: str
    available: str
    held: str
    incoming: str
    average_entry_price: str | None
    pnl: str | None


class PnlTold(BaseModel):
    """A PnL, or why it is not counted any more."""

    currency: str | None
    pnl: str


class PolicyTold(BaseModel):
    """What a policy keeps of an account."""

    policy: str
    policy_group_id: int
    holdings: list[HoldingTold]
    pnls: list[PnlTold]


class Opened(BaseModel):
    """How many handles of an account wait for their end."""

    reservations: int
    drop_copies: int
    requests: int


class AccountTold(BaseModel):
    """What the engine knows of an account."""

    account: str
    account_name: str | None = None
    shard: int
    group: int | None
    currency: str | None
    is_blocked: bool
    block: CauseTold | None
    group_block: CauseTold | None
    engine_block: CauseTold | None
    open: Opened
    policies: list[PolicyTold]


class GroupTold(BaseModel):
    """A group of accounts; 0 is the tier below all groups."""

    group: int
    members: int
    block_reason: str | None
    currency: str | None


class Groups(BaseModel):
    """All of them."""

    groups: list[GroupTold]


class LimitsTold(BaseModel):
    """The limits in force: as a file, by tables, and their fingerprint."""

    toml: str
    tables: dict[str, dict[str, Any]]
    fingerprint: str


class LimitsDifference(BaseModel):
    """What limits would change; ``fingerprint`` is of those in force, for the change itself."""

    difference: str
    tables: list[str]
    fingerprint: str


class Confirmation(BaseModel):
    """What was done, and on whose behalf."""

    done: str
    by: str


class RejectTold(BaseModel):
    """One reason against an order; ``limits`` are the rows of the limits that concern it."""

    code: str
    reason: str
    details: str
    policy: str
    scope: str
    limits: list[str] = []


class DryRunTold(BaseModel):
    """What an order would meet; nothing of it is recorded."""

    accepted: bool
    rejects: list[RejectTold]
    block: CauseTold | None


class Prices(BaseModel):
    """The prices that a reader gets; null is a price that the source does not give."""

    instrument: int
    mark: str | None
    bid: str | None
    ask: str | None
    is_expired: bool


class RefusalTold(BaseModel):
    """An order that was refused, as its shard remembers it; ``at`` is seconds since 1970."""

    at: float
    shard: int
    number: int
    session: str | None
    account: str | None
    account_name: str | None = None
    underlying: str | None
    settlement: str | None
    rejects: list[RejectTold]


class Refusals(BaseModel):
    """The last ones of all shards, the newest first, and how many there were by policy and code."""

    total: int
    counts: list[Count]
    refusals: list[RefusalTold]


class Count(BaseModel):
    """How often a policy has rejected with a code, on all shards that answer."""

    policy: str
    code: str
    count: int


class ChangeTold(BaseModel):
    """What an operator has changed; ``account`` is null where it is everybody's."""

    at: float
    shard: int
    by: str | None
    account: str | None
    account_name: str | None = None
    what: str
    detail: str
    reason: str | None = None


class LimitChange(BaseModel):
    """What a change of limits was, as a difference of files, and who may have made it."""

    at: float
    by: list[str]
    difference: str


class ChangesTold(BaseModel):
    """The last changes, the newest first; of limits, those that the console has seen."""

    changes: list[ChangeTold]
    limits: list[LimitChange]


class BlockedTold(BaseModel):
    """An account that has a block of its own."""

    account: str
    account_name: str | None = None
    shard: int
    cause: CauseTold


class BlockedTogether(BaseModel):
    """How many accounts are blocked, and the first of each shard."""

    total: int
    accounts: list[BlockedTold]


class Decisions(BaseModel):
    """Lines of the journal, the oldest first; ``left_off`` is how many came before them."""

    lines: list[dict[str, Any]]
    left_off: int


Refusals.model_rebuild()

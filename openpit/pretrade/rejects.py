"""Rejects and account blocks: what a refused order or a blocked account carries with it.

Every reject of the package is built here, through the trusted constructors; codes and scopes are
plain strings throughout.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, final

from openpit.core.debug_text import quoted
from openpit.core.opaque import Closed, Opaque
from openpit.param.words import plain_text
from openpit.pretrade.codes import ACCOUNT, ORDER, PLAIN_CODE, RejectCode

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MISSING",
    "AccountBlock",
    "Reject",
    "block_from_reject",
    "block_row",
    "missing_field",
    "new_account_block",
    "new_reject",
    "reject_row",
]

MAX_USER_DATA = 2**64 - 1
"""The caller's token fits an unsigned 64-bit integer."""

MISSING: dict[str, str] = {
    "trade amount": "operation.trade_amount",
    "instrument": "operation.instrument",
    "account ID": "operation.account_id",
    "side": "operation.side",
    "P&L": "financial_impact.pnl",
    "remaining reserved quantity": "fill.remaining_reserved_quantity",
    "order finality": "fill.is_final",
    "balance asset": "operation.balance_asset",
}
"""Label to path of the fields that built-in policies require."""

_new = object.__new__


@final
class Reject(Opaque):
    """One policy's reason to refuse an order or an adjustment.

    ``code`` and ``scope`` are plain strings that equal the members of :class:`RejectCode` and
    :class:`RejectScope`; ``policy`` is the registered name; ``user_data`` is the policy's token.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_code", "_details", "_policy", "_reason", "_scope", "_user_data")

    _code: str
    _reason: str
    _details: str
    _policy: str
    _scope: str
    _user_data: int

    @staticmethod
    def _of(
        code: str, reason: str, details: str, policy: str, scope: str, user_data: int = 0
    ) -> Reject:
        self = _new(Reject)
        self._code = code
        self._reason = reason
        self._details = details
        self._policy = policy
        self._scope = scope
        self._user_data = user_data
        return self

    @property
    def code(self) -> str:
        """Reason class, one of :class:`RejectCode`."""
        return self._code

    @property
    def reason(self) -> str:
        """The reason in a few words."""
        return self._reason

    @property
    def details(self) -> str:
        """The figures behind the reason."""
        return self._details

    @property
    def policy(self) -> str:
        """Name of the policy that refused."""
        return self._policy

    @property
    def scope(self) -> str:
        """``"order"``, or ``"account"`` when the account is blocked as well."""
        return self._scope

    @property
    def user_data(self) -> int:
        """Token of the policy, 0 unless it set one."""
        return self._user_data

    def __repr__(self) -> str:
        return (
            f"Reject(code={quoted(self._code)}, reason={quoted(self._reason)}, "
            f"details={quoted(self._details)}, policy={quoted(self._policy)}, "
            f"scope={quoted(self._scope)}, user_data={self._user_data})"
        )


@final
class AccountBlock(Closed):
    """Why an account is blocked. Compared by identity.

    All arguments are keyword-only. ``code`` is a :class:`RejectCode` or its string; ``user_data``
    fits 64 bits without sign.

    Raises:
        ValueError: there is no such ``code``.
        OverflowError: ``user_data`` does not fit.
        TypeError: an argument is of another class.
    """

    __module__ = "openpit.pretrade"
    __slots__ = ("_code", "_details", "_policy", "_reason", "_user_data")

    def __init__(
        self, *, policy: str, code: str, reason: str, details: str, user_data: int = 0
    ) -> None:
        self._policy = plain_text(policy)
        code = plain_text(code)
        self._reason = plain_text(reason)
        self._details = plain_text(details)
        self._user_data = _token(user_data)
        self._code = plain_code(code)

    @staticmethod
    def _of(policy: str, code: str, reason: str, details: str, user_data: int = 0) -> AccountBlock:
        self = _new(AccountBlock)
        self._policy = policy
        self._code = code
        self._reason = reason
        self._details = details
        self._user_data = user_data
        return self

    @property
    def policy(self) -> str:
        """Name of the policy that asked for the block."""
        return self._policy

    @property
    def code(self) -> str:
        """Reason class, one of :class:`RejectCode`."""
        return self._code

    @property
    def reason(self) -> str:
        """The reason in a few words."""
        return self._reason

    @property
    def details(self) -> str:
        """The figures behind the reason."""
        return self._details

    @property
    def user_data(self) -> int:
        """Token of the policy, 0 unless it set one."""
        return self._user_data

    def __repr__(self) -> str:
        return (
            f"AccountBlock(code={quoted(self._code)}, policy={quoted(self._policy)}, "
            f"reason={quoted(self._reason)}, details={quoted(self._details)}, "
            f"user_data={self._user_data})"
        )


def block_from_reject(reject: Reject, *, rewrite: bool = True) -> AccountBlock:
    """Return the block that an account-scope reject makes.

    ``rewrite`` replaces the reject's code by ``AccountBlocked``.
    """
    code = RejectCode.ACCOUNT_BLOCKED.value if rewrite else reject._code
    return AccountBlock._of(
        reject._policy, code, reject._reason, reject._details, reject._user_data
    )


def first_block(rejects: Sequence[Reject]) -> AccountBlock | None:
    """Return the block of the first account-scope reject, None where there is none."""
    for reject in rejects:
        if reject._scope == ACCOUNT:
            return block_from_reject(reject)
    return None


def missing_field(label: str, policy: str, scope: str = ORDER) -> Reject:
    """Return the reject of an order or adjustment that lacks a required field.

    ``label`` is a key of :data:`MISSING`.
    """
    return Reject._of(
        RejectCode.MISSING_REQUIRED_FIELD.value,
        f"failed to access required field '{label}'",
        f"failed to access field '{MISSING[label]}'",
        policy,
        scope,
    )


def missing_field_block(label: str, policy: str) -> AccountBlock:
    """Return the block of an account whose report lacks a required field."""
    return block_from_reject(missing_field(label, policy), rewrite=False)


def plain_code(code: str) -> str:
    """Return the plain string of a code; ValueError for a text that is none."""
    plain = PLAIN_CODE.get(code)
    if plain is None:
        raise ValueError(f"unsupported reject code {quoted(code)}")
    return plain


def reject_row(reject: Reject) -> tuple[str, str, str, str, str, int]:
    """Return what a reject says, in the order in which :data:`new_reject` takes it."""
    return (
        reject._code,
        reject._reason,
        reject._details,
        reject._policy,
        reject._scope,
        reject._user_data,
    )


def block_row(block: AccountBlock) -> tuple[str, str, str, str, int]:
    """Return what a block says, in the order in which :data:`new_account_block` takes it."""
    return (block._policy, block._code, block._reason, block._details, block._user_data)


def _token(value: object) -> int:
    token = index(value)  # type: ignore[arg-type]  # index() itself raises the TypeError
    if token < 0:
        raise OverflowError("can't convert negative int to unsigned")
    if token > MAX_USER_DATA:
        raise OverflowError("int too big to convert")
    return token


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_account_block = AccountBlock._of
new_reject = Reject._of

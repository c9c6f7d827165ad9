"""Asking the policies about an execution report: all apply it, whatever one of them raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.engine.custom import CustomPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.core.report import ExecutionReport
    from openpit.engine.answers import Applied
    from openpit.engine.call import EngineCall
    from openpit.pretrade.outcomes import AccountPnlRow, GroupRow
    from openpit.pretrade.policy_contract import BuiltinPolicy, ReportEffect
    from openpit.pretrade.rejects import AccountBlock

__all__ = ["NOTHING", "merged", "tell_all"]

NOTHING: Final[Applied] = ((), (), ())


def tell_all(
    policies: Sequence[BuiltinPolicy],
    effects: list[ReportEffect | None],
    failures: list[BaseException],
    report: ExecutionReport,
    now: int,
    call: EngineCall | None,
    interrupted_at: int = -1,
) -> None:
    """Apply a report by every policy, also past ^C."""
    try:
        _tell(policies, effects, failures, report, now, call)
    except BaseException as error:  # noqa: BLE001 - the other policies still apply
        failures.append(error)
        at = len(effects)
        if at == interrupted_at:
            effects.append(None)  # interrupted twice: it cannot be done
        # A built-in policy raises nothing of its own. It was interrupted, has then changed
        # nothing, and is told again: a report is applied as a whole.
        tell_all(policies, effects, failures, report, now, call, at)


def _tell(
    policies: Sequence[BuiltinPolicy],
    effects: list[ReportEffect | None],
    failures: list[BaseException],
    report: ExecutionReport,
    now: int,
    call: EngineCall | None,
) -> None:
    """Apply a report by the policies that have no effect in the list yet."""
    for policy in policies[len(effects) :]:
        if not isinstance(policy, CustomPolicy):
            effects.append(policy.apply_report(report, now, call))
            continue
        try:
            effect = policy.apply_report(report, now, call)
        except BaseException as error:  # noqa: BLE001 - the other policies still apply
            effects.append(None)
            failures.append(error)
        else:
            effects.append(effect)


def merged(effects: Sequence[ReportEffect | None]) -> Applied:
    """Return what the policies said, one after the other."""
    if len(effects) == 1:
        effect = effects[0]
        return NOTHING if effect is None else (effect.blocks, effect.pnls, effect.rows)
    blocks: list[AccountBlock] = []
    pnls: list[AccountPnlRow] = []
    rows: list[GroupRow] = []
    for effect in effects:
        if effect is not None:
            blocks += effect.blocks
            pnls += effect.pnls
            rows += effect.rows
    return blocks, pnls, rows

"""Random scenarios, one module per area; ``AREAS`` names them all, with their share of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import (
    accounts,
    adjustments,
    configurator,
    custom,
    flow,
    locks,
    market_data,
    models,
    reference_book,
    spot_funds,
    values,
)
from generators.draw import Draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from generators.expressions import Scenario

#: Area to its generator and its share of the calls of a run, in percent.
AREAS: dict[str, tuple[Callable[[Draw], Scenario], int]] = {
    "values": (values.generate, 14),
    "models": (models.generate, 6),
    "flow": (flow.generate, 15),
    "custom": (custom.generate, 14),
    "accounts": (accounts.generate, 8),
    "spot_funds": (spot_funds.generate, 20),
    "adjustments": (adjustments.generate, 6),
    "configurator": (configurator.generate, 7),
    "market_data": (market_data.generate, 5),
    "reference_book": (reference_book.generate, 2),
    "locks": (locks.generate, 3),
}


def scenario(area: str, seed: str) -> Scenario:
    """The scenario that belongs to a seed: the same one always."""
    generate, _share = AREAS[area]
    return generate(Draw(f"{area}/{seed}"))

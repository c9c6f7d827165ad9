"""Spot funds: cover for every order, positions and PnL through the fills (spec section 9.5)."""

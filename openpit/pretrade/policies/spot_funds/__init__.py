"""Spot funds: cover for every order, positions and PnL through the fills."""

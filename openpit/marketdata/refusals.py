"""The errors of registering instruments, and of naming one that nobody has registered."""

from __future__ import annotations

from openpit.core.instrument import debug_instrument, new_instrument
from openpit.marketdata.errors import AlreadyRegistered, RegistrationError, UnknownInstrumentId
from openpit.param.ids import new_instrument_id

__all__ = ["already_registered", "taken_instrument", "taken_number", "unknown_number"]


def unknown_number(number: int) -> UnknownInstrumentId:
    """Return the error of a number that no instrument has."""
    error = UnknownInstrumentId(f"unknown instrument id: {number}")
    error.instrument_id = new_instrument_id(number)
    return error


def already_registered(underlying: str, settlement: str) -> AlreadyRegistered:
    """Return the error of an instrument that has a number, where the next free one was wanted."""
    taken = new_instrument(underlying, settlement)
    error = AlreadyRegistered(f"instrument {debug_instrument(taken)} is already registered")
    error.instrument = taken
    return error


def taken_instrument(underlying: str, settlement: str) -> RegistrationError:
    """Return the error of an instrument that has a number, where a certain one was wanted."""
    taken = new_instrument(underlying, settlement)
    error = RegistrationError(f"instrument {debug_instrument(taken)} is already registered")
    error.instrument, error.instrument_id = taken, None
    return error


def taken_number(number: int) -> RegistrationError:
    """Return the error of a number that another instrument has."""
    error = RegistrationError(f"instrument id {number} is already registered")
    error.instrument, error.instrument_id = None, new_instrument_id(number)
    return error

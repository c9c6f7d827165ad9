"""The engine of one process: pipeline, handles, accounts, configurator, builder.

It knows policies only through :mod:`openpit.pretrade.policy_contract`, reads no clock but the one
it was given, and knows nothing of processes.
"""

"""The router as a process of its own, which many programs share.

``session`` and ``switch`` are cores: bytes in, bytes out. What waits is thin and around them.
"""

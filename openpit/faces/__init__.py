"""What a caller holds of an engine in its own process, and how any engine is built.

The only room that knows engines of one process and of several; nothing below imports it.
"""

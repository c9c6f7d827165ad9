"""How a caller waits: for a thread, or for an event loop."""

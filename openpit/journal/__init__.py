"""Batches of bytes on disk, in order: logs of segments of records. Knows positions, no message."""

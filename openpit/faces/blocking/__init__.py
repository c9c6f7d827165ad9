"""The blocking face; what says the same as the asyncio one is generated from that."""

"""The asyncio face."""

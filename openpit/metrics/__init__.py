"""Metrics of an engine of several processes, for Prometheus and what reads its text (OpenMetrics).

Nothing is counted for them that an engine does not count anyway; they are collected when they are
asked for. They need the extra ``metrics``. See ``docs/operating.md``.
"""

from openpit.metrics.collecting import AsyncEngineCollector, EngineCollector, collector

__all__ = ["AsyncEngineCollector", "EngineCollector", "collector"]

"""Makes the modules of this folder importable, here and in the worker processes of tests."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

# A deadline would measure how busy the machine is, and fail where nothing is wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# A policy of a test's own goes to its shard by its module's name, which has to lead there.
sys.path.append(str(Path(__file__).parents[1]))

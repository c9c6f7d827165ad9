"""Makes the scenario language of the differential rung, and the modules here, importable."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).parent

# Worker processes get this path too: policies and subclasses of orders are found there by name.
for folder in (_HERE, _HERE.with_name("differential")):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

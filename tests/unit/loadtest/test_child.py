from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# As in an environment where this package is installed like any other. An editable installation
# would find a part that the reference does not have, whether it was put under its name or not.
PROGRAM = """
import importlib.util, sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
spec = importlib.util.spec_from_file_location("child", sys.argv[1])
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
child.graft(sys.argv[2])
import openpit.loadtest.driver
print(openpit.__file__)
"""


@pytest.mark.reference
def test_what_drives_the_reference_needs_nothing_else_of_ours() -> None:
    reference = Path(os.environ.get("OPENPIT_REFERENCE") or ROOT / "build" / "reference")
    if not (reference / "openpit").is_dir():
        pytest.skip(f"no reference library in {reference}: make reference")

    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, ROOT / "openpit/loadtest/child.py", reference],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()) == reference.resolve() / "openpit" / "__init__.py"

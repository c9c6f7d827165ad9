"""`python -m openpit` is `openpit`, for environments whose scripts are not on the path."""

from __future__ import annotations

from openpit.cli import main

if __name__ == "__main__":
    main(prog_name="openpit")

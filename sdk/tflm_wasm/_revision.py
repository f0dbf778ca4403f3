"""The git revision of a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

_GIT_S: Final = 10.0


def revision(folder: Path) -> str:
    """Return the git commit of a folder, marked when there are changes; empty without git."""
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def own_revision() -> str:
    """Return the commit of the checkout that this package runs from; empty when it is installed."""
    folder = Path(__file__).parent
    return "" if "site-packages" in folder.parts else revision(folder)

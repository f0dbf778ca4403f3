"""Settings that every test shares."""

from __future__ import annotations

from hypothesis import settings

# The same examples on every run, and a line to paste that replays a failure.
settings.register_profile("project", derandomize=True, print_blob=True, deadline=None)
settings.load_profile("project")

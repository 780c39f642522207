"""The version of PostgreSQL that `make versions` is testing; none in any other run of the tests."""

from __future__ import annotations

import os

TESTED = int(os.environ["TESTS_POSTGRES"]) if "TESTS_POSTGRES" in os.environ else None
NEWEST = TESTED or 18  # the newest version that takes part in this run

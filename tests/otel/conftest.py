"""Programs that record into the test's store."""

from tests.programs import run, start

__all__ = ["run", "start"]

"""The tests of the ClickHouse store against its engine, in an environment of its own.

    python tests/clickhouse/run.py            all of them, before a release
    python tests/clickhouse/run.py --quick    most of its own tests, and what any store does with what is appended
    python tests/clickhouse/run.py --sharded  what any store does, on two shards in one engine

Arguments that are none of its own go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.environment import make_environment  # noqa: E402

OWN = "tests/clickhouse"
# without all orders of records, each a batch and a store of its own, and without servers that are killed
QUICK = [
    OWN,
    "-m",
    "not before_a_release",
    "tests/cli/test_passwords.py",
    f"--ignore={OWN}/test_faults.py",
    "tests/store/test_append.py",
    "--deselect",
    "tests/store/test_append.py::test_every_order_of_records_comes_to_the_same",
    "--deselect",
    "tests/store/test_append.py::test_the_request_of_a_trace_does_not_depend_on_the_order_of_arrival",
]
# those of its own that take the address of the run
ON_SHARDS = [f"{OWN}/test_{name}.py" for name in ("attachments", "repetition", "sharded", "weeks")]
# what any store does (tests/engines.py); the other modules of tests/store are about SQLite's file
ON_EVERY_STORE = [
    f"tests/store/test_{name}.py"
    for name in (
        "append", "append_property", "calls_beside", "find_property", "hostile_records", "logs", "nested_usage",
        "overview", "registered", "search",
    )
]  # fmt: skip
OVER_A_SERVER = [
    "tests/cli/test_passwords.py",
    "tests/server/test_alerts.py",
    "tests/server/test_datasets.py",
    "tests/server/test_oidc.py",
    "tests/server/test_policies.py",
    "tests/server/test_projects.py",
    "tests/server/test_reviews.py",
    "tests/genai/test_reviews.py",
    "tests/cli/test_copy.py::test_a_store_of_every_kind_comes_back_from_a_server_byte_for_byte",
]


def main(arguments: list[str]) -> int:
    """Run the tests; the exit code of pytest."""
    python = make_environment(
        "clickhouse-env",
        "-e",
        ".[dev,clickhouse,s3]",
        "chdb-core>=26.9",
        "lz4",
        "moto[s3]>=5.2",
        "flask-cors",
        "zstandard",
    )
    engine, chosen = "clickhouse", QUICK if "--quick" in arguments else [OWN, *ON_EVERY_STORE, *OVER_A_SERVER]
    if "--sharded" in arguments:
        engine, chosen = "clickhouse-sharded", [*ON_SHARDS, *ON_EVERY_STORE, *OVER_A_SERVER]
    given = [argument for argument in arguments if argument not in ("--quick", "--sharded")]
    environment = {**os.environ, "TESTS_ENGINE": engine}
    return subprocess.run([python, "-m", "pytest", *chosen, *given], cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

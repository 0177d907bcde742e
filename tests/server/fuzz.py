"""Sends what the OpenAPI document allows, and much that it does not, to a server with traces: no answer is its fault.

    python tests/server/fuzz.py --max-examples 5       1,200 requests, half a minute
    python tests/server/fuzz.py                        100 examples of each operation, 3 minutes on two cores
    python tests/server/fuzz.py --max-examples 400     14,000 requests, 13 minutes

test_fuzz.py sends more in less time: 72,000 requests in 5 minutes with FUZZ_EXAMPLES=700.

schemathesis has a virtual environment of its own under build/; further arguments are its own. Answers must have the
status, media type and shape that the document says. Exits with 1 for any that have not, or that are a 5xx.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import httpx

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from tests.environment import make_environment  # noqa: E402
from tests.server.conftest import ROOT_ID, TRACE_ID, client_of  # noqa: E402
from tests.server.test_openapi import fill  # noqa: E402
from tracer.server import running_server  # noqa: E402

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
CONFIG = f"""
[parameters]
"path.trace_id" = ["{TRACE_ID}", "{"0" * 32}", "x"]
"path.span_id" = ["{ROOT_ID}", "{2:016x}", "x"]
"path.session_id" = ["s-1", "x/y"]
"""


def fill_again(url: str, done: threading.Event) -> None:
    """Put the traces back that are deleted meanwhile."""
    with client_of(url) as client:
        while not done.is_set():
            with suppress(httpx.HTTPStatusError):  # deleted between its spans and its feedback
                fill(client)
            done.wait(1)


def main() -> int:
    schemathesis = Path(make_environment("schemathesis", "schemathesis>=4")).with_name("schemathesis")
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "tracer.db") as url:
        done = threading.Event()
        filling = threading.Thread(target=fill_again, args=(f"{url}/api/v1", done))
        filling.start()
        config = Path(folder) / "schemathesis.toml"
        config.write_text(CONFIG)
        command = [
            *(schemathesis, "--config-file", config, "run", f"{url}/api/v1/openapi.json", "--checks", CHECKS),
            *("--phases", "coverage,fuzzing,stateful", "--request-timeout", "30", "--continue-on-failure"),
            *("--exclude-path", "/api/v1/events"),  # its answer does not end
            *sys.argv[1:],
        ]
        hooks = {"SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": str(Path(__file__).parent)}
        try:
            return subprocess.run(command, cwd=folder, env={**os.environ, **hooks}, check=False).returncode
        finally:
            done.set()
            filling.join()


if __name__ == "__main__":
    sys.exit(main())

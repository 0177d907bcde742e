"""The page about writing a dialect: a package that is built from it is used by a server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wheels import install_from_source

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "new-dialect.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```\w+ title="([\w.]+)"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL))
SENT = dict(re.findall(r"^\| `(acme\.[a-z_]+)` \| `(.*)` \|$", PAGE, re.MULTILINE))

pytestmark = pytest.mark.no_store

PROGRAM = """
import json, sys
import httpx
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from tracer.server import running_server

with running_server("traces.db") as url:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(url + "/v1/traces")))
    provider.get_tracer("acme").start_span("call", attributes={**json.loads(sys.argv[1]), "acme.step": "call"}).end()
    provider.shutdown()
    [trace] = httpx.get(url + "/api/v1/traces").json()["traces"]
    span = httpx.get(f"{url}/api/v1/traces/{trace['trace_id']}/spans/{trace['root_span_id']}").json()
print(span["type"], trace["request_preview"], trace["response_preview"], (span["usage"] or {}).get("total_tokens"))
"""


def ran(site: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), str(ROOT)])
    command = [sys.executable, "-c", PROGRAM, json.dumps(SENT)]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)


def test_a_package_with_the_entry_point_is_used_on_what_a_server_takes(tmp_path: Path) -> None:
    site = install_from_source(FILES, tmp_path)

    found = ran(site, tmp_path)

    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "CHAT_MODEL Capital of Peru? Lima. 11"


@pytest.mark.parametrize("target", ["no_such_module_anywhere:DIALECT", "json:dumps"])
def test_an_installed_dialect_that_is_broken_stops_nobody(target: str, tmp_path: Path) -> None:
    about = tmp_path / "broken_spans-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-spans\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[tracer.dialects]\nbroken = {target}\n")

    found = ran(tmp_path, tmp_path)

    assert found.stdout.strip() == "UNKNOWN None None None", found.stderr  # the span is there, as it came
    assert found.stderr.count("loading the dialect broken") == 1

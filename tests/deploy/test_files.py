"""The container file, the compose file and the chart say what the command line and the settings know."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
import yaml
from jsonschema import Draft7Validator

from tracer.cli.group import LazyGroup
from tracer.config import ENVIRONMENT, OTHER_VARIABLES
from tracer.server import ServerSettings, running_server

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
CHART = DEPLOY / "helm" / "tracer"
CONTAINER_FILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
STATEFUL_SET = (CHART / "templates" / "statefulset.yaml").read_text(encoding="utf-8")
KNOWN = {*ENVIRONMENT.values(), *OTHER_VARIABLES, "XDG_STATE_HOME"}
OF_PYTHON = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
OF_UVICORN = {"FORWARDED_ALLOW_IPS"}
pytestmark = pytest.mark.no_store


def instruction(name: str) -> str:
    """The last instruction of this name in the container file, on one line."""
    joined = re.sub(r"\\\n\s*", "", CONTAINER_FILE)
    return re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)[-1]


def in_chart() -> list[str]:
    """The arguments in the chart, every one that it may give."""
    found = STATEFUL_SET[STATEFUL_SET.index("          args:") : STATEFUL_SET.index("          env:")]
    plain = re.sub(r'\{\{ printf "(.+?)=%s" .+?\}\}', r"\1=1", found)
    return [re.sub(r"\{\{.*?\}\}", "1", line) for line in re.findall(r"^ +- (.+)$", plain, re.MULTILINE)]


COMMANDS = {
    "container file": json.loads(instruction("CMD")),
    "compose file": COMPOSE["services"]["tracer"]["command"],
    "chart": in_chart(),
}


@pytest.mark.parametrize("place", COMMANDS)
def test_commands_and_options_are_those_of_the_command_line(place: str) -> None:
    group = LazyGroup()
    name, *arguments = COMMANDS[place]
    with click.Context(group) as context:
        command = group.get_command(context, name)
    assert command is not None

    # options are parsed, and nothing runs; files that options name are not here
    given = [re.sub(r"=/etc/.*", f"={__file__}", argument) for argument in arguments]
    parsed = command.make_context(name, given)

    assert parsed.params["host"] == "0.0.0.0"
    assert parsed.params["port"] == 5000


def test_environment_variables_are_ones_that_are_read() -> None:
    image = set(re.findall(r"(\w+)=", instruction("ENV").replace("sqlite:////data/traces.db", "")))
    compose = set(COMPOSE["services"]["tracer"]["environment"])
    chart = set(re.findall(r"- name: ([A-Z_]+)$", STATEFUL_SET, re.MULTILINE))

    assert image - OF_PYTHON <= KNOWN
    assert compose == {"TRACER_TOKEN", "TRACER_STORE"} <= KNOWN
    assert chart == {*compose, "TRACER_OIDC_SECRET", *OF_UVICORN} <= {*KNOWN, *OF_UVICORN}


def test_the_image_is_made_of_what_is_there_and_runs_as_nobody_special() -> None:
    copied = [name for line in re.findall(r"^COPY (?!--)(.+)$", CONTAINER_FILE, re.MULTILINE) for name in line.split()]

    assert [name for name in copied if name != "./" and not (ROOT / name).exists()] == []
    assert instruction("USER") == "10001:10001"
    assert "runAsUser: 10001" in STATEFUL_SET
    extras = re.search(r"'\.\[(.+?)\]'", CONTAINER_FILE)
    assert extras is not None
    assert all(f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text("utf-8") for extra in extras.group(1).split(","))


def test_the_health_check_fails_where_no_server_answers(tmp_path: Path) -> None:
    _, _, code = json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])

    def exit_code(port: int) -> int:
        checked = code.replace("5000", str(port))
        return subprocess.run([sys.executable, "-c", checked], capture_output=True, check=False).returncode

    with running_server(tmp_path / "traces.db", ServerSettings(port=0)) as url:
        port = int(url.rpartition(":")[2])
        assert exit_code(port) == 0
    assert exit_code(port) != 0


def test_containers_have_a_file_system_to_read_and_no_privileges() -> None:
    service = COMPOSE["services"]["tracer"]
    places = {volume.partition(":")[2] for volume in service["volumes"]}

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert places | set(service["tmpfs"]) == {"/data", "/tmp"}
    for line in ("readOnlyRootFilesystem: true", "allowPrivilegeEscalation: false", "runAsNonRoot: true"):
        assert line in STATEFUL_SET


def test_the_names_by_which_services_call_the_server_are_allowed() -> None:
    assert "--allow-host=tracer" in COMMANDS["compose file"]
    assert "--allow-host={{ $name }}.{{ .Release.Namespace }}.svc" in STATEFUL_SET


def test_containers_have_longer_to_end_than_the_server_takes() -> None:
    assert COMPOSE["services"]["tracer"]["stop_grace_period"] == "30s"
    assert "terminationGracePeriodSeconds: {{ add .Values.drainSeconds 30 }}" in STATEFUL_SET


def test_what_clickhouse_writes_of_itself_is_bounded() -> None:
    mounted = next(volume for volume in COMPOSE["services"]["clickhouse"]["volumes"] if volume.startswith("./"))
    file = DEPLOY / mounted.partition(":")[0]
    logs = [table for table in ElementTree.parse(file).getroot() if table.tag != "logger"]

    assert {"query_log", "trace_log", "text_log", "metric_log"} <= {table.tag for table in logs}
    assert [table.tag for table in logs if table.get("remove") != "1" and "INTERVAL" not in _ttl(table)] == []


def _ttl(table: ElementTree.Element) -> str:
    return table.findtext("ttl") or ""


def leaves(value: object, place: str = "") -> Iterator[str]:
    """The names of values, with dots."""
    if isinstance(value, dict) and value and place not in ("resources",):
        for key, inner in value.items():
            yield from leaves(inner, f"{place}.{key}".lstrip("."))
    else:
        yield place


def test_the_values_of_the_chart_fit_its_schema_and_each_is_used() -> None:
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    templates = "".join(file.read_text(encoding="utf-8") for file in (CHART / "templates").iterdir())
    used = set(re.findall(r"\.Values\.([\w.]+)", templates))

    Draft7Validator.check_schema(schema)
    assert [error.message for error in Draft7Validator(schema).iter_errors(values)] == []
    assert used == set(leaves(values))
    assert set(values) == set(schema["properties"]) - {"global"}


def test_a_server_runs_with_what_the_image_gives_it(tmp_path: Path) -> None:
    """The image's variables and command, with another folder in the place of /data and no home."""
    text = instruction("ENV").replace("/data", str(tmp_path))
    variables = dict(re.findall(r"((?:TRACER|XDG|PYTHON)\w+)=(\S+)", text))
    command = [
        "127.0.0.1" if word == "0.0.0.0" else "0" if word == "5000" else word for word in COMMANDS["container file"]
    ]
    environment = {**variables, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", "PATH": os.environ["PATH"]}
    process = subprocess.Popen(
        [sys.executable, "-m", "tracer", *command], stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    with process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.terminate()

    assert json.loads(first)["message"].startswith(f"tracer serves {tmp_path}/traces.db at http://127.0.0.1:")
    assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(("traces.db", "state"))] == []

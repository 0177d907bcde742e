"""The chart, rendered by Helm's own engine, gives what Kubernetes takes; the container file passes hadolint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("helm_python", reason="tests/run.py makes an environment with it")
validate = pytest.importorskip("kubernetes_validate", reason="tests/run.py makes an environment with it").validate

DEPLOY = Path(__file__).resolve().parents[2] / "docs" / "deploy"
SECRETS = {"token": {"existingSecret": "tracer-token"}}
EVERYTHING = {
    **SECRETS,
    "replicas": 3,
    "store": {"existingSecret": "tracer-store"},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "host": "traces.example.org",
        "tlsSecret": "tls",
        "annotations": {"nginx.ingress.kubernetes.io/affinity": "cookie"},
    },
    "persistence": {"enabled": True, "storageClass": "fast", "size": "1Gi"},
    "serviceMonitor": {"enabled": True},
    "logRequests": True,
    "allowHosts": ["tracer.example.org"],
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}
OIDC = {
    "issuer": "https://login.example.org",
    "client": "tracer: #1",
    "existingSecret": "login",
    "roles": ["admin:default=ann@shop.example", 'read:shop=groups="ml" team'],
}
KINDS_OF_OTHERS = ("ServiceMonitor",)  # of the Prometheus Operator
# in a process of its own: the engine brings Go's runtime along
RENDER = (
    "import helm_python, json, sys\n"
    "with helm_python.Chart.load(sys.argv[1]) as chart:\n"
    "    try:\n"
    "        print(json.dumps(chart.render(json.loads(sys.argv[2]), name='demo', namespace='prod')))\n"
    "    except Exception as error:\n"
    "        sys.exit(str(error))\n"
)
pytestmark = pytest.mark.no_store


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """What Helm makes of the chart with these values. Raises ValueError with what it says."""
    command = [sys.executable, "-c", RENDER, str(DEPLOY / "helm" / "tracer"), json.dumps(values)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise ValueError(ran.stderr)
    texts = json.loads(ran.stdout).values()
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (SECRETS, {"StatefulSet", "Service"}),
        ({**SECRETS, "persistence": {"enabled": False}}, {"StatefulSet", "Service"}),
        ({**SECRETS, "alerts": "[[rule]]\n", "alertsSecret": "slack"}, {"StatefulSet", "Service", "ConfigMap"}),
        (EVERYTHING, {"StatefulSet", "Service", "Ingress", "ServiceMonitor"}),
        ({**EVERYTHING, "alerts": "[[rule]]\n"}, {"StatefulSet", "Service", "Ingress", "ServiceMonitor", "ConfigMap"}),
        ({"projects": True}, {"StatefulSet", "Service"}),
        ({"projects": True, "oidc": OIDC, "forwardedAllowIps": ["10.0.0.0/8"]}, {"StatefulSet", "Service"}),
    ],
)
def test_what_helm_makes_of_the_chart_is_what_kubernetes_takes(values: dict[str, Any], kinds: set[str]) -> None:
    found = rendered(values)

    assert {each["kind"] for each in found} == kinds
    for each in found:
        if each["kind"] not in KINDS_OF_OTHERS:
            validate(each, "1.37", strict=True)


@pytest.mark.parametrize(
    ("values", "variables"),
    [
        ({"projects": True}, {"TRACER_STORE": "/data/projects/"}),
        ({"projects": True, "store": {"existingSecret": "db"}}, {"TRACER_STORE": "db/url"}),
        (SECRETS, {"TRACER_TOKEN": "tracer-token/token"}),
    ],
)
def test_a_server_of_projects_has_no_token_and_says_so(values: dict[str, Any], variables: dict[str, str]) -> None:
    [server] = [each for each in rendered(values) if each["kind"] == "StatefulSet"]
    [container] = server["spec"]["template"]["spec"]["containers"]

    def value(each: dict[str, Any]) -> str:
        secret = each.get("valueFrom", {}).get("secretKeyRef", {})
        return str(each.get("value") or f"{secret['name']}/{secret['key']}")

    assert {each["name"]: value(each) for each in container.get("env") or ()} == variables
    assert ("--projects" in container["args"]) == bool(values.get("projects"))


def test_people_sign_in_where_the_values_say() -> None:
    values = {"projects": True, "oidc": OIDC, "forwardedAllowIps": ["10.0.0.5", "fd00::/8"]}
    [server] = [each for each in rendered(values) if each["kind"] == "StatefulSet"]
    [container] = server["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each for each in container["env"]}

    assert [each for each in container["args"] if each.startswith("--oidc")] == [
        "--oidc-issuer=https://login.example.org",
        "--oidc-client=tracer: #1",
        "--oidc-role=admin:default=ann@shop.example",
        '--oidc-role=read:shop=groups="ml" team',
    ]
    assert variables["TRACER_OIDC_SECRET"]["valueFrom"]["secretKeyRef"] == {"name": "login", "key": "secret"}
    assert variables["FORWARDED_ALLOW_IPS"]["value"] == "10.0.0.5,fd00::/8"


def test_prometheus_asks_a_server_of_projects_with_a_key_of_its_own() -> None:
    monitor = {"enabled": True, "existingSecret": "prometheus"}
    [found] = [each for each in rendered({"projects": True, "serviceMonitor": monitor}) if "Monitor" in each["kind"]]

    assert found["spec"]["endpoints"][0]["authorization"]["credentials"] == {"name": "prometheus", "key": "token"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "token.existingSecret: the server is reached by others"),
        ({**SECRETS, "replicas": 2}, "replicas: several servers need one store"),
        (
            {"projects": True, "serviceMonitor": {"enabled": True}},
            "serviceMonitor.existingSecret: a server of",
        ),
        ({**SECRETS, "oidc": OIDC}, "oidc.issuer: people sign in to a server of projects"),
        ({"projects": True, "oidc": {**OIDC, "roles": []}}, "oidc: oidc.client is the id that the provider gave"),
        ({"projects": True, "oidc": {**OIDC, "issuer": ""}}, "oidc.issuer: the URL of the provider is missing"),
        ({**SECRETS, "forwardedAllowIps": ["a b"]}, "forwardedAllowIps"),
        ({**SECRETS, "replica": 2}, "additional properties 'replica' not allowed"),
    ],
)
def test_values_that_cannot_work_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rendered(values)


def test_the_compose_file_is_one() -> None:
    compose = pytest.importorskip("compose_spec", reason="tests/run.py makes an environment with it").PyCompose

    found = compose.from_yaml((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))

    found.validate()
    assert sorted(found.service_names()) == ["clickhouse", "tracer"]


def test_the_container_file_passes_hadolint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not here: tests/run.py makes an environment with it")

    ran = subprocess.run([hadolint, DEPLOY / "Containerfile"], capture_output=True, text=True, check=False)

    assert (ran.stdout, ran.returncode) == ("", 0)

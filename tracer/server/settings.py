"""Settings of a server: its address, its token, its limits."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from tracer.errors import InvalidArgumentError
from tracer.server.oidc.rules import Oidc
from tracer.server.trying.servers import named_server

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5000
_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class ServerSettings:
    """All settings; sizes in bytes, times in seconds.

    ``token`` is needed on every address but a loopback one; a server of ``projects`` has keys instead.
    ``allowed_hosts`` are the names, beside IP addresses and those of this machine's loopback, under which browsers and
    programs may call the server.

    ``try_again`` lets the page make calls of models, at most ``try_limit`` an hour: to known providers whose key is in
    the environment, and to ``try_endpoints``, each a URL or ``URL=VARIABLE`` with the variable that holds its key.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    max_body_bytes: int = 64 << 20  # also after decompression
    max_model_bytes: int = 8 << 30  # all files of a logged model
    receive_seconds: float = 30.0  # for a client to send a request
    query_seconds: float = 30.0
    query_work_seconds: float = 4.0  # of the processor; the rest of a request may have one more
    heartbeat_timeout_seconds: float = 180.0  # after which a process counts as dead; the interval is 30
    try_again: bool = False
    try_endpoints: tuple[str, ...] = ()
    try_limit: int = 200
    alerts: str | None = None  # a file of rules
    log_requests: bool = False  # one line for each request
    drain_seconds: float = 0.0  # for which requests are served after SIGTERM, while /ready answers 503
    projects: bool = False
    oidc: Oidc | None = None

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < _SHORTEST_TOKEN or not self.token.isascii()):
            raise InvalidArgumentError(
                f"token: got {len(self.token)} characters, expected at least {_SHORTEST_TOKEN} of ASCII; "
                'python -c "import secrets; print(secrets.token_urlsafe())" makes one'
            )
        if self.oidc is not None and not self.projects:
            raise InvalidArgumentError("oidc: people sign in to a server of projects; --store FOLDER/ makes one")
        if self.token is not None and self.projects:
            raise InvalidArgumentError("token: a server of projects has keys instead; `tracer keys create` makes them")
        if self.token is None and not self.projects and not is_loopback(self.host):
            raise InvalidArgumentError(
                f"host: got {self.host!r}, which others can reach; give a token as well, or listen on 127.0.0.1"
            )
        for endpoint in self.try_endpoints:
            named_server(endpoint)


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

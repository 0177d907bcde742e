"""Refuses connections to other machines while a test is replayed."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def only_loopback() -> Iterator[list[str]]:
    """Refuse connections and names outside of this machine; gives the addresses that were refused."""
    refused: list[str] = []
    kept = {name: vars(socket.socket).get(name) for name in ("connect", "connect_ex")}
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: object) -> None:
        if not _is_local(host):
            refused.append(str(host))
            raise ConnectionRefusedError(
                f"{host!r} is outside of this machine, and the test is replayed: record it with --tracer-record=all"
            )

    def checked_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        return connect_ex(self, address)

    def checked_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host.decode() if isinstance(host, bytes) else host)
        return getaddrinfo(host, *args, **kwargs)

    setattr(socket.socket, "connect", checked_connect)
    setattr(socket.socket, "connect_ex", checked_connect_ex)
    setattr(socket, "getaddrinfo", checked_getaddrinfo)
    try:
        yield refused
    finally:
        setattr(socket, "getaddrinfo", getaddrinfo)
        for name, method in kept.items():
            if method is None:
                delattr(socket.socket, name)
            else:
                setattr(socket.socket, name, method)


def _is_local(host: object) -> bool:
    if host is None or host in ("", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return str(host).endswith(".localhost")
    return address.is_loopback or address.is_unspecified

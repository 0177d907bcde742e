"""The socket that the server listens on."""

from __future__ import annotations

import socket

import pytest

from tracer.server import ServerSettings
from tracer.server.serve import listen

pytestmark = pytest.mark.no_store


def test_a_response_is_not_delayed_by_nagles_algorithm() -> None:
    with listen(ServerSettings(port=0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

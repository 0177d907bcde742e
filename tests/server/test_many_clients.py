"""The run of many clients (many_clients.py) in its small form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.many_clients import run

pytestmark = pytest.mark.no_store


def test_what_many_clients_send_at_once_is_all_there_once_and_none_is_sent_away(tmp_path: Path) -> None:
    sent = run(f"sqlite:///{tmp_path}/traces.db", clients=60, seconds=0.1, least=2)

    assert sent.traces >= 120
    assert sent.refused == 0

"""A local WebSocket server with scripted messages: those sent at once, and those sent as answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

Answer = Callable[[dict[str, Any]], list[Any]]
BREAK = object()  # the connection ends here, without a goodbye
GOODBYE = object()  # the connection ends here as it should


class SocketServer:
    """Runs on loopback until it is closed; every connection is played the same script."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.greeting: list[Any] = []
        self.answer: Answer = lambda message: []
        self._server = serve(self._play, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def will(self, *greeting: Any, answer: Answer | None = None) -> None:
        """Script the messages that are sent at once, and those sent after each message of the client."""
        self.greeting = list(greeting)
        self.answer = answer or (lambda message: [])

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(60)

    def _play(self, connection: ServerConnection) -> None:
        self.paths.append(connection.request.path if connection.request else "")
        try:
            self._say(connection, self.greeting)
            for received in connection:
                message = json.loads(received)
                self.heard.append(message)
                self._say(connection, self.answer(message))
        except ConnectionClosed:
            pass

    def _say(self, connection: ServerConnection, messages: list[Any]) -> None:
        for message in messages:
            if message is GOODBYE:
                connection.close()
            elif message is BREAK:
                connection.socket.shutdown(2)
            else:
                connection.send(json.dumps(message) if isinstance(message, dict) else message)

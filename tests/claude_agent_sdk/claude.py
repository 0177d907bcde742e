"""A stand-in for the Claude Code program: it speaks its stream-json protocol, and says what a test scripted.

Run by the SDK with the script, a JSON file, named in the environment; each step of the script is an object:

    {"say": message}              writes a message
    {"wait": "user"}              waits for the next prompt; any other word is the subtype of a request of the SDK's
    {"ask": request}              sends a request of its own, and waits for the SDK's answer
    {"until": path}               waits until a file is there
    {"exit": code}                ends; so does the end of the script, once the SDK has closed the input
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATIENCE = 60.0


class Claude:
    """One run of the program."""

    def __init__(self, script: list[dict[str, Any]], log: Path) -> None:
        self.script = script
        self.log = log
        self.heard: list[dict[str, Any]] = []
        self.asked = 0

    def run(self) -> int:
        for step in self.script:
            if "say" in step:
                self.write(step["say"])
            elif "wait" in step:
                self.wait_for(step["wait"])
            elif "ask" in step:
                self.ask(step["ask"])
            elif "until" in step:
                self.wait_until(Path(step["until"]))
            elif "exit" in step:
                sys.stderr.write("something went wrong\n")
                return int(step["exit"])
        for _ in self.lines():
            pass
        return 0

    def write(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def lines(self) -> Iterator[dict[str, Any]]:
        """What the SDK writes; its requests are answered."""
        for line in sys.stdin:
            message = json.loads(line)
            with self.log.open("a") as log:
                log.write(line)
            if message["type"] == "control_request":
                answer = {"subtype": "success", "request_id": message["request_id"], "response": {}}
                self.write({"type": "control_response", "response": answer})
            yield message

    def wait_for(self, word: str) -> None:
        def is_meant(message: dict[str, Any]) -> bool:
            return word in (message["type"], message.get("request", {}).get("subtype"))

        for early in self.heard:
            if is_meant(early):
                self.heard.remove(early)
                return
        for message in self.lines():
            if is_meant(message):
                return
            self.heard.append(message)

    def ask(self, request: dict[str, Any]) -> None:
        self.asked += 1
        request_id = f"cli_{self.asked}"
        self.write({"type": "control_request", "request_id": request_id, "request": request})
        for message in self.lines():
            if message["type"] == "control_response" and message["response"]["request_id"] == request_id:
                return
            self.heard.append(message)

    def wait_until(self, path: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)


def main() -> int:
    if "-v" in sys.argv or "--version" in sys.argv:
        sys.stdout.write("2.1.300 (Claude Code)\n")
        return 0
    script = Path(os.environ["CLAUDE_SCRIPT"])
    return Claude(json.loads(script.read_text()), script.with_suffix(".log")).run()


if __name__ == "__main__":
    sys.exit(main())

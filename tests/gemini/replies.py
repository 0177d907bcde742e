"""Small replies in Google's formats, made for these tests."""

from __future__ import annotations

from typing import Any

QUESTION = "What is the capital of Peru?"
USAGE = {
    "promptTokenCount": 14,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 4,
    "totalTokenCount": 23,
    "cachedContentTokenCount": 6,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 14}],
}
ENVELOPE = {"usageMetadata": USAGE, "modelVersion": "gemini-test-2026", "responseId": "resp-1"}
CALL = {"functionCall": {"name": "weather", "args": {"city": "Lima"}}}


def candidate(*parts: dict[str, Any], finish: str | None = "STOP", index: int = 0) -> dict[str, Any]:
    found = {"content": {"role": "model", "parts": list(parts)}, "index": index}
    return {**found, "finishReason": finish} if finish else found


def content(*parts: dict[str, Any], finish: str | None = "STOP") -> dict[str, Any]:
    """A reply; without parts, one with the text "Lima."."""
    return {"candidates": [candidate(*(parts or ({"text": "Lima."},)), finish=finish)], **ENVELOPE}


def lima() -> list[dict[str, Any]]:
    """The chunks of "Lima."."""
    return [content({"text": "Li"}, finish=None), content({"text": "ma"}, finish=None), content({"text": "."})]


def failure(code: int = 503, status: str = "UNAVAILABLE", text: str = "Overloaded.") -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": text}}

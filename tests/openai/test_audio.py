"""Speech, transcriptions and translations: plain and streamed, in every form of reply."""

from __future__ import annotations

import base64
import inspect
import threading
from typing import Any

import openai
import pytest

from tests.openai.server import Scripted, Server, reply, sse

MP3 = b"ID3\x04" + bytes(range(256)) * 4
FILE = ("hello.wav", b"RIFF\x00\x00\x00\x00WAVE", "audio/wav")


def takes(resource: type, parameter: str) -> Any:
    return pytest.mark.skipif(
        parameter not in inspect.signature(resource.create).parameters,  # type: ignore[attr-defined]
        reason=f"this version of the SDK has no {parameter} here",
    )


def test_speech_is_an_attachment(server: Server, call: Any, stored: Any) -> None:
    server.will(reply(MP3, content_type="audio/mpeg"))

    result = call("audio.speech.create", model="speak", voice="alloy", input="Hello", speed=1.5)

    span = stored.span
    assert result.content == MP3
    assert (span.name, span.span_type) == ("text_to_speech speak", "LLM")
    assert stored.input == [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
    [part] = stored.output[0]["parts"]
    assert (part["type"], part["modality"], part["mime_type"]) == ("blob", "audio", "audio/mpeg")
    assert stored.attachment(part["content"]) == ("audio/mpeg", MP3)
    assert span.outputs == {"bytes": len(MP3), "content_type": "audio/mpeg", "content": part["content"]}
    assert span.inputs == {"model": "speak", "voice": "alloy", "input": "Hello", "speed": 1.5}
    assert span.attributes["gen_ai.output.type"] == "speech"


@takes(openai.resources.audio.Speech, "instructions")
def test_instructions_for_a_voice_are_system_instructions(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(MP3, content_type="audio/mpeg"))

    client.audio.speech.create(model="speak", voice="alloy", input="Hello", instructions="Whisper.")

    assert stored.json("gen_ai.system_instructions") == [{"type": "text", "content": "Whisper."}]


def test_speech_of_an_unnamed_type_is_known_by_its_first_bytes(
    server: Server, client: openai.OpenAI, stored: Any
) -> None:
    server.will(reply(MP3, content_type="application/octet-stream"))

    client.audio.speech.create(model="speak", voice="alloy", input="Hello")

    assert stored.output[0]["parts"][0]["mime_type"] == "audio/mpeg"


def test_speech_of_an_unknown_type_has_its_size(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply(bytes(range(128, 256)) * 10, content_type="application/octet-stream"))

    client.audio.speech.create(model="speak", voice="alloy", input="Hello", response_format="pcm")

    assert stored.span.outputs == {"bytes": 1280, "content_type": "application/octet-stream"}
    assert stored.output[0]["parts"][0]["bytes"] == 1280


def test_a_streaming_download_is_not_held_back(server: Server, client: openai.OpenAI, stored: Any) -> None:
    held = threading.Event()
    server.will(Scripted([b"\xff\xf3" * 10, held, b"\xff\xf3" * 20], content_type="audio/mpeg", is_stream=True))

    arrived = []
    with client.audio.speech.with_streaming_response.create(model="speak", voice="alloy", input="Hello") as body:
        for piece in body.iter_bytes():
            arrived.append(len(piece))
            held.set()  # only after the first piece has come does the server send the second

    assert (arrived[0], sum(arrived)) == (20, 60)
    assert stored.span.outputs == {"bytes": 60, "content_type": "audio/mpeg"}
    assert stored.output[0]["parts"] == [{"type": "blob", "modality": "audio", "mime_type": "audio/mpeg", "bytes": 60}]


@pytest.mark.filterwarnings("error")
def test_an_async_streaming_download(server: Server, run: Any, stored: Any, tmp_path: Any) -> None:
    server.will(reply(MP3, content_type="audio/mpeg"))

    async def scenario(client: Any) -> None:
        create = client.audio.speech.with_streaming_response.create
        async with create(model="speak", voice="alloy", input="Hello") as body:
            await body.stream_to_file(tmp_path / "hello.mp3")

    run(scenario)

    assert (tmp_path / "hello.mp3").read_bytes() == MP3
    assert stored.span.outputs == {"bytes": len(MP3), "content_type": "audio/mpeg"}


SPOKEN = [
    {"type": "speech.audio.delta", "audio": base64.b64encode(MP3[:600]).decode()},
    {"type": "speech.audio.delta", "audio": base64.b64encode(MP3[600:]).decode()},
    {"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 40, "total_tokens": 43}},
]


@takes(openai.resources.audio.Speech, "stream_format")
@pytest.mark.parametrize("read", ["at once", "by lines"])
def test_speech_in_events(read: str, server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(sse(*SPOKEN, done=False))
    asked: Any = {"model": "speak", "voice": "alloy", "input": "Hello", "stream_format": "sse"}

    if read == "at once":
        client.audio.speech.create(**asked)
    else:
        with client.audio.speech.with_streaming_response.create(**asked) as body:
            for _ in body.iter_lines():
                pass

    span = stored.span
    assert stored.attachment(stored.output[0]["parts"][0]["content"]) == ("audio/mpeg", MP3)
    assert span.outputs["bytes"] == len(MP3)
    assert span.token_usage == {"input_tokens": 3, "output_tokens": 40, "total_tokens": 43}
    assert SPOKEN[0]["audio"][:100] not in str(span.events)
    assert "tracer.incomplete" not in span.attributes


def test_a_transcription(server: Server, call: Any, stored: Any) -> None:
    usage = {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"audio_tokens": 14, "text_tokens": 0},
        "output_tokens": 5,
        "total_tokens": 19,
    }
    server.will(reply({"text": "Hello.", "usage": usage}))

    call("audio.transcriptions.create", model="listen", file=FILE, prompt="A greeting", language="en")

    span = stored.span
    assert (span.name, span.span_type) == ("speech_to_text listen", "LLM")
    assert stored.input == [
        {
            "role": "user",
            "parts": [
                {
                    "type": "file",
                    "modality": "audio",
                    "mime_type": "audio/wav",
                    "filename": "hello.wav",
                    "bytes": len(FILE[1]),
                },
                {"type": "text", "content": "A greeting"},
            ],
        }
    ]
    assert stored.output == [{"role": "assistant", "parts": [{"type": "text", "content": "Hello."}]}]
    assert span.inputs["language"] == "en"
    assert span.token_usage == {
        "input_tokens": 14,
        "output_tokens": 5,
        "total_tokens": 19,
        "audio_input_tokens": 14,
    }


def test_usage_of_a_transcription_in_seconds(server: Server, client: openai.OpenAI, stored: Any) -> None:
    server.will(reply({"text": "Hello.", "duration": 2.5, "usage": {"type": "duration", "seconds": 3}}))

    client.audio.transcriptions.create(model="listen", file=FILE, response_format="verbose_json")

    assert stored.span.attributes["tracer.usage.input_audio_seconds"] == 3
    assert stored.span.token_usage is None


@pytest.mark.parametrize("text", ["Hello.\n", "1\n00:00:00,000 --> 00:00:01,000\nHello.\n"])
def test_a_transcription_as_text_or_subtitles(text: str, server: Server, call: Any, stored: Any) -> None:
    server.will(reply(text.encode(), content_type="text/plain; charset=utf-8"))

    result = call("audio.transcriptions.create", model="listen", file=FILE, response_format="srt")

    assert (result, stored.span.outputs) == (text, text)
    assert stored.output[0]["parts"] == [{"type": "text", "content": text}]


@takes(openai.resources.audio.Transcriptions, "stream")
def test_a_streamed_transcription(server: Server, call: Any, stored: Any) -> None:
    server.will(
        sse(
            {"type": "transcript.text.delta", "delta": "Hel", "logprobs": [{"token": "Hel", "logprob": -0.1}]},
            {"type": "transcript.text.delta", "delta": "lo."},
            {"type": "transcript.text.done", "text": "Hello.", "usage": {"input_tokens": 14, "output_tokens": 2}},
            done=False,
        )
    )

    events = call("audio.transcriptions.create", model="listen", file=FILE, stream=True)

    span = stored.span
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert span.outputs == {
        "text": "Hello.",
        "logprobs": [{"token": "Hel", "logprob": -0.1}],
        "usage": {"input_tokens": 14, "output_tokens": 2},
    }
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Hello."}]
    assert span.token_usage == {"input_tokens": 14, "output_tokens": 2, "total_tokens": 16}
    assert span.attributes["tracer.stream.chunks"] == 3


@takes(openai.resources.audio.Transcriptions, "stream")
def test_a_streamed_transcription_that_is_closed_early(server: Server, client: openai.OpenAI, stored: Any) -> None:
    segment = {"type": "transcript.text.segment", "id": "s1", "speaker": "A", "text": "Hello. ", "start": 0, "end": 1}
    server.will(sse(segment, {**segment, "text": "Hi.", "speaker": "B"}, done=False))

    with client.audio.transcriptions.create(model="listen", file=FILE, stream=True) as stream:
        for _ in stream:
            break

    assert stored.span.attributes["tracer.incomplete"] == "closed"
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Hello. "}]
    assert stored.span.outputs["segments"][0]["speaker"] == "A"


@pytest.mark.filterwarnings("ignore:deprecated")
def test_a_translation(server: Server, call: Any, stored: Any) -> None:
    server.will(reply({"text": "Hello."}))

    call("audio.translations.create", model="listen", file=FILE)

    assert stored.span.name == "speech_to_text listen"
    assert stored.output[0]["parts"] == [{"type": "text", "content": "Hello."}]
    assert len(server.asked) == len(stored.spans)

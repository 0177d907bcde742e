"""However a stream ends, its span ends exactly once and with what had arrived: for every provider the same.

A provider's tests inherit `StreamEnds` and bring the fixtures ``server``, ``stored``, ``run(scenario)``, which runs
``scenario(open_stream)`` in a loop, and ``open_stream()``. Their server says "Lima." in pieces, "Li" first; ``held``
makes it hold back what follows, ``broken`` breaks the connection there.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

import tracer
from tests.waiting import PATIENCE


class StreamEnds:
    """The ends of a stream."""

    def test_read_to_the_end(self, whole: Any, open_stream: Any, stored: Any) -> None:
        list(open_stream())

        assert stored.ending == ("UNSET", None, "Lima.")

    def test_left_and_let_go(self, held: Any, open_stream: Any, stored: Any) -> None:
        stream = open_stream()
        for chunk in stream:
            if self.has_text(chunk):
                break
        assert stored.spans == []

        del stream, chunk
        gc.collect()

        assert stored.ending in [("UNSET", "dropped", "Li"), ("UNSET", "closed", "Li")]

    def test_closed(self, held: Any, open_stream: Any, stored: Any) -> None:
        stream = open_stream()
        for chunk in stream:
            if self.has_text(chunk):
                break
        assert stored.spans == []

        self.close(stream)

        assert stored.ending == ("UNSET", self.why_closed, "Li")

    def test_never_read(self, held: Any, open_stream: Any, server: Any, stored: Any) -> None:
        open_stream()
        gc.collect()

        assert len(stored.spans) == len(server.asked)
        assert all(span.attributes["tracer.incomplete"] == "dropped" for span in stored.spans)

    def test_the_users_own_exception_is_not_the_calls(self, held: Any, open_stream: Any, stored: Any) -> None:
        def read() -> None:
            for chunk in open_stream():
                if self.has_text(chunk):
                    raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            read()
        gc.collect()

        assert stored.span.status == "UNSET"
        assert stored.text == "Li"

    def test_a_connection_that_breaks(self, broken: Any, open_stream: Any, stored: Any) -> None:
        with pytest.raises(self.broken_errors):
            list(open_stream())

        assert stored.ending == ("ERROR", None, "Li")

    def test_read_in_another_thread(self, whole: Any, open_stream: Any, stored: Any) -> None:
        reader = threading.Thread(target=list, args=(open_stream(),))
        reader.start()
        reader.join(PATIENCE)

        assert stored.ending == ("UNSET", None, "Lima.")

    def test_nothing_is_current_while_the_user_reads(self, whole: Any, open_stream: Any, stored: Any) -> None:
        with tracer.start_span("outer") as outer:
            for _ in open_stream():
                assert tracer.get_current_active_span() is outer

        assert len(stored.spans) == 2

    # ---- asynchronous ----

    def test_async_read_to_the_end(self, whole: Any, run: Any, stored: Any) -> None:
        async def scenario(open_stream: Any) -> None:
            async for _ in await open_stream():
                pass

        run(scenario)

        assert stored.ending == ("UNSET", None, "Lima.")

    def test_async_left_and_let_go(self, held: Any, run: Any, stored: Any) -> None:
        async def scenario(open_stream: Any) -> None:
            stream = await open_stream()
            async for chunk in stream:
                if self.has_text(chunk):
                    break
            del stream, chunk
            for _ in range(3):
                gc.collect()
                await asyncio.sleep(0)  # the loop closes what was let go

        run(scenario)
        gc.collect()

        assert stored.ending in [("UNSET", "dropped", "Li"), ("UNSET", "closed", "Li")]

    def test_async_cancelled(self, held: Any, run: Any, stored: Any) -> None:
        async def scenario(open_stream: Any) -> None:
            stream = await open_stream()
            async for chunk in stream:
                if self.has_text(chunk):
                    break
            with pytest.raises(asyncio.TimeoutError):
                while True:  # whatever else the first piece brought
                    await asyncio.wait_for(stream.__anext__(), 0.1)

        run(scenario)

        assert stored.ending == ("UNSET", "cancelled", "Li")

    def test_async_connection_that_breaks(self, broken: Any, run: Any, stored: Any) -> None:
        async def scenario(open_stream: Any) -> None:
            with pytest.raises(self.broken_errors):
                async for _ in await open_stream():
                    pass

        run(scenario)

        assert stored.ending == ("ERROR", None, "Li")

    def test_many_at_once(self, whole: Any, run: Any, stored: Any, server: Any) -> None:
        async def scenario(open_stream: Any) -> None:
            async def one() -> None:
                async for _ in await open_stream():
                    pass

            await asyncio.gather(*[one() for _ in range(10)])

        run(scenario)

        assert len(stored.spans) == len(server.asked) == 10
        assert {span.attributes.get("tracer.incomplete") for span in stored.spans} == {None}

    # ---- differences between providers ----

    broken_errors: type[BaseException] | tuple[type[BaseException], ...] = Exception
    why_closed = "closed"  # or dropped, where the SDK's own generator wraps the watched one

    def has_text(self, chunk: Any) -> bool:
        """Whether this chunk, as the user sees it, brings the first piece of text."""
        raise NotImplementedError

    def close(self, stream: Any) -> None:
        """Close a stream that is not read further."""
        stream.close()

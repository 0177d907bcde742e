"""Values as text for a terminal: durations, money, counts, times, and recorded text made safe."""

from __future__ import annotations

import re
from datetime import datetime

from rich.cells import cell_len, set_cell_size

# control characters that a terminal obeys: C0 without tab and newline, DEL, C1, and marks that reorder text
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NS = {"µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000, "h": 3_600_000_000_000}


def clean(text: object) -> str:
    """The text with control characters escaped; line ends become newlines."""
    return _CONTROLS.sub(_escaped, str(text).replace("\r\n", "\n"))


def clean_line(text: object) -> str:
    """The text as one line."""
    return " ".join(clean(text).split())


def clean_json(text: str) -> str:
    """The same JSON with control characters escaped that JSON allows but terminals obey."""
    unprintable = (letter for letter in set(text) if not letter.isprintable() and letter != "\n")
    return text.translate({ord(letter): _json_escape(letter) for letter in unprintable})


def _json_escape(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def clip(text: str, width: int | None) -> str:
    """The text cut to a width in terminal cells, with an ellipsis; without a width unchanged."""
    if width is None or cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "…" if width > 0 else ""


def duration(ns: float | None) -> str:
    """A duration from nanoseconds: 12 µs, 4.2 ms, 620 ms, 1.84 s, 3 min 05 s, 2 h 10 min."""
    if ns is None:
        return ""
    if ns < 0.9995 * _NS["ms"]:
        return f"{max(ns, 0) / _NS['µs']:.0f} µs"
    if ns < 9.95 * _NS["ms"]:
        return f"{ns / _NS['ms']:.1f} ms"
    if ns < 999.5 * _NS["ms"]:
        return f"{ns / _NS['ms']:.0f} ms"
    if ns < 59.995 * _NS["s"]:
        return f"{ns / _NS['s']:.2f} s" if ns < 9.995 * _NS["s"] else f"{ns / _NS['s']:.1f} s"
    minutes, seconds = divmod(round(ns / _NS["s"]), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def money(usd: float | None) -> str:
    """US dollars with significant digits: $0.00031, $0.12, $34.10."""
    if usd is None:
        return ""
    if usd == 0:
        return "$0"
    if abs(usd) >= 0.1:
        return f"${usd:,.2f}"
    digits = 1 - int(f"{usd:e}".partition("e")[2])
    return f"${usd:.{digits}f}"


def count(number: float | None) -> str:
    """A whole number with a separator for thousands: 12,345."""
    return "" if number is None else f"{number:,.0f}"


def how_many(number: int, singular: str, plural: str | None = None) -> str:
    """``1 call``, ``2 calls``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size(number: int) -> str:
    """Bytes: 512 B, 3.4 KiB, 12 MiB."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"


def moment(ns: int) -> str:
    """A local date and time from nanoseconds since the epoch."""
    return _local(ns).strftime("%Y-%m-%d %H:%M:%S")


def short_moment(ns: int) -> str:
    """The time of day for today, the day with the time for other days of this year, else the date."""
    when, now = _local(ns), datetime.now().astimezone()
    if when.date() == now.date():
        return when.strftime("%H:%M:%S")
    return when.strftime("%b %d %H:%M") if when.year == now.year else when.strftime("%Y-%m-%d")


def _local(ns: int) -> datetime:
    try:
        return datetime.fromtimestamp(ns / _NS["s"]).astimezone()
    except (OverflowError, ValueError, OSError):  # an impossible time from another producer
        return datetime.fromtimestamp(0).astimezone()

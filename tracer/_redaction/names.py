"""Values beside the name of a secret: in JSON at any depth, reprs, headers, URLs, command lines and settings."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from tracer._late import late_pattern
from tracer._redaction.judging import (
    LONGEST_JUDGED,
    is_code,
    is_hard,
    is_placeholder,
    is_prose,
    is_random,
    names_user_and_password,
)

REDACTED = b"[REDACTED]"


class Found(NamedTuple):
    """A secret's place in the line and the text to write there."""

    start: int
    end: int
    replacement: bytes = REDACTED


# names whose value is secret whatever it looks like
STRONG = (
    *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "credential", "authorization", "cookie"),
    *("connectionstring", "connection_string", "seed_phrase", "recovery_phrase"),
    *("passwort", "kennwort", "mot de passe", "contraseña", "contrasena", "wachtwoord"),
)
# Names whose value has to look random, unless the words before them show that it is a secret: `token` alone is a
# piece of text, `key` a dict's. They count only where one of the endings follows.
WEAK = ("token", "key", "auth", "pass", "sessid", "sessionid", "jwt", "dsn", "pw", "_pat")
_PASSES = (b"pass", b"pw")
IN_ADDRESSES = ("sig=", "signature=")  # elsewhere a signature is none, such as that of a model's reasoning
ENDINGS = (b'"', b"'", b"`", b'\\"', b"\\\\", b"\\'", b"=", b":", b" =", b" :", b"%3d", b">")
LONGER_ENDINGS = (
    *(mark + bytes([first]) for mark in (b"_", b"-") for first in b"ikvsdpno12"),
    *(b's"', b"s'", b's\\"', b"s\\\\", b"s=", b"s:"),
)  # of token and key: of TOKEN_PROD, but not of token_count
# before token and key, without _ and -
_TELLING_TOKEN = (
    *(b"access", b"refresh", b"auth", b"authorization", b"private", b"id", b"session", b"api", b"bearer", b"secret"),
    *(b"security", b"personal", b"bot", b"deploy", b"csrf", b"xsrf", b"webhook", b"registration", b"verification"),
    b"service",
)
_TELLING_KEY = (
    *(b"api", b"private", b"subscription", b"account", b"signing", b"encryption", b"secret", b"master", b"shared"),
    *(b"access", b"license", b"auth", b"service_role", b"storage", b"function", b"admin", b"app", b"application"),
    b"webhook",
)
# before token and key, where their value is none
_HARMLESS_WORDS = frozenset(
    (
        b"eos bos pad padding unk sep cls mask stop next page prev previous continuation continue cursor sync resume "
        b"start begin end first last special image max min num per n of added input output prompt completion "
        b"cancellation cancel idempotency request public lookahead primary foreign partition sort row cache object "
        b"s3 dedup dedupe routing group unique shard lookup hot short map translation i18n index order item "
        b"dict event message state config metric feature flag range hash "
        b"storage file blob kms natural surrogate composite project issue "
        b"parent publishable label column field turn thought design delta by"
    ).split()
)
# before pass, of which they make a word
_WORDS_WITH_PASS = (
    *(
        b"com",
        b"by",
        b"tres",
        b"sur",
        b"encom",
        b"over",
        b"under",
        b"boarding",
        b"tele",
        b"band",
        b"low",
        b"high",
        b"all",
    ),
    *(b"render", b"forward", b"backward", b"multi", b"single", b"two", b"one", b"first", b"second"),
)
_CAMEL_WORD = late_pattern(rb"[A-Z][a-z0-9]*\Z")

_SPACE = rb"[ \t]{0,32}(?:\\{1,15}[nrt][ \t]{0,32}){0,4}"
_DOUBLE = rb"(?:\\(?:\\\\){0,15})?\""  # at any depth: behind an odd number of backslashes, or none
_QUOTE = rb"(?:'?" + _DOUBLE + rb"|\\{0,3}'|`)"
# endings with which a name is still the name of a secret
_REST = late_pattern(
    rb"(?:(?:[_-]?(?:access[_-]?key|key|token|value|val|id|base64|b64|string|text|plain|old|new|current|previous|prod"
    rb"|production|prd|dev|development|staging|stage|stg|test|live|main|primary|secondary|default|confirm|confirmation"
    rb"|v?\d{1,4}|[a-z]|jar|header)s?){0,3}|s)\Z",
    re.IGNORECASE,
)
_AFTER = late_pattern(
    rb"(?:"
    rb"(?P<close>" + _QUOTE + rb")\]?" + _SPACE
    + rb"(?P<op>=>|:=|[:=]|value ?=|,(?:" + _SPACE + _QUOTE + rb"value" + _QUOTE + _SPACE + rb":)?)"
    rb"|" + _SPACE + rb"(?P<bare>=>|:=|==?|%3[dD]|:(?!:)(?: ?(?:&(?:'static )?)?(?:str|string|bytes|SecretStr)"
    + rb"(?: \| None)? ?=)?| is:?(?= ))"
    rb"|(?P<xml>>)"
    rb"|(?P<flag>[ \t]|\\{1,15}[nrt])"
    rb")" + _SPACE + rb"(?P<value>b?" + _QUOTE + rb"(?!" + _QUOTE + rb")|(?=[\[{])|)",
    re.IGNORECASE,
)  # fmt: skip
# text after most names in prose and code, quickly recognized
_NO_VALUE = late_pattern(rb"[ \t]{1,16}[\w(&|+\\/-]|[.,;)\](}/?!&*+|#]|\\n[^ \t:=]|[\"'`]?[)}.;\xe2]|\"[,}\]](?!\")")
_TOKEN = rb"[\w.~+/=:%|$!@*-]"  # characters of random values
_NOT_QUOTED = rb"[^\w.~+/=:%|$!@*\"'`\\-]"
# A name in text, without words before it, whose value is no long word; `key`, `token` or `auth` whose value is too
# short, in small letters, or has other characters.
_PLAIN_VALUE = late_pattern(
    rb"(?<![\w.?&-])(?:[\w-]{3}|[\w-]{5})(?=[ :=])(?![ \t]{0,4}[:=]{1,2}[ \t]{0,4}[\"'`\\]{0,3}[\w.~+/=%-]{16})"
    rb"|(?<![\w.-])(?i:key|token)s?(?:"
    rb"(?P<quote>\\{0,31}[\"'])[ ]?:[ ]?(?P=quote)"
    rb"(?:" + _TOKEN + rb"{0,15}[\"'\\]|[a-z._/:=-]{16,512}[\"'\\]|" + _TOKEN + rb"{0,512}" + _NOT_QUOTED + rb")"
    rb"|=(?:(?:(?!b[\"'`\\])" + _TOKEN + rb"{1,7}|[a-z._/:=-]{10,512})(?!" + _TOKEN + rb")|(?=[?&#;,)])))"
    rb"|(?<![\w.-])auth=" + _TOKEN + rb"{2,7}(?!" + _TOKEN + rb")"
)
_NAME_REST = late_pattern(rb"[\w-]{0,32}")
_TO_NAMES = bytes(i if (chr(i).isalnum() and i < 128) or i in b"_-." else ord(" ") for i in range(256))
_BARE = late_pattern(rb"[^\s\"'`\\,;&<>(){}\[\]|]{1,512}")
_PARAMETER = late_pattern(rb"[^\s\"'`\\&#;<>]+")
_SETTING = late_pattern(rb"[^\s\"'`\\]+")
_HEADER = late_pattern(rb"[^\"\\']{4,}")
_LIST = late_pattern(rb'\[\s*"(?:[^"\\]|\\.)*"(?:\s*,\s*"(?:[^"\\]|\\.)*")*\s*\]')
_NUMBER = late_pattern(rb"-?\d[\d.eE+-]{2,40}(?=[,}\]\s])")
_IN_XML = late_pattern(rb"[^<>\"\\]+(?=</|\Z)")
_PAIR_ENDS = late_pattern(rb"\s{0,16}[\])]")
_DICT = late_pattern(rb"\[?" + _SPACE + rb"\{" + _SPACE)
_ENTRY = late_pattern(
    rb"(?P<quote>" + _DOUBLE + rb"|')(?P<name>[\w .-]{1,64})(?P=quote)" + _SPACE + rb":" + _SPACE
    + rb"(?:(?P<open>" + _DOUBLE + rb"|')(?P<value>[^\"'\\]{0,4096})(?P=open)|[\w.+-]{1,32})" + _SPACE
    + rb"(?:\}" + _SPACE + rb"," + _SPACE + rb"\{" + _SPACE + rb"|," + _SPACE + rb"|)"
)  # fmt: skip
_PAIRS = late_pattern(rb"[\[(]" + _SPACE + rb"[\[(]" + _SPACE)
_PAIR = late_pattern(
    rb"(?P<quote>" + _DOUBLE + rb"|')(?P<name>[\w .-]{1,64})(?P=quote)" + _SPACE + rb"," + _SPACE
    + rb"(?P<open>" + _DOUBLE + rb"|')(?P<value>[^\"'\\]{0,4096})(?P=open)" + _SPACE + rb"[\])]" + _SPACE
    + rb"(?:," + _SPACE + rb"[\[(]" + _SPACE + rb"|)"
)  # fmt: skip
_HARMLESS_COOKIE = late_pattern(
    rb"(?:name|domain|path|expires|max-?age|same_?site|priority|lang|language|locale|theme|url)\Z", re.I
)
_HARMLESS_HEADER = late_pattern(
    rb"(?:.*[_-])?(?:id|etag|ray|date|trace.*|b3|digest|hash|version|agent|type|length|encoding|accept.*|content.*|host"
    rb"|origin|referer|server|via|vary|modified|match|control|connection|policy|location|range|region|span|sha256|md5"
    rb"|organization|project)\Z",
    re.IGNORECASE,
)
_COOKIE = late_pattern(rb"[\w.$-]{1,64}=[^\s=]")
_SCHEME = late_pattern(rb"(?P<scheme>[\w-]{1,32} {1,4})?(?P<value>[^\s\"'\\]{4,512})")
_KNOWN_SCHEMES = (
    b"bearer",
    b"basic",
    b"token",
    b"digest",
    b"apikey",
    b"negotiate",
    b"aws4",
    b"sso-key",
    b"key",
    b"bot",
    b"ssws",
)
_PROSE_AFTER = late_pattern(rb"[ ][A-Za-z]{2,24} ")


@lru_cache(maxsize=1_000)
def _is_telling_rest(rest: bytes) -> bool:
    return _REST.match(rest) is not None


def beside(line: bytes, start: int, end: int, strong: bool) -> list[Found] | None:
    """Secrets in the value beside a name whose telling part is ``line[start:end]``; None if there is plainly none."""
    if not strong and _PLAIN_VALUE.match(line, start) is not None:
        return None
    rest = _NAME_REST.match(line, end)
    name_end = end if rest is None else rest.end()
    if name_end > end and not _is_telling_rest(line[end:name_end]):
        return None
    if _NO_VALUE.match(line, name_end) is not None and not _may_have_argument(line, start, end, name_end):
        return None
    prefix = _name_before(line, start)
    stem = line[start:end].lower()
    strong = strong or _is_telling(prefix, stem)
    if not strong and _is_harmless(prefix):
        return None
    match = _AFTER.match(line, name_end)
    if match is None:
        return []
    if match["close"] is not None and not match["value"] and not strong and line[match.end() : match.end() + 1] != b"[":
        return []  # a count
    if stem in _PASSES and not _is_password_in_short(line, start, prefix, stem, name_end > end):
        return []
    if stem == b"cookie":
        found = _in_dict(line, match, _HARMLESS_COOKIE, cookie=True)
        if found:
            return found
    name = _Name(line, start - len(prefix), name_end, prefix, stem, strong, match)
    return _value_of(name)


def _may_have_argument(line: bytes, start: int, end: int, name_end: int) -> bool:
    """Whether a name may be followed by its value directly: of options, of variables, and `password` in some files."""
    return (
        (line[end - 8 : end] == b"password" and _may_have_text(line, start, end))
        or b"_" in line[start - 1 : name_end]
        or line[start - 1 : start] == b"-"
        or line[start - 2 : start] == b"--"
    )


def _may_have_text(line: bytes, start: int, end: int) -> bool:
    return (
        line.startswith(b" is", end)
        or line.find(b"_", max(0, start - _LONGEST_PREFIX), start) >= 0
        or line.find(b"login", max(0, start - _LONGEST_LOGIN), start) >= 0
    )


def _name_before(line: bytes, end: int) -> bytes:
    """The part of a name before ``end``."""
    before = line[max(0, end - _LONGEST_PREFIX) : end]
    start = before.translate(_TO_NAMES).rfind(b" ") + 1
    if start and before[start - 1] == 0x5C and before[start : start + 1] in (b"n", b"r", b"t"):
        start += 1  # of an escaped line break
    return before[start:]


@lru_cache(maxsize=1_000)
def _is_telling(prefix: bytes, stem: bytes) -> bool:
    telling = _TELLING_TOKEN if stem == b"token" else _TELLING_KEY if stem == b"key" else ()
    return prefix.lower().rstrip(b"_-").endswith(telling)


@lru_cache(maxsize=1_000)
def _is_harmless(prefix: bytes) -> bool:
    word = prefix.rstrip(b"_-.").replace(b"-", b"_").replace(b".", b"_").rpartition(b"_")[2]
    if word.lower() in _HARMLESS_WORDS:
        return True
    camel = _CAMEL_WORD.search(word)
    return camel is not None and camel.group().lower() in _HARMLESS_WORDS


def _is_password_in_short(line: bytes, start: int, prefix: bytes, stem: bytes, goes_on: bool) -> bool:
    """Whether `pass` or `pw` is a name of its own, or the last word of one."""
    if goes_on:
        return False
    if stem == b"pw":
        return not prefix or prefix[-1:] in b"_-." or line[start : start + 1] < b"a"
    return prefix.lower().rpartition(b"_")[2] not in _WORDS_WITH_PASS


def _value_of(name: _Name) -> list[Found]:
    match = name.match
    value = match["value"]
    if match["close"] is not None:
        if match["op"][:1] == b"," and not _is_pair(name):
            return []
        return _quoted(name) if value else _plain(name)
    if match["xml"] is not None:
        return _bare(name, _IN_XML)
    if match["flag"] is not None:
        return _argument(name)
    if value[-1:] == b'"' and b"\\" not in value:
        return []  # the end of the string
    return _quoted(name) if value else _assigned(name)


class _Name(NamedTuple):
    line: bytes
    start: int  # of the whole name
    end: int
    prefix: bytes  # of the name, before the telling part
    stem: bytes
    strong: bool
    match: re.Match[bytes]

    @property
    def is_flag(self) -> bool:
        return self.prefix.startswith(b"--")


def _is_pair(name: _Name) -> bool:
    """Whether name and value are a header's pair, an argument after its option, or an entry's name and value."""
    if not name.match["value"]:
        return False
    opening = name.match["close"] or b""
    if opening[:1] == b"'" and len(opening) > 1:
        opening = opening[1:] + b"b'"  # "b'name'", a repr of bytes
    if not name.line.endswith(opening, 0, name.start):
        return False
    if name.is_flag or len(name.match["op"]) > 1:
        return True
    if not name.strong and not name.prefix.lower().endswith((b"_", b"-")):
        return False
    end = _end_of_quoted(name.line, name.match.end(), name.match["value"])
    return name.line[name.start - len(opening) - 1 : name.start - len(opening)].strip(b"b") in (b"[", b"(", b"") and (
        _PAIR_ENDS.match(name.line, end[1]) is not None
    )


def _end_of_quoted(line: bytes, start: int, opening: bytes) -> tuple[int, int]:
    """End of a quoted value, and of its closing quote; it may be cut off at the end of the string around it."""
    quote = opening[-1:]
    escapes = opening.lstrip(b"b")[:-1]
    if quote != b'"':
        position = start
        while True:
            match = _UNTIL_QUOTE.match(line, position)
            position = match.end() if match is not None else position
            if (
                line[position : position + 1] == b"\\"
                and escapes == b""
                and line[position + 1 : position + 2] not in b'"nrt\\'
            ):
                position += 2
                continue
            closed = line.startswith(escapes + quote, position)
            return position, position + len(escapes + quote) if closed else position
    position = line.find(b'"', start)
    while position >= 0:
        plain = position
        while plain > start and line[plain - 1] == 0x5C:
            plain -= 1
        count = position - plain
        if not escapes and count % 2 == 0:
            return position, position + 1
        if escapes and count <= len(escapes):
            return plain, position + 1 if count == len(escapes) else plain
        position = line.find(b'"', position + 1)
    return len(line), len(line)


_UNTIL_QUOTE = late_pattern(rb"[^'`\"\\]*")


def _quoted(name: _Name) -> list[Found]:
    line, start = name.line, name.match.end()
    opening = name.match["value"]
    if not name.strong and line.find(opening[-1:], start, start + 520) < 0:
        return []  # a weak name's value that is longer than any token
    end, _ = _end_of_quoted(line, start, opening)
    return [Found(start, end)] if _is_secret(name, line[start:end]) else []


def _is_secret(name: _Name, value: bytes) -> bool:
    if not value or value[:1] in b",:]}":
        return False
    if len(value) > LONGEST_JUDGED:
        return name.strong  # not looked at again from a place within
    if name.strong and is_placeholder(value):
        return False
    if name.strong:
        if name.stem == b"cookie":
            return b"=" in value or is_random(value, 8)
        if name.stem.endswith((b"password", b"secret", b"credential", b"token", b"key")) and is_prose(value):
            return False
        if name.stem.endswith((b"token", b"key", b"credential")):
            return len(value) >= 6 and not (is_code(value) and not is_random(value, 8))
        return name.stem != b"secret" or len(value) > 2
    if name.stem == b"auth":
        return (names_user_and_password(value) and len(value) >= 8) or is_random(value)
    if name.stem in _PASSES:
        return b" " not in value and not is_placeholder(value)
    is_named = name.prefix[-1:] in (b"_", b"-") or (
        bool(name.prefix) and name.line[name.start + len(name.prefix)] < 0x5B
    )
    if name.stem == b"token" and is_named:
        return is_random(value, 8)
    return is_random(value, 16)


def _plain(name: _Name) -> list[Found]:
    """A number or a list of texts under a secret's name in JSON."""
    if not name.strong or name.match["op"] != b":":
        return []
    position = name.match.end()
    quote = (name.match["close"] or b"").replace(b"'", b"")
    found = (_LIST.match(name.line, position) if quote == b'"' else None) or _NUMBER.match(name.line, position)
    if found is None or not quote or (name.stem == b"cookie" and not _has_cookie(found.group())):
        return []
    return [Found(found.start(), found.end(), quote + REDACTED + quote)]


def _has_cookie(texts: bytes) -> bool:
    return b"=" in texts or any(is_random(text, 8) for text in texts[:LONGEST_JUDGED].split(b'"'))


def _bare(name: _Name, pattern: re.Pattern[bytes], shortest: int = 4) -> list[Found]:
    start = name.match.end()
    judged = pattern.match(name.line, start, start + LONGEST_JUDGED)
    if judged is None:
        return []
    value = judged.group()
    if len(value) < shortest or is_placeholder(value):
        return []
    is_strong = name.strong or name.stem in _PASSES
    if not is_strong and not _is_secret(name, value) and not is_random(value, 10):
        return []
    whole = pattern.match(name.line, start) or judged
    return [Found(*whole.span())]


def _is_after_login(line: bytes, end: int) -> bool:
    return _NETRC.search(line, max(0, end - _LONGEST_LOGIN), end) is not None


def _argument(name: _Name) -> list[Found]:
    """The word after an option, ``password …`` of a netrc file."""
    start = name.match.end()
    is_netrc = name.stem == b"password" and not name.prefix and _is_after_login(name.line, name.start)
    if name.line[start : start + 1] in b"-$<{[\\" and not name.match["value"]:
        return []
    if not name.is_flag and not is_netrc:
        return _after_variable(name)
    if name.match["value"]:
        return _quoted(name)
    return _bare(name, _SETTING if is_netrc else _ARGUMENT, 3)


def _after_variable(name: _Name) -> list[Found]:
    """``set -x API_KEY value``, ``ENV PASSWORD value``: only if the value does not look like a word."""
    whole = name.line[name.start : name.end]
    if not name.strong or not (b"_" in whole or whole.isupper()):
        return []
    start = name.match.end()
    match = _ARGUMENT.match(name.line, start, start + LONGEST_JUDGED)
    if match is None:
        return []
    value = match.group()
    is_secret = is_random(value) or (whole.isupper() and is_hard(value))
    return [Found(start, match.end())] if is_secret else []


_ARGUMENT = late_pattern(rb"[^\s\"'`\\;|<>]+")
_LONGEST_PREFIX = 40
_LONGEST_LOGIN = 120
_NETRC = late_pattern(rb"login(?:[ \t]|\\[nrt]){1,8}[^\s\\\"]{1,64}(?:[ \t]|\\[nrt]){1,8}\Z")


def _assigned(name: _Name) -> list[Found]:
    """A value without quotes after ``=`` or ``:``."""
    line, start = name.line, name.match.end()
    before = line[name.start - 1 : name.start] if name.start else b""
    operator = name.match["bare"]
    if operator[:3].lower() == b" is" and name.stem not in (b"password", b"passphrase", b"passcode"):
        return []
    if operator == b":":
        return _header(name)
    if operator == b"==":
        return []
    if operator[:1] == b"%" or (before in (b"?", b"&", b";", b"#") and before):
        return _bare(name, _PARAMETER)
    whole = line[name.start : name.end]
    is_setting = whole.isupper() or name.is_flag or whole[:1].isupper() or before in (b":", b"=") or name.stem == b"pwd"
    if is_setting:
        pattern = (
            _UP_TO_SEMICOLON if b"=" in line[max(0, name.start - 80) : name.start] or not whole.isupper() else _SETTING
        )
        return _bare(name, pattern) if line[start : start + 1] not in b"$<{(" else []
    match = _BARE.match(line, start)
    if match is None or line[match.end() : match.end() + 1] in (b"(", b"[", b"{"):
        return []
    value = match.group()
    if (name.strong and is_hard(value)) or (_is_secret(name, value) and not name.strong and is_random(value, 12)):
        return [Found(*match.span())]
    return []


_UP_TO_SEMICOLON = late_pattern(rb"[^\s\"'`\\;]+")


def _is_authorization(line: bytes, start: int) -> bool:
    match = _SCHEME.match(line, start, start + LONGEST_JUDGED)
    if match is None or is_placeholder(match["value"]):
        return False
    return (match["scheme"] or b"").lower().startswith(_KNOWN_SCHEMES) or is_hard(match["value"])


def _header(name: _Name) -> list[Found]:
    line, start = name.line, name.match.end()
    if name.stem in (b"authorization", b"cookie"):
        is_secret = _COOKIE.match(line, start) is not None if name.stem == b"cookie" else _is_authorization(line, start)
        match = _HEADER.match(line, start) if is_secret else None
        return [] if match is None else [Found(*match.span())]
    match = _SETTING.match(line, start, start + LONGEST_JUDGED)
    if match is None:
        return []
    value = match.group().rstrip(b",;.)")
    if (
        name.strong and b"-" in name.prefix + name.stem and not name.prefix.startswith(b"-")
    ):  # a header such as x-api-key
        shown = is_placeholder(value) or len(value) < 4 or _PROSE_AFTER.match(line, match.end()) is not None
        return [] if shown else [Found(start, start + len(value))]
    if line[start + len(value) : start + len(value) + 1] in (b"(", b"["):
        return []
    is_secret = is_hard(value) if name.strong or name.stem in _PASSES else _is_secret(name, value)
    return [Found(start, start + len(value))] if is_secret and b"(" not in value else []


def in_headers(line: bytes, end: int) -> list[Found]:
    """Random values in a dict that is called headers, ``line[:end]`` ending after that name."""
    match = _AFTER.match(line, end)
    return [] if match is None else _in_dict(line, match, _HARMLESS_HEADER, cookie=False)


def _in_dict(line: bytes, match: re.Match[bytes], harmless: re.Pattern[bytes], cookie: bool) -> list[Found]:
    """Random values of a flat dict, of a list of them, or of pairs, as far as it is one."""
    if match["close"] is None and match["bare"] is None:
        return []
    next_entry = _ENTRY
    opening = _DICT.match(line, match.end())
    if opening is None:
        next_entry = _PAIR
        opening = _PAIRS.match(line, match.end())
    found: list[Found] = []
    entry = None if opening is None else next_entry.match(line, opening.end())
    while entry is not None:
        value = entry["value"]
        if value and harmless.match(entry["name"]) is None:
            token = value.rpartition(b" ")[2]
            if is_random(token, 8 if cookie else 16):
                found.append(Found(*entry.span("value")))
        entry = next_entry.match(line, entry.end())
    return found

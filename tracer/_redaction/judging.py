"""Whether a value is a secret or only a word: placeholders, names in code, ids and prose are kept."""

from __future__ import annotations

import base64
import binascii
import re

from tracer._late import late_pattern

LONGEST_JUDGED = 512  # bytes; a longer value is a document, a picture or, under the name of a secret, a secret
_LONGEST_PLACEHOLDER = 80
# of values in small letters: to ignore case takes five times longer
_PLACEHOLDER = late_pattern(
    rb"[<{\[(%$*#.\xe2]|\\u"  # <your-key>, ${KEY}, ****
    rb"|os\.|process\.|env[.:/(]|secrets?[./:]|vault:|ref:|op://|arn:|file:|https?://[^?@]*\Z"  # where it is kept
    rb"|(?:my|your|the|an?|some|example|sample|dummy|fake|test)[ _-]?(?:own[ _-])?(?:[a-z0-9]{1,16}[ _-]){0,4}"
    rb"(?:key|token|secret|password|passwd|pass|credentials?|cookie)s?(?:[ _-]?\d)?\Z"
)
_IN_PLACEHOLDERS = late_pattern(
    rb"\.\.\.|\*\*\*|\xe2\x80\xa6|\$\{|\{\{|<[a-z _-]{1,40}>|x{4}|0{8}|[_-]here\b|redacted|placeholder|change[_-]?me"
    rb"|replace[_-]?(?:me|with|this)|insert[_-]"
)
_PLACEHOLDER_WORDS = frozenset(
    (
        b"none null nil undefined true false yes no on off str string text bytes int integer number any object bool "
        b"boolean secretstr optional required oauth oauth2 bearer basic header headers query hidden sensitive masked "
        b"unset empty default enabled disabled valid invalid missing expired unknown todo tbd n/a example xxx env "
        b"include omit same-origin password passwd pass pwd secret token api_key api-key apikey key credential "
        b"credentials authorization cookie cookies user username"
    ).split()
)
_LONGEST_SENTENCE = 200
_PROSE = late_pattern(
    rb"(?:.* )?(?:passwords?|key|secret|token|cookies?|credentials|is|are|must|the|your|please|enter|for|of|to|not)"
    rb"[ .,:!?]",
    re.IGNORECASE | re.DOTALL,
)
_UUID = late_pattern(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$", re.IGNORECASE)
# letters and digits mapped onto one letter: a long part is found at the speed of memchr
_LONG = b"x" * 6
_TO_LONG = bytes(ord("x") if chr(i).isalnum() and i < 128 else ord(" ") for i in range(256))
_LONG_PART = late_pattern(rb"[A-Za-z0-9]{6,}")
_PLAIN_WORD = late_pattern(
    rb"(?:[A-Za-z]?[a-z]+|[A-Z]+|(?:[A-Z][a-z]+)+|[a-z]+(?:[A-Z][a-z]+)+|[A-Za-z]{1,7}\d{1,4}|\d{1,12}|)$"
)
_DIGIT = late_pattern(rb"\d")
_LETTER = late_pattern(rb"[A-Za-z]")
_CHANGE = late_pattern(rb"[a-z][A-Z]|[A-Z][a-z]")
_SYMBOL = late_pattern(rb"[!@#$%^*~+]")
_TOKEN_TEXT = late_pattern(rb"[\w.~+/=:%|$!@*-]+$")
_CODE = late_pattern(
    rb"(?:self|this|args|config|settings|request|os|st|env|options|opts|ctx|user|data)\b[.\[]|[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)+$"
)


def is_placeholder(value: bytes) -> bool:
    """Whether a value only shows where a secret belongs."""
    value = value.strip(b" \t")
    if len(value) > _LONGEST_PLACEHOLDER:
        return False
    small = value.lower()
    return (
        small in _PLACEHOLDER_WORDS
        or (len(value) > 2 and len(set(value)) < 4)
        or _PLACEHOLDER.match(small) is not None
        or _IN_PLACEHOLDERS.search(small) is not None
    )  # fmt: skip


def is_prose(value: bytes) -> bool:
    """Whether a value is a sentence or a label about secrets, such as ``Enter your password``."""
    return b" " in value and len(value) <= _LONGEST_SENTENCE and _PROSE.match(value) is not None


def is_random(value: bytes, shortest: int = 16) -> bool:
    """Whether a value is one token of the kind that a machine makes, no word, identifier, number or UUID."""
    return (
        shortest <= len(value) <= LONGEST_JUDGED
        and _TOKEN_TEXT.match(value) is not None
        and not value.startswith((b"/", b"./", b"http"))
        and has_random_part(value, 6)
        and _UUID.match(value) is None
        and not is_placeholder(value)
    )


def has_random_part(value: bytes, shortest: int) -> bool:
    """Whether a part between punctuation, of at least six letters, is no word in one of its spellings and no number."""
    return _LONG in value.translate(_TO_LONG) and any(
        len(part) >= shortest and _PLAIN_WORD.match(part) is None and is_mixed(part)
        for part in _LONG_PART.findall(value)
    )


def is_mixed(part: bytes) -> bool:
    """Whether digits and letters, or cases, alternate as they do not in words."""
    if _DIGIT.search(part) is not None and _LETTER.search(part) is not None:
        return True
    return len(part) >= 8 and len(_CHANGE.findall(part)) >= max(4, len(part) // 3)


def is_hard(value: bytes) -> bool:
    """Whether a bare word is rather a password than a name in code or a word of prose."""
    if len(value) < 5 or is_placeholder(value) or _CODE.match(value):
        return False
    return is_mixed(value) or _SYMBOL.search(value) is not None


def is_code(value: bytes) -> bool:
    """Whether a bare value is an expression of a program."""
    return _CODE.match(value) is not None


def names_user_and_password(value: bytes) -> bool:
    """Whether base64 text holds ``user:password``."""
    try:
        plain = base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in plain and plain.isascii() and plain.decode("ascii").isprintable()

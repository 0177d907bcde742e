"""Secrets that are recognised by the text around them: addresses, schemes, private keys, arguments, password files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracer._late import late_pattern
from tracer._redaction.judging import has_random_part, is_mixed, is_placeholder, is_random, names_user_and_password
from tracer._redaction.names import Found

_LONGEST_USER = 3 + 256 + 1 + 512
_USER = late_pattern(rb"(?P<user>[^/\s:@\"\\'<>?#]{0,256})(?::(?P<password>[^/\s\"\\]{1,512}))?@")
_BEARER = late_pattern(rb"(?:\s|%20|\+){0,8}(?P<value>[\w.~+/=-]{6,16384})")
_BASIC = late_pattern(rb"(?:\s|%20){0,8}(?P<value>[A-Za-z0-9+/_-]{8,1024}={0,2})")
_PRIVATE_KEY = late_pattern(rb"[A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----")
_LAST_LINE = late_pattern(rb"[A-Z0-9 ]{0,40}-----")
_MAC = late_pattern(rb"\s{0,8}[0-9a-f]{40,64}")
_USER_AND_PASSWORD = late_pattern(
    rb"(?:[ \t]|\\{0,31}[\"'],?|=){1,8}(?P<user>[^\s:'\"\\/$<{]{0,128}):"
    rb"(?P<value>(?!//)[^\s'\"\\]{3,256})(?=[\s'\"\\]|\Z)"
)
_SHORT_OPTION = late_pattern(rb"[^\"\\|;&]{0,120}?[ ]-(?:p|a ?)(?P<value>[^\s'\"\\=-][^\s'\"\\]{3,128})")
_LOGIN = late_pattern(rb"[^\"\\|;&]{0,160}?[ ]-p[ =]?(?P<value>[^\s'\"\\=-][^\s'\"\\]{3,128})")
_TWO_TEXTS = late_pattern(
    rb"\\{0,31}[\"'][^\"'\\]{0,64}\\{0,31}[\"'], ?\\{0,31}[\"'](?P<value>[^\"'\\]{3,256})\\{0,31}[\"']\]?\)?"
)
_QUOTED = late_pattern(rb"[ ]{0,4}\\{0,31}(?P<quote>[\"'])(?P<value>[^\"'\\]{3,256})\\{0,31}(?P=quote)")
_ZAPIER = late_pattern(rb"(?P<value>\d{5,10}/[a-z0-9]{5,12})(?![\w-])")
_SSHPASS = late_pattern(rb" ?'?(?P<value>[^\s'\"\\]{3,128})")
_NET_USE = late_pattern(
    rb"[^\"|;&]{0,200}?[ ](?:(?P<value>[^\s/\"\\]{3,128})[ ]{1,4}/user:"
    rb"|/user:[^\s\"]{1,128}[ ](?P<last>[^\s/\"\\]{3,128}))",
    re.IGNORECASE,
)
_PGPASS = late_pattern(rb"(?:(?<=:54)\d\d:)?[\w*-]{1,64}:[\w.*-]{1,64}:(?P<value>[^\s\"\\:]{3,256})(?=[\s\"\\]|\Z)")
_PATH = late_pattern(rb"(?P<value>[\w/@.:-]{16,400})")
_TELEGRAM = late_pattern(rb"(?P<value>[\w-]{33})(?![\w-])")
_DIGITS = late_pattern(rb"(?<!\d)\d{8,10}\Z")
_MAILCHIMP = late_pattern(rb"\d{1,2}(?!\w)")
_HEX = late_pattern(rb"(?<![0-9a-f])[0-9a-f]{32}\Z")
_AZURE = late_pattern(rb"[\w.~-]{31,34}(?![\w.~-])")
_AZURE_START = late_pattern(rb"(?<![\w.~-])[\w.~-]{3}\d\Z")
_LABEL = late_pattern(rb"\w{0,32}\Z")


def in_addresses(line: bytes) -> Iterator[Found]:
    """The passwords in URLs, or tokens in the place of the user; there are many addresses without either."""
    start, at = 0, line.find(b"@")
    while at >= 0:
        scheme = line.rfind(b"://", max(start, at - _LONGEST_USER), at)
        if scheme < 0:
            start = line.find(b"://", at)
            at = -1 if start < 0 else line.find(b"@", start)
            continue
        start = scheme + 3
        match = _USER.match(line, start)
        if match is not None and _has_secret(match):
            yield Found(*match.span("user" if match["password"] is None else "password"))
        at = line.find(b"@", at + 1 if match is None else match.end())


def _has_secret(address: re.Match[bytes]) -> bool:
    password = address["password"]
    if password is None:
        return is_random(address["user"], 20)
    return not (is_placeholder(password) and is_placeholder(password.partition(b"@")[0]))


def bearer(line: bytes, start: int, end: int) -> list[Found]:
    """The token after the word bearer."""
    match = _BEARER.match(line, end)
    if match is None or is_placeholder(match["value"]):
        return []
    value = match["value"]
    is_token = is_mixed(value) or len(value) > 40
    return [Found(*match.span("value"))] if is_token else []


def basic(line: bytes, start: int, end: int) -> list[Found]:
    """Base64 of user and password after the word basic."""
    match = _BASIC.match(line, end)
    return [Found(*match.span("value"))] if match is not None and names_user_and_password(match["value"]) else []


def private_key(line: bytes, start: int, end: int) -> list[Found]:
    """A private key's text, to its last line or the end of the string."""
    first = _PRIVATE_KEY.match(line, end + 1)
    if first is None:
        return []
    stop = _end_of_text(line, first.end())
    last = line.find(b"-----END ", first.end(), stop)
    closing = _LAST_LINE.match(line, last + 9, stop) if last >= 0 else None
    return [Found(start, stop if closing is None else closing.end())]


def putty_key(line: bytes, start: int, end: int) -> list[Found]:
    """A key file of PuTTY, to its checksum or the end of the string."""
    stop = _end_of_text(line, end)
    last = line.find(b"Private-MAC:", end, stop)
    mac = _MAC.match(line, last + 12, stop) if last >= 0 else None
    return [Found(start, stop if mac is None else mac.end())]


def _end_of_text(line: bytes, start: int) -> int:
    """The next quote, of any depth."""
    end = line.find(b'"', start)
    end = len(line) if end < 0 else end
    while end > start and line[end - 1] == 0x5C:
        end -= 1
    return end


def user_argument(line: bytes, start: int, end: int) -> list[Found]:
    """The password of ``-u user:password``."""
    return _value(_USER_AND_PASSWORD.match(line, end))


def short_option(line: bytes, start: int, end: int) -> list[Found]:
    """The password of ``mysql -psecret`` or ``redis-cli -a secret``."""
    return _value(_SHORT_OPTION.match(line, end))


def login(line: bytes, start: int, end: int) -> list[Found]:
    """The password of ``docker login -p secret``."""
    return _value(_LOGIN.match(line, end))


def user_and_password(line: bytes, start: int, end: int) -> list[Found]:
    """The password of ``auth=("ann", "secret")``."""
    return _value(_TWO_TEXTS.match(line, end))


def sshpass(line: bytes, start: int, end: int) -> list[Found]:
    """The password of ``sshpass -p secret``."""
    return _value(_SSHPASS.match(line, end))


def option(pattern: re.Pattern[bytes], line: bytes, start: int, end: int) -> list[Found]:
    """The password that an option of a program takes, within its command."""
    return _value(pattern.match(line, end))


def _option_of(before: bytes) -> re.Pattern[bytes]:
    return late_pattern(
        rb"(?:\.exe)?[^\"|;&]{0,200}?[ ]" + before + rb"\\{0,31}[\"']?(?P<value>[^\s'\"\\=$<{-][^\s'\"\\]{3,128})"
    )


# programs that take a password in an option whose name does not show it
OPTIONS = (
    (_option_of(rb"-P ?"), ("sqlcmd", "zip -")),
    (_option_of(rb"-pw "), ("pscp", "plink", "psftp")),
    (_option_of(rb"-p(?! )"), ("7z a", "7z x", "7za x", "7za a")),
    (_option_of(rb"-p "), ("psexec",)),
    (_option_of(rb"-w "), ("ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami")),
    (_option_of(rb"(?:-k |-pass pass:)"), ("openssl enc",)),
    (_option_of(rb"-\w{0,4}b\w{0,4} [^\s\"]{1,128} [^\s\"]{1,64} "), ("htpasswd",)),
)


def quoted(line: bytes, start: int, end: int) -> list[Found]:
    """The text in quotes behind ``IDENTIFIED BY`` or ``ConvertTo-SecureString``."""
    return _value(_QUOTED.match(line, end))


def unzip(line: bytes, start: int, end: int) -> list[Found]:
    """The password of ``unzip -P secret`` or ``zip -P secret``; ``-p`` is another option."""
    return sshpass(line, start, end) if line[end - 1 : end] == b"P" else []


def net_use(line: bytes, start: int, end: int) -> list[Found]:
    """The password of Windows' ``net use \\\\server\\share secret /user:ann``."""
    match = _NET_USE.match(line, end)
    given = "value" if match is None or match["value"] else "last"
    return _value(match, given)


def password_file(line: bytes, start: int, end: int) -> list[Found]:
    """The password in a line of PostgreSQL's password file, after its port."""
    return _value(_PGPASS.match(line, end))


def _value(match: re.Match[bytes] | None, group: str = "value") -> list[Found]:
    if match is None or is_placeholder(match[group]):
        return []
    return [Found(*match.span(group))]


def webhook(line: bytes, start: int, end: int) -> list[Found]:
    """The secret path of a chat's webhook."""
    if line[end - 7 : end] == b"/catch/":
        return _value(_ZAPIER.match(line, end))
    match = _PATH.match(line, end)
    return [Found(*match.span("value"))] if match is not None and has_random_part(match["value"], 8) else []


def telegram(line: bytes, start: int, end: int) -> list[Found]:
    """Telegram's token of a bot."""
    match = _TELEGRAM.match(line, end)
    digits = _DIGITS.search(line, max(0, start - 11), start)
    if match is None or digits is None or not is_mixed(match["value"]):
        return []
    return [Found(digits.start(), match.end())]


def mailchimp(line: bytes, start: int, end: int) -> list[Found]:
    """Mailchimp's key, which ends with its data centre."""
    match = _MAILCHIMP.match(line, end)
    number = _HEX.search(line, max(0, start - 33), start)
    return [Found(number.start(), match.end())] if match is not None and number is not None else []


def azure_secret(line: bytes, start: int, end: int) -> list[Found]:
    """A client secret of Microsoft Entra."""
    match = _AZURE.match(line, end)
    first = _AZURE_START.search(line, max(0, start - 5), start)
    return [Found(first.start(), match.end())] if match is not None and first is not None else []

"""Tokens that are recognised by their own shape, as their providers document it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from tracer._redaction.judging import is_mixed

# at a word's start; the n of an escaped line break, or %3D, is not part of the next word
_START = re.compile(rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u00[0-9a-f][0-9a-f])|(?<=%[0-9A-Fa-f]{2}))")
_DOTTED_REST = re.compile(rb"(?:\.[\w.~+/=-]{1,4096})?")


class Shape(NamedTuple):
    """Beginning of a token, and the pattern of the rest; ``glued`` ones may follow other letters directly."""

    beginning: bytes
    rest: bytes
    glued: bool = False


def _shape(beginning: str, rest: str, glued: bool = False) -> Shape:
    return Shape(beginning.encode(), rest.encode(), glued)


_compiled = lru_cache(maxsize=None)(re.compile)  # most are never needed, and all of them take long


_QUOTES = (b'"', b"'", b"=", b":", b"`")
_STARTS = (*_QUOTES, b" ", b"/", b"(", b">", b",", b"\\n", b"\\t")
# Beginnings that are in many words: they are looked for together with the characters before them.
COMMON = {
    **dict.fromkeys(b"re_ pa- fc- key- dp. sg. fw_ oy2 bsa mt cio as- sl. key_".split(), _STARTS),
    b"pat": _QUOTES,
}
# Beginnings whose token need not contain a word of 16 letters, digits, _ and -
OUTSIDE_WORDS = frozenset((b"whsec_", b"glc_eyj", b"sntrys_eyj", b"ops_eyj"))


_GITLAB = ("pat", "ptt", "dt", "rt", "cbt", "soat", "ffct", "agent", "imt", "ft", "oas")
# Of the length that the provider gives its tokens or a little less, so that a shortened one is found too. In those
# whose beginning is also one of words, a part without _ and - has to be as long as no word is.
_SHAPES = (
    # model providers
    *(_shape(f"sk-{kind}-", r"[\w-]{20,400}", True) for kind in ("proj", "ant", "svcacct", "or", "admin", "lf", "cp")),
    _shape("pk-lf-", r"[0-9a-f][\w-]{19,60}"),
    _shape(
        "sk-",
        r"(?=[A-Za-z_-]{0,40}\d|\w{24})(?!proj-|ant-|svcacct-|or-|admin-|lf-|cp-)"
        r"(?:\w{1,40}-){0,2}[A-Za-z0-9]{13,200}[\w-]{0,200}",
    ),
    *(_shape(f"{name}_", r"[A-Za-z0-9]{20,200}") for name in ("gsk", "hf", "r8", "tpsk", "api_org", "jina", "pplx")),
    _shape("sk-helicone-", r"(?:[a-z]{2}-)?[a-z0-9]{7}(?:-[a-z0-9]{7}){3}"),
    _shape("wandb_v1_", r"\w{60,100}"),
    _shape("esecret_", r"[a-z0-9]{26}\b"),
    _shape("bb_", r"(?:live|test)_(?=[\w-]*\d)[\w-]{24,40}"),
    _shape("as-", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{22}\b"),
    _shape("key_", r"[0-9a-f]{64}\b"),
    _shape("pplx-", r"[A-Za-z0-9]{16,100}"),
    _shape("xai-", r"[A-Za-z0-9]{16,200}"),
    _shape("nvapi-", r"[\w-]{40,120}"),
    _shape("tgp_v1_", r"[\w-]{20,100}"),
    _shape("csk-", r"[a-z0-9]{30,100}"),
    _shape("fw_", r"[A-Za-z0-9]{20,60}"),
    _shape("aiza", r"[\w-]{30,60}"),
    _shape("pcsk_", r"[\w-]{30,200}"),
    _shape("tracer-", r"[0-9a-f]{8}-[\w-]{43}"),  # of a project on tracer's own server
    _shape("lsv2_", r"(?:pt|sk)_[\w-]{30,120}"),
    _shape("ls__", r"[a-z0-9]{30,60}"),
    _shape("tvly-", r"(?:dev-|prod-)?[A-Za-z0-9]{16,80}"),
    _shape("fc-", r"[0-9a-f]{30,64}"),
    _shape("e2b_", r"[0-9a-f]{30,60}"),
    _shape("rpa_", r"[A-Za-z0-9]{30,60}"),
    _shape("absk", r"[A-Za-z0-9]{12}[A-Za-z0-9+/]{48,300}={0,2}"),
    _shape("bsa", r"[A-Za-z0-9](?=[\w-]*\d)[\w-]{25,40}"),
    _shape("voyage-", r"pa-[\w-]{30,80}"),
    _shape("pa-", r"[A-Za-z0-9][\w-]{40,80}"),
    _shape("ctx7sk-", r"[\w-]{20,80}"),
    # code, packages, deployment
    *(_shape(f"gh{kind}_", r"[A-Za-z0-9]{30,255}") for kind in "pousr"),
    _shape("github_pat_", r"\w{22,255}"),
    *(_shape(f"gl{kind}-", r"(?=[\w-]{0,300}\d)[\w-]{18,300}") for kind in _GITLAB),
    _shape("gr1348941", r"[\w-]{18,40}"),
    _shape("npm_", r"[A-Za-z0-9]{30,60}"),
    _shape("pypi-ageichlwas", r"[\w-]{30,400}"),
    _shape("rubygems_", r"[0-9a-f]{40,60}"),
    _shape("dckr_", r"[op]at_[\w-]{20,60}"),
    _shape("cio", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{32}\b"),
    _shape("oy2", r"[a-z0-9]{43}\b"),
    _shape("clojars_", r"[a-z0-9]{50,70}"),
    _shape("hvs.", r"[\w-]{20,300}"),
    _shape("hvb.", r"[\w-]{20,400}"),
    _shape("hvr.", r"[\w-]{20,400}"),
    _shape("dapi", r"[0-9a-f]{32}(?:-\d)?\b"),
    _shape("dp.", r"(?:pt|st|ct|sa|scim|audit)\.(?:[\w-]{1,16}\.)?[A-Za-z0-9]{40,50}"),
    _shape("pul-", r"[0-9a-f]{40}\b"),
    _shape("hrku-", r"[\w-]{30,80}"),
    _shape("rnd_", r"[A-Za-z0-9]{24,60}"),
    _shape("fo1_", r"[\w-]{40,60}"),
    _shape("fm2_", r"\w{12}[\w+/=-]{48,800}"),
    _shape("nfp_", r"[A-Za-z0-9]{30,60}"),
    _shape("vercel_", r"(?=\w*\d)[A-Za-z0-9]{20,60}"),
    _shape("vcp_", r"[A-Za-z0-9]{24,80}"),
    *(_shape(f"do{kind}_v1_", r"[0-9a-f]{60,64}") for kind in "opr"),
    _shape("ops_eyj", r"[\w+/=-]{60,2000}"),
    _shape("age-secret-key-1", r"[A-Z0-9]{50,70}"),
    _shape("swmtkn-1-", r"[\w-]{50,100}"),
    _shape("sbp_", r"[0-9a-f]{40}"),
    _shape("sb_secret_", r"[\w-]{20,60}"),
    _shape("pscale_", r"(?:tkn|pw|oauth)_[\w.=-]{30,64}"),
    _shape("napi_", r"[a-z0-9]{40,80}"),
    _shape("sgp_", r"(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40}"),
    _shape("glsa_", r"[A-Za-z0-9]{30,40}_[0-9a-fA-F]{8}"),
    _shape("glc_eyj", r"[A-Za-z0-9+/]{32,400}={0,3}"),
    _shape("sntrys_eyj", r"[\w+/=-]{40,500}"),
    _shape("sntryu_", r"[0-9a-f]{60,64}"),
    _shape("nrak-", r"[A-Z0-9]{27}"),
    _shape("nrii-", r"[\w-]{32}"),
    _shape("dt0c01.", r"[A-Z0-9]{24}\.[A-Z0-9]{60,64}"),
    _shape("pmak-", r"[0-9a-f]{24}-[0-9a-f]{34}"),
    _shape("atlasv1", r"\.[\w=-]{40,80}", True),
    _shape("bkua_", r"[0-9a-f]{40}"),
    _shape("ccipat_", r"\w{16,40}_[0-9a-f]{40}"),
    _shape("ico-", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{32}\b"),
    *(_shape(f"{kind}-", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b") for kind in ("sdk", "mob")),
    _shape("sqp_", r"[0-9a-f]{40}"),
    _shape("squ_", r"[0-9a-f]{40}"),
    _shape("cfut_", r"[\w-]{36,60}"),
    _shape("tskey-", r"[a-z]{3,12}-\w{8,40}-\w{16,50}"),
    # clouds
    *(_shape(kind, r"[A-Z0-9]{16}\b") for kind in ("akia", "asia", "abia", "acca")),
    _shape("ya29.", r"[\w-]{20,2048}"),
    _shape("1//0", r"[\w-]{30,200}"),
    _shape("gocspx-", r"[\w-]{24,40}"),
    _shape("ltai", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{12,30}\b"),
    _shape("akid", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{28,40}\b"),
    _shape("aqvn", r"(?=[A-Za-z_-]*\d)[\w-]{34,60}"),
    # messages, teams, shops
    *(_shape(f"xox{kind}-", r"(?=[A-Za-z-]*\d)[\w-]{12,300}") for kind in "abeoprs"),
    _shape("xoxe.", r"xox[bp]-\d-[\w-]{16,300}"),
    _shape("xapp-", r"\d-[A-Z0-9]{8,14}-\d{8,14}-[0-9a-f]{30,70}"),
    _shape("sg.", r"[\w-]{16,24}\.[\w-]{30,50}"),
    _shape("xkeysib-", r"[0-9a-f]{60,64}-[A-Za-z0-9]{16}"),
    _shape("xsmtpsib-", r"[0-9a-f]{60,64}-[A-Za-z0-9]{16}"),
    _shape("mlsn.", r"[0-9a-f]{60,70}"),
    _shape("re_", r"[A-Za-z0-9]{8}_[A-Za-z0-9]{20,30}"),
    _shape("key-", r"[0-9a-f]{32}\b"),
    _shape("lin_api_", r"[A-Za-z0-9]{36,50}"),
    _shape("lin_oauth_", r"[0-9a-f]{60,64}"),
    _shape("ntn_", r"[A-Za-z0-9]{40,60}"),
    _shape("secret_", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{40,50}"),
    _shape("figd_", r"[\w-]{36,60}"),
    _shape("figu_", r"[\w-]{36,60}"),
    _shape("atatt3", r"[\w=-]{50,300}"),
    _shape("atctt3", r"[\w=-]{50,300}"),
    _shape("atbb", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{28,40}\b"),
    *(_shape(f"pat-{region}", r"-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}") for region in ("na1", "na2", "eu1")),
    _shape("pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{60,64}"),
    *(_shape(f"shp{kind}_", r"[0-9a-fA-F]{32}") for kind in ("at", "ca", "pa", "ss", "ua")),
    *(_shape(f"{kind}_{mode}_", r"[A-Za-z0-9]{12,250}") for kind in ("sk", "rk", "pk") for mode in ("live", "test")),
    _shape("whsec_", r"[A-Za-z0-9+/=]{24,80}"),
    _shape("sq0", r"(?:atp|csp|idp)-[\w-]{20,60}"),
    _shape("eaaa", r"(?=[\w-]*\d)[\w-]{56,70}"),
    _shape("eaa", r"[A-Z](?=[A-Za-z]*\d)[A-Za-z0-9]{60,300}"),
    _shape("ezak", r"[A-Za-z0-9]{50,60}"),
    _shape("eztk", r"[A-Za-z0-9]{50,60}"),
    _shape("shippo_", r"(?:live|test)_[0-9a-fA-F]{40}"),
    _shape("access_token$", r"production\$[a-z0-9]{16}\$[0-9a-f]{32}"),
    _shape("duffel_", r"(?:live|test)_[\w-]{36,60}"),
    _shape("sl.", r"(?:u\.)?(?=[\w-]*\d)[\w-]{100,2048}"),
    _shape("aio_", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{28}\b"),
    _shape("fio-u-", r"[\w-]{60,70}"),
    _shape("phx_", r"[A-Za-z0-9]{30,60}"),
    _shape("phc_", r"[A-Za-z0-9]{30,60}"),
    _shape("apify_api_", r"[A-Za-z0-9]{30,50}"),
    _shape("cfpat-", r"[\w-]{40,50}"),
    _shape("tfp_", r"[\w-]{40,64}"),
    _shape("rdme_", r"[a-z0-9]{60,75}"),
    _shape("amzn.mws.", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", True),
    _shape("mfa.", r"[\w-]{80,100}"),
    _shape("pnu_", r"[A-Za-z0-9]{30,40}"),
    _shape("dsk_", r"[A-Za-z0-9]{24,60}"),
    _shape("ory_", r"(?:at|rt|ac|st|pat)_[\w.-]{20,120}"),
    _shape("sk_", r"(?!live_|test_)(?=[a-z]*\d)[0-9a-f]{32,64}\b"),
    # a private key, in base64 once more
    _shape("ls0tls1crudjti", r"(?:BSU0EgUFJ|BQUklWQVRF|BFQyBQUkl|BPUEVOU1NI)[\w+/=]{40,32768}"),
    _shape("gaaaaa", r"[\w-]{60,4096}={0,2}"),
    _shape("eyj", r"[\w-]{13,1024}\.[\w-]{10,8192}"),
    _shape("mt", r"[\w-]{20,28}\.[\w-]{6}\.[\w-]{27,40}"),  # Discord's bots, a number in base64
)  # fmt: skip
BEGINNINGS: dict[bytes, tuple[Shape, ...]] = {}
for _each in _SHAPES:
    BEGINNINGS[_each.beginning] = (*BEGINNINGS.get(_each.beginning, ()), _each)
# in upper or lower case as the provider writes it; all others in lower case
_WRITTEN = {
    beginning.lower().encode(): beginning.encode()
    for beginning in (
        *("AIza", "SG.", "AKIA", "ASIA", "ABIA", "ACCA", "GOCSPX-", "LTAI", "AKID", "AQVN", "ABSK", "BSA"),
        *("EAAA", "EAA", "EZAK", "EZTK", "NRAK-", "NRII-", "PMAK-", "HRKU-", "CFPAT-", "AGE-SECRET-KEY-1", "SWMTKN-1-"),
        *("ATATT3", "ATCTT3", "ATBB", "CLOJARS_", "GR1348941", "CCIPAT_", "gAAAAA", "eyJ"),
        *("glc_eyJ", "sntrys_eyJ", "LS0tLS1CRUdJTi", "ops_eyJ", "pypi-AgEIcHlwaS", "MT"),
    )
}  # fmt: skip


# a model's reasoning, which only its provider can read and gets back in the next request
_ENCRYPTED = re.compile(rb'encrypted_content\\{0,8}"\s{0,4}:\s{0,4}\\{0,8}"$')
_LONGEST_NAME = 48


def token(line: bytes, start: int, beginning: bytes) -> tuple[int, int] | None:
    """Start and end of a token whose beginning, in lower case, is at ``start``."""
    end = start + len(beginning)
    if line[start:end] != _WRITTEN.get(beginning, beginning):
        return None
    if beginning in COMMON and not line.endswith(COMMON[beginning], 0, start):
        return None
    if beginning == b"gaaaaa" and _ENCRYPTED.search(line, max(0, start - _LONGEST_NAME), start) is not None:
        return None
    is_start = _START.match(line, start) is not None
    for shape in BEGINNINGS[beginning]:
        match = _compiled(shape.rest).match(line, end) if is_start or shape.glued else None
        if match is None:
            continue
        if _is_no_placeholder(match.group()):
            rest = _DOTTED_REST.match(line, match.end())
            return start, match.end() if rest is None else rest.end()
    return None


def _is_no_placeholder(rest: bytes) -> bool:
    if len(set(rest)) < 6 or b"xxxx" in rest.lower() or b"your" in rest.lower():
        return False
    return len(rest) >= 20 or is_mixed(rest)

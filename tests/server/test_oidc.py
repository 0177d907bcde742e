"""People sign in to a server of projects at an OpenID Connect provider, here a real one on loopback."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest

from tests.engines import projects_url
from tests.server.conftest import client_of
from tracer._catalog.catalog import Catalog
from tracer._catalog.folder import FolderCatalog
from tracer._catalog.opening import open_catalog
from tracer.errors import InvalidArgumentError
from tracer.server import ServerSettings, running_server
from tracer.server.oidc import signing_in
from tracer.server.oidc.rules import Oidc
from tracer.server.operations import BASE
from tracer.server.projects.callers import KNOWN_SECONDS

pytest.importorskip("authlib", reason="the extra oidc has it")
provider_mock = pytest.importorskip("oidc_provider_mock", reason="the extra dev has it")
jwt = pytest.importorskip("joserfc.jwt", reason="authlib brings it")
jwk = pytest.importorskip("joserfc.jwk", reason="authlib brings it")
serving = pytest.importorskip("werkzeug.serving", reason="the extra dev has it")

pytestmark = [pytest.mark.no_store, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
RULES = ("admin:default=root@shop.example", "read:shop=@shop.example", "read,write:shop=groups=ml")
BEGIN, BACK = f"{BASE}/sign-in/oidc", f"{BASE}/sign-in/oidc/back"
KEY = jwk.RSAKey.generate_key(2048, {"kid": "another"}, private=True)
Change = Callable[[dict[str, Any]], dict[str, Any]]


class Provider(NamedTuple):
    """The provider's address, and what it does to the claims of the ID tokens that it gives out."""

    url: str
    changes: list[Change]
    signed_by: list[Any]

    def knows(self, email: str, **claims: object) -> None:
        """Let somebody have an account there."""
        known = {"email": email, "email_verified": True, **claims}
        httpx.put(f"{self.url}/users/{email}", json=known).raise_for_status()


@pytest.fixture
def provider(one_provider: Provider) -> Iterator[Provider]:
    yield one_provider
    one_provider.changes.clear()
    one_provider.signed_by.clear()


@pytest.fixture(scope="module")
def one_provider() -> Iterator[Provider]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider speaks HTTP
        yield from run_provider()


def run_provider() -> Iterator[Provider]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from oidc_provider_mock._storage import storage

    app = provider_mock.app(require_nonce=True)
    changes: list[Change] = []
    signed_by: list[Any] = []

    @app.after_request  # type: ignore[untyped-decorator]
    def changed(answer: Any) -> Any:
        if answer.is_json and "id_token" in (said := answer.get_json()) and (changes or signed_by):
            private = jwk.RSAKey.import_key(storage.jwk.as_dict(is_private=True))
            claims = jwt.decode(said["id_token"], private).claims
            for change in changes:
                claims = change(claims)
            signer = signed_by[0] if signed_by else private
            said["id_token"] = jwt.encode({"alg": "RS256", "kid": private.kid}, claims, signer)
            answer.set_data(app.json.dumps(said))
        return answer

    server = serving.make_server("localhost", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield Provider(f"http://localhost:{server.server_port}", changes, signed_by)
    server.shutdown()
    thread.join(5)
    server.server_close()


class Place(NamedTuple):
    """A server of projects whose people sign in at a provider."""

    url: str
    catalog: Catalog
    administrator: str
    provider: Provider
    open: contextlib.ExitStack

    def browser(self) -> httpx.Client:
        """Something with cookies that does not follow by itself."""
        return self.open.enter_context(client_of(self.url))


def settings_of(provider_url: str, roles: tuple[str, ...] = RULES) -> ServerSettings:
    return ServerSettings(port=0, projects=True, oidc=Oidc(provider_url, "tracer", "a secret", roles))


@pytest.fixture
def place(tmp_path: Path, provider: Provider) -> Iterator[Place]:
    with contextlib.closing(open_catalog(projects_url(tmp_path / "all"))) as catalog:
        administrator = catalog.start()
        assert administrator is not None
        catalog.create_project("shop", by="a test")
        with (
            running_server(projects_url(tmp_path / "all"), settings_of(provider.url)) as url,
            contextlib.ExitStack() as open,
        ):
            yield Place(url, catalog, administrator, provider, open)


def to_provider(browser: httpx.Client, next: str = "/traces") -> str:
    answer = browser.get(BEGIN, params={"next": next})
    assert answer.status_code == 303
    return str(answer.headers["location"])


def consent(url: str, email: str) -> str:
    """Where the provider sends the browser, once the person has said yes."""
    return str(httpx.post(url, data={"sub": email}).headers["location"])


def signed_in(browser: httpx.Client, email: str, next: str = "/traces") -> httpx.Response:
    return browser.get(consent(to_provider(browser, next), email))


def who(browser: httpx.Client) -> dict[str, Any]:
    said: dict[str, Any] = browser.get(f"{BASE}/server").json()
    return {name: said[name] for name in ("signed_in", "project", "roles")}


NOBODY = {"signed_in": False, "project": None, "roles": None}


def refused(answer: httpx.Response, browser: httpx.Client, fault: str) -> None:
    assert (answer.status_code, answer.headers["location"]) == (303, f"/#sign-in={fault}")
    assert who(browser) == NOBODY


def changed_query(url: str, **values: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **values})).geturl()


# --- how it should be


def test_a_person_signs_in_at_the_provider_and_is_where_they_wanted_to_be(place: Place) -> None:
    place.provider.knows("Ann@Shop.example")
    browser = place.browser()
    assert browser.get(f"{BASE}/server").json()["sign_in_with"] == urlsplit(place.provider.url).netloc
    answer = signed_in(browser, "Ann@Shop.example", "/traces?filter=status+%3D+%22ERROR%22")

    assert (answer.status_code, answer.headers["location"]) == (303, "/traces?filter=status+%3D+%22ERROR%22")
    assert who(browser) == {"signed_in": True, "project": "shop", "roles": ["read"]}
    assert browser.get(f"{BASE}/traces").status_code == 200
    assert browser.get(f"{BASE}/keys").status_code == 403
    cookie = next(each for each in answer.headers.get_list("set-cookie") if "Max-Age=43200" in each)
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_what_is_sent_to_the_provider_has_a_state_a_nonce_and_a_pkce_challenge_and_no_secret(place: Place) -> None:
    url = to_provider(place.browser())
    sent = parse_qs(urlsplit(url).query)

    assert sent["response_type"] == ["code"]
    assert sent["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= sent.keys()
    assert sent["redirect_uri"] == [f"{place.url}{BACK}"]
    assert "secret" not in url


def test_the_first_rule_that_fits_says_what_a_person_may(place: Place) -> None:
    place.provider.knows("root@shop.example")
    place.provider.knows("bob@elsewhere.example", groups=["ml", "all"])
    for email, project, roles in (
        ("root@shop.example", "default", ["admin"]),
        ("bob@elsewhere.example", "shop", ["write", "read"]),
    ):
        browser = place.browser()
        signed_in(browser, email)
        assert who(browser) == {"signed_in": True, "project": project, "roles": roles}


def test_the_log_of_administrators_names_the_person(place: Place) -> None:
    place.provider.knows("root@shop.example")
    browser = place.browser()
    signed_in(browser, "root@shop.example")
    assert browser.post(f"{BASE}/projects", json={"name": "new"}).status_code == 201

    assert "'root@shop.example'" in place.catalog.acts()[0].who


def test_who_signs_out_is_out_even_with_the_cookie_of_before(place: Place) -> None:
    place.provider.knows("ann@shop.example")
    browser = place.browser()
    signed_in(browser, "ann@shop.example")
    kept = dict(browser.cookies)
    browser.post(f"{BASE}/sign-out")

    assert httpx.get(f"{place.url}{BASE}/traces", cookies=kept).status_code == 401
    assert [key.name for key in place.catalog.keys(None)] == ["first administrator"]


def test_a_key_that_signs_out_stays(place: Place) -> None:
    browser = place.browser()
    browser.post(f"{BASE}/sign-in", json={"token": place.administrator})
    browser.post(f"{BASE}/sign-out")

    assert who(browser) == NOBODY
    assert place.catalog.caller(place.administrator) is not None


def test_an_administrator_ends_a_sign_in_as_a_key(place: Place) -> None:
    place.provider.knows("ann@shop.example")
    browser = place.browser()
    signed_in(browser, "ann@shop.example")
    found = next(key for key in place.catalog.keys(None) if key.name == "ann@shop.example")
    assert found.expires is not None
    place.catalog.revoke_key(found.id, by="a test")
    if place.catalog.keeps_copy:
        time.sleep(KNOWN_SECONDS)

    assert browser.get(f"{BASE}/traces").status_code == 401


def test_a_sign_in_ends_by_itself_and_is_then_forgotten(place: Place) -> None:
    cookie = place.catalog.sign_in("ann@shop.example", "shop", ["read"], seconds=0, admitted_by="x")
    assert place.catalog.caller_of_cookie(cookie) is None
    later = place.catalog.sign_in("bob@shop.example", "shop", ["read"], seconds=60, admitted_by="x")

    assert place.catalog.caller_of_cookie(later) is not None
    assert "ann@shop.example" not in [key.name for key in place.catalog.keys(None)]


def test_a_person_who_signed_in_is_not_the_administrator_that_has_to_stay(place: Place) -> None:
    place.catalog.sign_in("root@shop.example", "shop", ["admin"], seconds=60, admitted_by="x")
    found = next(key for key in place.catalog.keys(None) if key.name == "first administrator")
    with pytest.raises(Exception, match="nobody would be administrator"):
        place.catalog.revoke_key(found.id, by="a test")


def test_other_rules_at_the_next_start_end_the_sign_ins_of_before(tmp_path: Path, provider: Provider) -> None:
    provider.knows("ann@shop.example")
    with contextlib.closing(open_catalog(projects_url(tmp_path / "all"))) as catalog:
        catalog.start()
        catalog.create_project("shop", by="a test")

        def is_in(roles: tuple[str, ...], cookie: str) -> bool:
            with running_server(projects_url(tmp_path / "all"), settings_of(provider.url, roles)):
                catalog.refresh()
                return catalog.caller_of_cookie(cookie) is not None

        with running_server(projects_url(tmp_path / "all"), settings_of(provider.url)) as url:
            with client_of(url) as browser:
                signed_in(browser, "ann@shop.example")
            cookie = next(value for name, value in browser.cookies.items() if not name.endswith("begun"))

        assert is_in(RULES, cookie)
        assert not is_in(RULES[:1], cookie)


@pytest.mark.parametrize("version", [1, 2])
def test_a_catalogue_of_before_is_taken_over(version: int, tmp_path: Path) -> None:
    import sqlite3

    with contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog:
        key = catalog.start()
    assert key is not None
    with contextlib.closing(sqlite3.connect(tmp_path / "all" / "catalog.db")) as connection:
        connection.execute("DROP TABLE leftovers")
        if version == 1:
            connection.execute("ALTER TABLE keys DROP COLUMN expires")
            connection.execute("ALTER TABLE keys DROP COLUMN admitted_by")
        connection.execute(f"PRAGMA user_version = {version}")
    with contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog:
        assert catalog.caller(key) is not None
        assert catalog.sign_in("ann@shop.example", "default", ["read"], seconds=60, admitted_by="x")
        catalog.remove_leftovers()


# --- attacks


def test_another_state_is_refused(place: Place) -> None:
    place.provider.knows("ann@shop.example")
    browser = place.browser()
    back = consent(to_provider(browser), "ann@shop.example")
    refused(browser.get(changed_query(back, state="x" * 30)), browser, "expired")


def test_the_way_back_in_another_browser_is_refused(place: Place) -> None:
    """Else somebody could be signed in as somebody else, by a link."""
    place.provider.knows("ann@shop.example")
    back = consent(to_provider(place.browser()), "ann@shop.example")
    victim = place.browser()
    refused(victim.get(back), victim, "expired")
    to_provider(victim)  # has begun one of their own
    refused(victim.get(back), victim, "expired")


def test_a_code_opens_once(place: Place) -> None:
    place.provider.knows("ann@shop.example")
    browser = place.browser()
    back = consent(to_provider(browser), "ann@shop.example")
    kept = dict(browser.cookies)
    assert browser.get(back).headers["location"] == "/traces"
    thief = place.browser()
    thief.cookies.update(kept)
    refused(thief.get(back), thief, "expired")

    again = place.browser()  # with a state of its own, and the used code
    state = parse_qs(urlsplit(to_provider(again)).query)["state"][0]
    refused(again.get(changed_query(back, state=state)), again, "provider")


def test_a_code_that_somebody_else_was_given_is_refused(place: Place) -> None:
    """The nonce of the ID token is that of another sign-in."""
    place.provider.knows("ann@shop.example")
    stolen = parse_qs(urlsplit(consent(to_provider(place.browser()), "ann@shop.example")).query)["code"][0]
    browser = place.browser()
    state = parse_qs(urlsplit(to_provider(browser)).query)["state"][0]
    refused(browser.get(BACK, params={"state": state, "code": stolen}), browser, "provider")


def test_a_sign_in_that_takes_too_long_is_begun_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.provider.knows("ann@shop.example")
    monkeypatch.setattr(signing_in, "BEGUN_SECONDS", 0)
    browser = place.browser()
    refused(signed_in(browser, "ann@shop.example"), browser, "expired")


def without(name: str) -> Change:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


@pytest.mark.parametrize(
    "change",
    [
        lambda claims: {**claims, "nonce": "another"},
        without("nonce"),
        lambda claims: {**claims, "aud": "another-program"},
        lambda claims: {**claims, "aud": ["tracer", "another"], "azp": "another"},
        without("aud"),
        lambda claims: {**claims, "iss": "https://evil.example"},
        without("iss"),
        lambda claims: {**claims, "exp": int(time.time()) - 3600},
        without("exp"),
        without("sub"),
    ],
    ids=["nonce", "no nonce", "audience", "party", "no audience", "issuer", "no issuer", "expired", "no expiry", "sub"],
)
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(
    place: Place, change: Change, caplog: pytest.LogCaptureFixture
) -> None:
    place.provider.knows("ann@shop.example")
    place.provider.changes.append(change)
    browser = place.browser()
    refused(signed_in(browser, "ann@shop.example"), browser, "provider")
    assert "claim" in caplog.text or "expired" in caplog.text


def test_an_id_token_that_is_changed_as_this_test_can_is_otherwise_taken(place: Place) -> None:
    place.provider.knows("ann@shop.example")
    place.provider.changes.append(lambda claims: {**claims, "harmless": 1})
    browser = place.browser()
    signed_in(browser, "ann@shop.example")
    assert who(browser)["signed_in"]


def test_an_id_token_that_somebody_else_signed_is_refused(place: Place) -> None:
    place.provider.knows("ann@shop.example")
    place.provider.signed_by.append(KEY)
    browser = place.browser()
    refused(signed_in(browser, "ann@shop.example"), browser, "provider")


@pytest.mark.parametrize("verified", [False, None, "true"])
def test_an_e_mail_address_that_is_not_verified_is_none(place: Place, verified: object) -> None:
    place.provider.knows("root@shop.example", email_verified=verified)
    browser = place.browser()
    refused(signed_in(browser, "root@shop.example"), browser, "email")


@pytest.mark.parametrize(
    "email",
    ["ann@other.example", "ann@evil-shop.example", "ann@shop.example.evil.example", "shop.example@evil.example"],
)
def test_who_meets_no_rule_stays_outside(place: Place, email: str) -> None:
    place.provider.knows(email)
    browser = place.browser()
    refused(signed_in(browser, email), browser, "nobody")


def test_a_rule_of_a_project_that_is_gone_opens_nothing(place: Place) -> None:
    place.provider.knows("ann@shop.example")
    place.catalog.delete_project("shop", by="a test")
    browser = place.browser()
    refused(signed_in(browser, "ann@shop.example"), browser, "nobody")


@pytest.mark.parametrize(
    "next",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/x",
        "javascript:x",
        "x",
        "",
    ],
)
def test_a_sign_in_leads_to_no_other_server(place: Place, next: str) -> None:
    place.provider.knows("ann@shop.example")
    assert signed_in(place.browser(), "ann@shop.example", next).headers["location"] == "/"


def test_a_name_that_is_not_the_servers_begins_nothing(place: Place) -> None:
    answer = place.browser().get(BEGIN, headers={"Host": "evil.example"})
    assert answer.status_code == 403


# --- a provider that is away, or says no


def test_without_the_provider_people_are_told_and_keys_open(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with contextlib.closing(open_catalog(projects_url(tmp_path / "all"))) as catalog:
            key = catalog.start()
            with running_server(projects_url(tmp_path / "all"), settings_of(away)) as url, client_of(url) as browser:
                refused(browser.get(BEGIN), browser, "provider")
                assert browser.post(f"{BASE}/sign-in", json={"token": key}).status_code == 204
                assert who(browser)["signed_in"]


def test_a_provider_that_goes_away_in_between_lets_nobody_in(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.provider.knows("ann@shop.example")
    browser = place.browser()
    back = consent(to_provider(browser), "ann@shop.example")

    def broken(claims: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("the provider breaks")

    place.provider.changes.append(broken)
    refused(browser.get(back), browser, "provider")
    assert "sign-in by OpenID Connect" in caplog.text
    assert "a secret" not in caplog.text


def test_who_says_no_at_the_provider_is_told_so(place: Place) -> None:
    browser = place.browser()
    state = parse_qs(urlsplit(to_provider(browser)).query)["state"][0]
    refused(browser.get(BACK, params={"state": state, "error": "access_denied"}), browser, "refused")


def test_a_server_without_a_provider_says_so(tmp_path: Path) -> None:
    with running_server(tmp_path / "traces.db", ServerSettings(port=0)) as url:
        assert httpx.get(f"{url}{BEGIN}").status_code == 404
        assert httpx.get(f"{url}{BACK}").status_code == 404
        assert httpx.get(f"{url}{BASE}/server").json()["sign_in_with"] is None


# --- settings


@pytest.mark.parametrize(
    ("issuer", "client", "roles", "words"),
    [
        ("http://login.example", "tracer", RULES, "https://"),
        ("login.example", "tracer", RULES, "https://"),
        ("https://login.example", "", RULES, "id is missing"),
        ("https://login.example", "tracer", (), "nobody could sign in"),
        ("https://login.example", "tracer", ("read=ann@shop.example",), "ROLES:PROJECT=WHO"),
        ("https://login.example", "tracer", ("read:shop=ann",), "ROLES:PROJECT=WHO"),
        ("https://login.example", "tracer", ("owner:shop=@shop.example",), "owner"),
        ("https://login.example", "tracer", ("write:shop=@shop.example",), "needs the role read"),
    ],
)
def test_settings_that_cannot_work_are_refused(issuer: str, client: str, roles: tuple[str, ...], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        Oidc(issuer, client, "a secret", roles)


def test_the_secret_is_in_no_text_of_the_settings() -> None:
    assert "a secret" not in repr(settings_of("https://login.example"))


def test_a_server_without_projects_has_no_people() -> None:
    with pytest.raises(InvalidArgumentError, match="server of projects"):
        ServerSettings(oidc=Oidc("https://login.example", "tracer", None, RULES))


@pytest.mark.parametrize("by", ["variable", "file"])
def test_the_command_takes_the_secret_from_where_others_cannot_see_it(
    tmp_path: Path, provider: Provider, by: str
) -> None:
    provider.knows("root@shop.example")
    secret = tmp_path / "secret"
    secret.write_text("a secret\n")
    given = ["--oidc-secret-file", str(secret)] if by == "file" else []
    command = [sys.executable, "-m", "tracer", "server", "--port", "0", "--store", f"{tmp_path}/all/"]
    command += ["--oidc-issuer", provider.url, "--oidc-client", "tracer", *given]
    command += ["--oidc-role", "admin:default=root@shop.example"]
    environment = {**os.environ, "TRACER_OIDC_SECRET": "" if by == "file" else "a secret"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            said = [process.stderr.readline() for _ in range(2)]
            with client_of(said[1].strip().rstrip("/")) as browser:
                signed_in(browser, "root@shop.example")
                assert who(browser)["roles"] == ["admin"]
        finally:
            process.terminate()
            process.communicate(timeout=30)

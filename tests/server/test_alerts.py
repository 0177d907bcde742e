"""Alerts over real HTTP and SMTP on loopback: told once when a rule begins to hold, and once when it ends."""

from __future__ import annotations

import contextlib
import json
import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.conftest import client_of, span
from tests.server.test_openapi import problems
from tracer._catalog.folder import FolderCatalog
from tracer.errors import InvalidArgumentError
from tracer.server import ServerSettings, running_server
from tracer.server.alerts import watching
from tracer.server.alerts.rules import Channel, Mail, Rules, Webhook, read_rules
from tracer.server.alerts.state import state_of
from tracer.server.alerts.watching import Alerts
from tracer.server.projects.projects import Projects
from tracer.store import Store

pytestmark = pytest.mark.no_store
MINUTE = 60.0


def alerts_on(store: Store, rules: Rules) -> Alerts:
    """What looks at rules on one store, as a server that was just started."""
    return Alerts(rules, lambda rule: contextlib.nullcontext(store), lambda: state_of(store.url))


class Hook:
    """A webhook that answers with a status; what it got, and by which path."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                hook.paths.append(self.path)
                if hook.status == 0:
                    self.connection.close()  # it may have been taken, or not
                    return
                if hook.status == 200:
                    hook.got.append(json.loads(content))
                    hook.keys.append(self.headers["Idempotency-Key"])
                self.send_response(hook.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


class PostOffice(socketserver.ThreadingTCPServer):
    """A mail server, as far as one message needs it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Letter)


class _Letter(socketserver.StreamRequestHandler):
    server: PostOffice

    def handle(self) -> None:
        to: list[str] = []
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"RCPT":
                to.append(line.decode().partition("<")[2].partition(">")[0])
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                content = b""
                for part in self.rfile:
                    if part == b".\r\n":
                        break
                    content += part
                self.server.mails.append((to, content))
            self.wfile.write(b"250 good\r\n")


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    with PostOffice() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def rules(tmp_path: Path, hook: Hook) -> Callable[..., Path]:
    """Writes a file of rules, by default with one rule and the webhook."""

    def write(rule: str = "", channels: str = "") -> Path:
        file = tmp_path / "alerts.toml"
        rule = rule or '[[rule]]\nname = "Many errors"\nwhen = "errors > 5 %"\nwindow = "10m"\n'
        file.write_text(f"{rule}\n{channels or f'[channels.hook]{chr(10)}webhook = {json.dumps(hook.url)}'}\n")
        return file

    return write


@pytest.fixture
def trace(write: Callable[..., None]) -> Callable[..., None]:
    """Puts a trace into the store."""
    numbers = iter(range(1, 1000))

    def put(at: float, *, status: str = "UNSET", **fields: Any) -> None:
        start = int(at * 1e9)
        number = next(numbers)
        ids = {"trace_id": f"{number:032x}", "span_id": f"{number:016x}"}
        write(span(**ids, start=start, end=start + 10**9, status=status, **fields))

    return put


NOW = time.time()
FAILING = '[[rule]]\nname = "{0} fails"\nproject = "{0}"\nwhen = "errors > 0"\nwindow = "10m"\n'


def test_a_rule_is_told_once_when_it_begins_and_once_when_it_ends_also_across_restarts(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook
) -> None:
    file = rules()

    def check(after: float) -> None:
        alerts_on(store, read_rules(file)).check(NOW + after)  # each time as if the server had been started again

    for _ in range(9):
        trace(NOW - MINUTE)
    check(0)
    assert hook.got == []
    trace(NOW - MINUTE, status="ERROR")
    for after in (15, 30, 8 * MINUTE):
        check(after)
    check(11 * MINUTE)  # no longer, but for how long?
    check(12 * MINUTE)
    assert [told["what"] for told in hook.got] == ["began"]
    check(14 * MINUTE)
    check(17 * MINUTE)

    began, ended = hook.got
    assert (began["what"], began["rule"], began["when"], began["value"]) == ("began", "Many errors", "errors > 5 %", 10)
    assert began["text"] == "Many errors: errors 10 % in 10m (errors > 5 %)"
    assert (ended["what"], ended["event"]) == ("ended", began["event"])
    assert ended["text"] == "Many errors has ended after 13 min (errors > 5 % in 10m)"
    assert len(set(hook.keys)) == 2

    trace(NOW + 30 * MINUTE, status="ERROR")
    check(31 * MINUTE)
    assert [told["what"] for told in hook.got] == ["began", "ended", "began"]
    assert hook.got[2]["event"] != began["event"]


def test_two_servers_on_one_store_tell_once(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook
) -> None:
    trace(NOW - MINUTE, status="ERROR")
    servers = [alerts_on(store, read_rules(rules())) for _ in range(2)]
    threads = [threading.Thread(target=server.check, args=(NOW,)) for server in servers for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [told["what"] for told in hook.got] == ["began"]


def test_a_server_without_a_rule_does_not_end_its_event_while_another_sees_it_hold(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook
) -> None:
    has_it = alerts_on(store, read_rules(rules()))
    another = '[[rule]]\nname = "Another"\nwhen = "traces > 1000"\nwindow = "1h"\n'
    has_it_not = alerts_on(store, read_rules(rules(another)))
    trace(NOW - MINUTE, status="ERROR")
    for after in (0, 15, 30, 45):
        has_it.check(NOW + after)
        has_it_not.check(NOW + after + 1)
    assert [told["what"] for told in hook.got] == ["began"]

    has_it_not.check(NOW + 4 * MINUTE)
    assert len(alerts_on(store, read_rules(rules(another))).state.open_events()) == 1
    has_it_not.check(NOW + 6 * MINUTE)  # whoever had the rule has it no more

    assert has_it_not.state.open_events() == []
    assert [told["what"] for told in hook.got] == ["began"]


def test_a_server_without_a_channel_leaves_its_messages_to_one_that_has_it(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    has_it = alerts_on(store, read_rules(rules()))
    has_it_not = alerts_on(store, read_rules(rules(channels='[channels.other]\nwebhook = "http://127.0.0.1:9/"\n')))
    trace(NOW - MINUTE, status="ERROR")
    hook.status = 500
    has_it.check(NOW)
    hook.status = 200
    has_it_not.check(NOW + 20)
    assert hook.got == []
    has_it.check(NOW + 25)
    assert [told["what"] for told in hook.got] == ["began"]

    hook.status = 500
    has_it.check(NOW + 15 * MINUTE)
    has_it.check(NOW + 21 * MINUTE)
    has_it_not.check(NOW + 23 * 3600)
    assert "that no file has" not in caplog.text
    has_it_not.check(NOW + 25 * 3600)
    hook.status = 200
    has_it.check(NOW + 25 * 3600 + 1)

    assert "1 messages of alerts are for channels that no file has for a day" in caplog.text
    assert [told["what"] for told in hook.got] == ["began"]


@pytest.mark.parametrize("status", [500, 302, 404])
def test_what_was_refused_is_told_later_and_in_order_and_no_redirect_is_followed(
    status: int, rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook
) -> None:
    alerts = alerts_on(store, read_rules(rules()))
    trace(NOW - MINUTE, status="ERROR")
    hook.status = status
    alerts.check(NOW)
    alerts.check(NOW + 5)  # too early
    assert hook.paths == ["/"]
    alerts.check(NOW + 20)
    assert hook.paths == ["/", "/"]
    alerts.check(NOW + 16 * MINUTE)  # ended meanwhile
    hook.status = 200
    for after in range(17, 60):
        alerts.check(NOW + after * MINUTE)

    assert [told["what"] for told in hook.got] == ["began", "ended"]


def test_what_may_have_been_told_is_not_told_again(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    alerts = alerts_on(store, read_rules(rules()))
    trace(NOW - MINUTE, status="ERROR")
    hook.status = 0
    alerts.check(NOW)
    hook.status = 200
    for after in range(1, 9):
        alerts.check(NOW + after * MINUTE)

    assert len(hook.paths) == 1
    assert "it is not repeated" in caplog.text
    assert hook.url not in caplog.text


def test_a_message_whose_server_was_killed_while_it_sent_it_is_not_told_again(
    rules: Callable[..., Path],
    store: Store,
    trace: Callable[..., None],
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Killed(BaseException):
        pass

    def killed(*arguments: object) -> None:
        raise Killed

    trace(NOW - MINUTE, status="ERROR")
    with monkeypatch.context() as patched:
        patched.setattr(watching, "tell", killed)
        with pytest.raises(Killed):
            alerts_on(store, read_rules(rules())).check(NOW)

    alerts = alerts_on(store, read_rules(rules()))
    for after in range(1, 20):
        alerts.check(NOW + after * MINUTE)

    assert [told["what"] for told in hook.got] == ["ended"]
    assert caplog.text.count("may have been told or not") == 1


def test_money_of_a_day_is_told_by_mail(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], post_office: PostOffice
) -> None:
    noon = time.mktime((*time.localtime(NOW)[:3], 12, 0, 0, 0, 0, -1))
    attributes = {"gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat"}
    usage = {"gen_ai.usage.input_tokens": 9_000_000, "gen_ai.usage.output_tokens": 0}
    rule = '[[rule]]\nname = "Spending"\nwhen = "cost > 20 USD"\nwindow = "today"\nfilter = "tags.env = \'prod\'"\n'
    mail = (
        '[channels.oncall]\nmail = ["ann@example.org", "bob@example.org"]\nfrom = "tracer@example.org"\n'
        f'smtp = "smtp://127.0.0.1:{post_office.server_address[1]}"\n'
    )
    alerts = alerts_on(store, read_rules(rules(f'page = "https://traces.example.org/"\n{rule}', mail)))
    for at in (noon - 26 * 3600, noon - 60):  # the first one was yesterday
        trace(at, type="CHAT_MODEL", attributes={**attributes, **usage})
        store.append(
            [json.dumps({"kind": "trace", "trace_id": f"{1:032x}", "time": 1, "tags": {"env": "prod"}}).encode()]
        )
    alerts.check(noon - 120)
    assert post_office.mails == []
    store.append([json.dumps({"kind": "trace", "trace_id": f"{2:032x}", "time": 1, "tags": {"env": "prod"}}).encode()])
    alerts.check(noon)
    alerts.check(noon + 13 * 3600)  # tomorrow

    (to, content), (_, ended) = post_office.mails
    mail_read = message_from_bytes(content, policy=policy.default)
    assert to == ["ann@example.org", "bob@example.org"]
    assert mail_read["Subject"] == "tracer: Spending: cost 22.5 USD today (cost > 20 USD)"
    text = mail_read.get_body().get_content()  # type: ignore[union-attr]
    assert "tags.env = 'prod'" in text
    assert "https://traces.example.org/traces?filter=tags.env" in text
    assert message_from_bytes(ended)["In-Reply-To"] == mail_read["Message-ID"]


def test_slack_gets_its_json_with_the_texts_escaped(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_URL", f"{hook.url}/services/secret")
    rule = '[[rule]]\nname = "<!channel> & more"\nwhen = "traces >= 1"\nwindow = "1h"\n'
    alerts = alerts_on(store, read_rules(rules(rule, '[channels.team]\nslack = "$SLACK_URL"')))
    trace(NOW - MINUTE)
    alerts.check(NOW)

    assert hook.paths == ["/services/secret"]
    assert hook.got == [{"text": "&lt;!channel&gt; &amp; more: traces 1 in 1h (traces &gt;= 1)"}]


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("traces < 1", False),
        ("traces < 4", True),
        ("errors >= 1", True),
        ("errors > 1", False),
        ("errors > 40 %", False),
        ("p95 > 500 ms", True),
        ("p50 > 2 s", False),
        ("tokens > 0", False),
    ],
)
def test_measures(
    when: str, holds: bool, rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook
) -> None:
    for status in ("ERROR", "UNSET", "UNSET"):
        trace(NOW - MINUTE, status=status)
    alerts_on(store, read_rules(rules(f'[[rule]]\nname = "a"\nwhen = "{when}"\nwindow = "1h"\n'))).check(NOW)

    assert bool(hook.got) is holds


def test_few_traces_are_not_judged_by_their_share_and_none_only_by_their_number(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook
) -> None:
    few = '[[rule]]\nname = "few"\nwhen = "errors > 5 %"\nwindow = "1h"\nat_least = 2\n'
    none = '[[rule]]\nname = "none"\nwhen = "traces < 1"\nwindow = "1m"\n'
    slow = '[[rule]]\nname = "slow"\nwhen = "p95 < 1 s"\nwindow = "1m"\n'
    trace(NOW - 2 * MINUTE, status="ERROR")
    alerts_on(store, read_rules(rules(few + none + slow))).check(NOW)

    assert [told["rule"] for told in hook.got] == ["none"]


ALL = '[[rule]]\nname = "a"\nwhen = "errors > 1"\nwindow = "1m"\n[channels.b]\nslack = "http://a"'
MAIL = '[channels.b]\nmail = ["d@e.f"]\nfrom = "a@b.c"\nsmtp = "smtp://g"'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file: it has no [[rule]]"),
        ("[[rule]\n", "is not TOML"),
        ('[[rule]]\nwhen = "errors > 1"\n', "rule 1: name is missing"),
        (
            '[[rule]]\nname = "a"\nwhen = "oops > 1"\nwindow = "1m"\n',
            "rule 'a': when is 'oops > 1', expected one such as",
        ),
        ('[[rule]]\nname = "a"\nwhen = "cost > 1 %"\nwindow = "1m"\n', "rule 'a': when is 'cost > 1 %'"),
        ('[[rule]]\nname = "a"\nwhen = "p95 > 1"\nwindow = "1m"\n', "rule 'a': when is 'p95 > 1'"),
        ('[[rule]]\nname = "a"\nwhen = "errors > 1"\nwindow = "soon"\n', "window: got 'soon', expected a number"),
        ('[[rule]]\nname = "a"\nwhen = "errors > 1"\nwindow = "93d"\n', "expected a second to 92 days"),
        ('[[rule]]\nname = "a"\nwhen = "errors > 1"\nwindow = "1m"\nfilter = "oops"\n', "rule 'a': filter:"),
        ('[[rule]]\nname = "a"\nwhen = "errors > 1"\nwindow = "1m"\ntell = ["b"]\n', "no table for channel 'b'"),
        ('[[rule]]\nname = "a"\nwhen = "errors > 1"\nwindow = "1m"\n', "no table for any channel"),
        (
            '[[rule]]\nname = "a"\nwhen = "errors > 1"\nwindow = "1m"\nwnidow = 1\n[channels.b]\nslack = "http://a"',
            "wnidow",
        ),
        ('[channels.b]\nslack = "ftp://a"', "channels.b: slack is no URL"),
        ('[channels.b]\nslack = "$NOT_THERE_AT_ALL"', "the environment has no variable NOT_THERE_AT_ALL"),
        (
            '[channels.b]\nmail = ["a@b"]\nfrom = "a@b"\nsmtp = "mail"',
            "channels.b: smtp is 'mail', which has no smtp:// or",
        ),
        ('[channels.b]\nslack = "http://a"\nmail = []', "channels.b: expected one of webhook, slack and mail"),
        ('[channels.b]\nwebhook = "http://[::1"', "webhook is no URL of http or https, it has a host in [ ] that is"),
        (
            '[channels.b]\nslack = "http://a..b/"',
            "slack is no URL of http or https, it has a host that cannot be, 'a..b'",
        ),
        ('[channels.b]\nslack = "http://a b/"', "a host that cannot be, 'a b'; write one such as"),
        ('[channels.b]\nslack = "http://999.1.1.1/"', "it has a host or a sign that no URL has"),
        ('[channels.b]\nslack = "http://a/\\n"', "it has a host or a sign that no URL has"),
        ('[channels.b]\nslack = "http://a:abc"', "it has a port that is no number from 1 to 65535"),
        ('[channels.b]\nslack = "http://a:65536"', "it has a port that is no number from 1 to 65535"),
        (f'page = "http://[::1"\n{ALL}', "page is 'http://[::1', which has a host in [ ]"),
        ('[channels.b]\nslack = "http://a"\nheaders = { A = "schlüssel" }', "headers.A has 'ü' in it, expected ASCII"),
        ('[channels.b]\nslack = "http://a"\nheaders = { A = "a\\n" }', "headers.A has '\\n' in it, expected ASCII"),
        ('[channels.b]\nslack = "http://a"\nheaders = { A = " a" }', "headers.A has ' ' in it, expected ASCII"),
        ('[channels.b]\nslack = "http://a"\nheaders = { "A B" = "" }', "'A B' is no name of a header that can be"),
        ('[channels.b]\nslack = "http://a"\nheaders = { Content-Length = "1" }', "'Content-Length' is no name of a"),
        ('[channels.b]\nslack = "http://a"\nheaders = 5', "channels.b: headers is 5, expected a table"),
        (MAIL.replace("a@b.c", ""), "from is '', expected one address such as"),
        (MAIL.replace("a@b.c", "x\\ny@z"), "from is 'x\\ny@z', expected one address such as"),
        (MAIL.replace("a@b.c", "a@b, c@d"), "from is 'a@b, c@d', expected one address"),
        (MAIL.replace("d@e.f", "d@"), "mail is ['d@'], expected a list of addresses"),
        (MAIL.replace("//g", "//g:abc"), "smtp is 'smtp://g:abc', which has a port that is no number from 1 to 65535"),
        (MAIL.replace("//g", "//[::1"), "smtp is 'smtp://[::1', which has a host in [ ]"),
        (MAIL.replace("//g", "//u:secret@g"), "smtp has a user, which is a field of its own; expected"),
        (MAIL + '\npassword = "ü"', "password has 'ü' in it, expected ASCII"),
        ("a = " + "[" * 9999, "is not TOML: "),
        ("a = " + "9" * 9999, "is not TOML: "),
        ('[[rule]]\nname = "a"\nwhen = "errors > 1"\nwindow = "1m"\ntell = [["b"]]\n', "no table for channel ['b']"),
        (ALL.replace("window", "at_least = -1\nwindow"), "at_least is -1, expected a number of traces"),
        (f'[[rule]]\nname = "a"\nwhen = "errors > {"9" * 400}"\nwindow = "1m"\n', "rule 'a': when is 'errors > 999"),
    ],
)
def test_a_file_that_cannot_work_is_refused_with_the_place(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text(content)

    with pytest.raises(InvalidArgumentError) as refused:
        read_rules(file)

    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("channel", "is_kept"),
    [
        (Webhook("http://127.0.0.1:9/", {"Authorization": "schlüssel"}, is_slack=False), True),
        (Webhook("http://[::1", {}, is_slack=False), True),
        (Webhook("http://a..b/", {}, is_slack=True), False),
        (Mail(("a@b",), "x\ny", "127.0.0.1", 9, is_tls=False, user=None, password=None), True),
        (Mail(("a@b",), "a@b", "a..b", 9, is_tls=False, user=None, password=None), True),
    ],
)
def test_what_a_channel_raises_is_its_fault_alone(
    channel: Channel,
    is_kept: bool,
    rules: Callable[..., Path],
    store: Store,
    trace: Callable[..., None],
    hook: Hook,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trace(NOW - MINUTE, status="ERROR")
    given = read_rules(rules())
    [rule] = given.rules
    rule = replace(rule, tell=("odd", "hook"))
    alerts = alerts_on(store, replace(given, rules=(rule,), channels={"odd": channel, **given.channels}))
    alerts.check(NOW)
    seen = alerts.state.channels()

    assert [told["what"] for told in hook.got] == ["began"]
    assert (seen["odd"].failed, seen["odd"].waiting, seen["hook"].told) == (NOW, is_kept, NOW)
    assert "channel 'odd' was not told of an alert: " in caplog.text
    assert "schlüssel" not in caplog.text
    assert seen["odd"].fault
    assert alerts.try_channel("odd") == seen["odd"].fault


def test_the_rules_of_the_documentation_are_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "operating.md"
    [example] = re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "alerts.toml").write_text(example, encoding="utf-8")
    for name in ("SLACK_URL", "PAGER_KEY", "SMTP_PASSWORD"):
        monkeypatch.setenv(name, f"https://{name.lower()}.example.org")

    found = read_rules(tmp_path / "alerts.toml")

    assert [str(rule.when) for rule in found.rules] == ["errors > 5 %", "cost > 20 USD"]
    assert list(found.channels) == ["team", "pager", "oncall"]


def test_a_server_looks_at_its_rules_by_itself_and_lists_them(
    rules: Callable[..., Path], store_url: str, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_EVERY_SECONDS", 0.05)
    before = time.time_ns()  # a look may begin before the record comes, and find it
    with (
        running_server(store_url, ServerSettings(port=0, alerts=str(rules()))) as url,
        client_of(url) as client,
    ):
        now = time.time_ns()
        line = json.dumps(span(start=now - 10**9, end=now, status="ERROR"))
        headers = {"Content-Type": "application/x-ndjson"}
        assert client.post("/api/v1/records", content=line, headers=headers).status_code == 204
        while not hook.got:
            time.sleep(0.02)
        answer = client.get("/api/v1/alerts").json()
        figures = client.get("/metrics").text

    assert problems(answer, "Alerts") == []
    [found] = answer["alerts"]
    assert (found["name"], found["value"], found["fault"]) == ("Many errors", 100, None)
    assert found["since_ns"] > before
    assert 'tracer_alert_firing{rule="Many errors"} 1.0' in figures


def test_a_server_without_rules_lists_none(server_url: str) -> None:
    assert httpx.get(f"{server_url}/api/v1/alerts").json() == {"alerts": [], "channels": []}


def test_it_is_seen_when_a_rule_and_a_channel_were_told_and_why_not(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook
) -> None:
    trace(NOW - MINUTE, status="ERROR")
    hook.status = 500
    alerts_on(store, read_rules(rules())).check(NOW)
    alerts = alerts_on(store, read_rules(rules()))
    [failed] = alerts.state.channels().values()
    hook.status = 200
    alerts.check(NOW + MINUTE)
    [told] = alerts.state.channels().values()

    assert failed == (None, NOW, "status 500", 1)
    assert told == (NOW + MINUTE, NOW, "status 500", 0)
    assert alerts.state.told() == {"Many errors": NOW + MINUTE}


def test_a_channel_is_tried_and_the_list_says_how_it_went(
    rules: Callable[..., Path], store_url: str, hook: Hook
) -> None:
    with (
        running_server(store_url, ServerSettings(port=0, alerts=str(rules()))) as url,
        client_of(f"{url}/api/v1") as client,
    ):
        taken = client.post("/alerts/channels/hook/trial").json()
        hook.status = 403
        refused = client.post("/alerts/channels/hook/trial").json()
        none = client.post("/alerts/channels/oops/trial")
        answer = client.get("/alerts").json()
        is_told = client.get("/server").json()["alerts"]

    assert (taken, refused) == ({"told": True, "fault": None}, {"told": False, "fault": "status 403"})
    assert problems(taken, "Trial") == problems(answer, "Alerts") == []
    assert (none.status_code, "no channel 'oops'" in none.json()["error"]["message"]) == (404, True)
    assert [told["what"] for told in hook.got] == ["trial"]
    [channel] = answer["channels"]
    assert (channel["name"], channel["kind"], channel["fault"], channel["waiting"]) == (
        "hook",
        "webhook",
        "status 403",
        0,
    )
    assert channel["failed_ns"] > channel["told_ns"] > NOW * 1e9
    assert is_told


def test_each_project_has_rules_of_its_own_and_sees_no_others(
    rules: Callable[..., Path], tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_EVERY_SECONDS", 0.05)
    file = rules("".join(map(FAILING.format, ("shop", "lab", "nobody"))))
    with contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog:
        administrator = catalog.start()
        for name in ("shop", "lab"):
            catalog.create_project(name, by="a test")
        keys = [catalog.create_key("a", name, ["read", "write"], by="a test")[1] for name in ("shop", "lab")]
        with (
            running_server(tmp_path / "all", ServerSettings(port=0, projects=True, alerts=str(file))) as url,
            client_of(f"{url}/api/v1") as client,
        ):

            def asks(key: str | None, path: str = "/alerts", method: str = "GET") -> httpx.Response:
                return client.request(method, path, headers={"Authorization": f"Bearer {key}"})

            now = time.time_ns()
            line = json.dumps(span(start=now - 10**9, end=now, status="ERROR"))
            headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {keys[0]}"}
            assert client.post("/records", content=line, headers=headers).status_code == 204
            while not hook.got:
                time.sleep(0.02)
            shop, lab, all_of_them = (asks(key).json() for key in (*keys, administrator))
            trial = [asks(key, "/alerts/channels/hook/trial", "POST") for key in (keys[0], administrator)]

    assert [(told["rule"], told["project"]) for told in hook.got if told["what"] == "began"] == [("shop fails", "shop")]
    assert [(each["name"], each["value"], each["shown"]) for each in shop["alerts"]] == [("shop fails", 1, "1")]
    assert [(each["name"], each["value"]) for each in lab["alerts"]] == [("lab fails", 0)]
    assert shop["channels"] == lab["channels"] == []
    assert [each["name"] for each in all_of_them["channels"]] == ["hook"]
    assert [each["value"] for each in all_of_them["alerts"]] == [None] * 3
    assert [each["since_ns"] is not None for each in all_of_them["alerts"]] == [True, False, False]
    assert "there is no project 'nobody'" in all_of_them["alerts"][2]["fault"]
    assert [answer.status_code for answer in trial] == [403, 200]


def alerts_of(folder: Path, catalog: FolderCatalog, rules: Rules) -> Alerts:
    """What looks at rules on the projects of a folder, as a server that was just started."""
    borrowed = Projects(catalog, ServerSettings(projects=True)).borrowed
    return Alerts(rules, lambda rule: borrowed(rule.project or ""), lambda: state_of(str(folder), of_projects=True))


def test_an_alert_of_a_deleted_project_ends_without_a_message(
    rules: Callable[..., Path], tmp_path: Path, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    read = read_rules(rules(FAILING.format("shop")), of_projects=True)
    with contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog:
        catalog.start()
        project = catalog.create_project("shop", by="a test")
        with contextlib.closing(catalog.open_store(project)) as store:
            store.append([json.dumps(span(start=int((NOW - 60) * 1e9), end=int(NOW * 1e9), status="ERROR")).encode()])
        alerts = alerts_of(tmp_path / "all", catalog, read)
        hook.status = 500
        alerts.check(NOW)
        assert alerts.statuses["shop fails"].since == NOW
        catalog.remove_store(catalog.delete_project("shop", by="a test"))
        for each in (alerts, alerts_of(tmp_path / "all", catalog, read)):
            each.check(NOW + MINUTE)
            status = each.statuses["shop fails"]
            assert (status.since, status.fault) == (None, "there is no project 'shop'")
        hook.status = 200
        alerts.check(NOW + 10 * MINUTE)

        assert (alerts.state.open_events(), alerts.state.channels()["hook"].waiting) == ([], 0)
    assert len(hook.paths) == 1
    assert "the alert 'shop fails' is about no project: there is no project 'shop'" in caplog.text


def test_what_waits_of_a_rule_that_was_taken_out_of_the_file_is_not_told(
    rules: Callable[..., Path], store: Store, trace: Callable[..., None], hook: Hook
) -> None:
    trace(NOW - MINUTE, status="ERROR")
    hook.status = 500
    alerts_on(store, read_rules(rules())).check(NOW)
    hook.status = 200
    hook.paths.clear()
    without = alerts_on(store, read_rules(rules('[[rule]]\nname = "b"\nwhen = "traces > 99"\nwindow = "1h"\n')))
    without.check(NOW + 6 * MINUTE)

    assert without.state.open_events() == []
    assert hook.paths == []


def test_a_channel_of_one_project_is_listed_for_its_readers(
    rules: Callable[..., Path], tmp_path: Path, hook: Hook
) -> None:
    own = FAILING.format("shop") + 'tell = ["own", "shared"]\n'
    others = FAILING.format("lab") + 'tell = ["shared"]\n'
    channels = "".join(f"[channels.{name}]\nslack = {json.dumps(hook.url)}\n" for name in ("own", "shared"))
    settings = ServerSettings(port=0, projects=True, alerts=str(rules(own + others, channels)))
    with contextlib.closing(FolderCatalog(tmp_path / "all")) as catalog:
        administrator = catalog.start()
        catalog.create_project("shop", by="a test")
        reader = catalog.create_key("a", "shop", ["read"], by="a test")[1]
        with running_server(tmp_path / "all", settings) as url, client_of(f"{url}/api/v1") as client:
            listed = [
                client.get("/alerts", headers={"Authorization": f"Bearer {key}"}).json()["channels"]
                for key in (reader, administrator)
            ]

    assert [[channel["name"] for channel in each] for each in listed] == [["own"], ["own", "shared"]]


@pytest.mark.parametrize(("project", "of_projects"), [("", True), ('project = "shop"\n', False)])
def test_a_rule_names_its_project_where_there_are_some(
    project: str, of_projects: bool, rules: Callable[..., Path]
) -> None:
    file = rules(f'[[rule]]\nname = "a"\nwhen = "errors > 1"\nwindow = "1m"\n{project}')

    with pytest.raises(InvalidArgumentError, match="rule 'a': project is"):
        read_rules(file, of_projects=of_projects)

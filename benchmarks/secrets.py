"""How many secrets are redacted, and how much else is damaged: ``python -m benchmarks.secrets`` writes the tables of
docs/privacy.md.

The secrets are made when this runs: the shape of each provider's tokens with a random part, in the places where
programs, tools and people put them. Nothing in this file is a secret or looks like a whole one.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.page import put_between
from tracer._redaction.secrets import without_secrets

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "privacy.md"
_START, _END = "<!-- written by `python -m benchmarks.secrets` -->", "<!-- end of what is written -->"
_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "a": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + string.digits,
    "h": "0123456789abcdef",
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "-_",
    "b": string.ascii_letters + string.digits + "+/",
}


class Case(NamedTuple):
    """A value as a program records it; ``secret`` is the part of it that must go, if any."""

    group: str
    value: Any
    secret: str = ""


class Outcome(NamedTuple):
    """What the search did with the cases of one group."""

    right: int
    cases: int
    wrong: list[Case]


# service, the variable that holds its key, the key's shape: {A20} is twenty letters and digits
_SERVICES = (
    ("OpenAI", "OPENAI_API_KEY", "sk-proj-{w74}T3BlbkFJ{w74}"),
    ("OpenAI, older", "OPENAI_KEY", "sk-{A20}T3BlbkFJ{A20}"),
    ("OpenAI service account", "OPENAI_API_KEY", "sk-svcacct-{w90}"),
    ("Anthropic", "ANTHROPIC_API_KEY", "sk-ant-api03-{w93}AA"),
    ("OpenRouter", "OPENROUTER_API_KEY", "sk-or-v1-{h64}"),
    ("DeepSeek", "DEEPSEEK_API_KEY", "sk-{h32}"),
    ("Groq", "GROQ_API_KEY", "gsk_{A52}"),
    ("Hugging Face", "HF_TOKEN", "hf_{A34}"),
    ("Replicate", "REPLICATE_API_TOKEN", "r8_{A37}"),
    ("xAI", "XAI_API_KEY", "xai-{A80}"),
    ("Perplexity", "PPLX_API_KEY", "pplx-{A48}"),
    ("Google AI", "GEMINI_API_KEY", "AIza{w35}"),
    ("Mistral", "MISTRAL_API_KEY", "{A32}"),
    ("Cohere", "CO_API_KEY", "{A40}"),
    ("Together", "TOGETHER_API_KEY", "{h64}"),
    ("NVIDIA", "NVIDIA_API_KEY", "nvapi-{w64}"),
    ("Pinecone", "PINECONE_API_KEY", "pcsk_{A6}_{A63}"),
    ("LangSmith", "LANGSMITH_API_KEY", "lsv2_pt_{h32}_{h10}"),
    ("Langfuse", "LANGFUSE_SECRET_KEY", "sk-lf-{h8}-{h4}-{h4}-{h4}-{h12}"),
    ("Tavily", "TAVILY_API_KEY", "tvly-dev-{A32}"),
    ("Firecrawl", "FIRECRAWL_API_KEY", "fc-{h32}"),
    ("Cerebras", "CEREBRAS_API_KEY", "csk-{a48}"),
    ("ElevenLabs", "ELEVENLABS_API_KEY", "sk_{h48}"),
    ("Google OAuth access", "GOOGLE_ACCESS_TOKEN", "ya29.a0{w160}"),
    ("Google OAuth client", "GOOGLE_CLIENT_SECRET", "GOCSPX-{w28}"),
    ("Google OAuth refresh", "GOOGLE_REFRESH_TOKEN", "1//0{w60}"),
    ("AWS key id", "AWS_ACCESS_KEY_ID", "AKIA{U16}"),
    ("AWS secret", "AWS_SECRET_ACCESS_KEY", "{b40}"),
    ("Azure client", "AZURE_CLIENT_SECRET", "{A3}8Q~{w34}"),
    ("GitHub", "GITHUB_TOKEN", "ghp_{A36}"),
    ("GitHub app", "GH_TOKEN", "ghs_{A36}"),
    ("GitHub fine-grained", "GITHUB_PAT", "github_pat_{A22}_{A59}"),
    ("GitLab", "GITLAB_TOKEN", "glpat-{A20}"),
    ("GitLab deploy", "GITLAB_DEPLOY_TOKEN", "gldt-{A20}"),
    ("npm", "NPM_TOKEN", "npm_{A36}"),
    ("PyPI", "TWINE_PASSWORD", "pypi-AgEIcHlwaS5vcmc{w120}"),
    ("RubyGems", "GEM_HOST_API_KEY", "rubygems_{h48}"),
    ("Docker Hub", "DOCKER_TOKEN", "dckr_pat_{w27}"),
    ("Slack bot", "SLACK_BOT_TOKEN", "xoxb-{d12}-{d13}-{A24}"),
    ("Slack user", "SLACK_USER_TOKEN", "xoxp-{d12}-{d12}-{d13}-{h32}"),
    ("Slack app", "SLACK_APP_TOKEN", "xapp-1-A{U10}-{d13}-{h64}"),
    ("Slack webhook", "SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T{U10}/B{U10}/{A24}"),
    ("Discord webhook", "DISCORD_WEBHOOK", "https://discord.com/api/webhooks/{d18}/{w68}"),
    ("Discord bot", "DISCORD_TOKEN", "MT{A24}.{A6}.{w38}"),
    ("Telegram", "TELEGRAM_TOKEN", "{d10}:AA{w33}"),
    ("Twilio", "TWILIO_AUTH_TOKEN", "{h32}"),
    ("SendGrid", "SENDGRID_API_KEY", "SG.{w22}.{w43}"),
    ("Mailgun", "MAILGUN_API_KEY", "key-{h32}"),
    ("Mailchimp", "MAILCHIMP_API_KEY", "{h32}-us12"),
    ("Brevo", "BREVO_API_KEY", "xkeysib-{h64}-{A16}"),
    ("Resend", "RESEND_API_KEY", "re_{A8}_{A24}"),
    ("Stripe", "STRIPE_SECRET_KEY", "sk_live_{A24}"),
    ("Stripe restricted", "STRIPE_KEY", "rk_live_{A99}"),
    ("Stripe webhook", "STRIPE_WEBHOOK_SECRET", "whsec_{A32}"),
    ("Square", "SQUARE_ACCESS_TOKEN", "EAAA{w60}"),
    ("Shopify", "SHOPIFY_ACCESS_TOKEN", "shpat_{h32}"),
    ("Vault", "VAULT_TOKEN", "hvs.{w95}"),
    ("Databricks", "DATABRICKS_TOKEN", "dapi{h32}"),
    ("DigitalOcean", "DIGITALOCEAN_TOKEN", "dop_v1_{h64}"),
    ("Fly", "FLY_API_TOKEN", "fo1_{w43}"),
    ("Heroku", "HEROKU_API_KEY", "HRKU-{A36}"),
    ("Render", "RENDER_API_KEY", "rnd_{A32}"),
    ("Netlify", "NETLIFY_AUTH_TOKEN", "nfp_{A36}"),
    ("Supabase", "SUPABASE_ACCESS_TOKEN", "sbp_{h40}"),
    ("PlanetScale", "PLANETSCALE_TOKEN", "pscale_tkn_{w43}"),
    ("Pulumi", "PULUMI_ACCESS_TOKEN", "pul-{h40}"),
    ("Terraform Cloud", "TFE_TOKEN", "{A14}.atlasv1.{A67}"),
    ("Doppler", "DOPPLER_TOKEN", "dp.pt.{A43}"),
    ("Linear", "LINEAR_API_KEY", "lin_api_{A40}"),
    ("Notion", "NOTION_TOKEN", "ntn_{A46}"),
    ("Notion, older", "NOTION_API_KEY", "secret_{A43}"),
    ("Airtable", "AIRTABLE_API_KEY", "pat{A14}.{h64}"),
    ("Atlassian", "JIRA_API_TOKEN", "ATATT3xFfGF0{w170}={U8}"),
    ("Figma", "FIGMA_TOKEN", "figd_{w40}"),
    ("HubSpot", "HUBSPOT_TOKEN", "pat-na1-{h8}-{h4}-{h4}-{h4}-{h12}"),
    ("Sentry", "SENTRY_AUTH_TOKEN", "sntryu_{h64}"),
    ("Grafana", "GRAFANA_TOKEN", "glsa_{A32}_{h8}"),
    ("New Relic", "NEW_RELIC_API_KEY", "NRAK-{U27}"),
    ("Datadog", "DD_API_KEY", "{h32}"),
    ("Postman", "POSTMAN_API_KEY", "PMAK-{h24}-{h34}"),
    ("PostHog", "POSTHOG_PERSONAL_API_KEY", "phx_{A43}"),
    ("Cloudflare", "CLOUDFLARE_API_TOKEN", "{w40}"),
    ("Weights & Biases", "WANDB_API_KEY", "wandb_v1_{A77}"),
    ("Helicone", "HELICONE_API_KEY", "sk-helicone-{a7}-{a7}-{a7}-{a7}"),
    ("Browserbase", "BROWSERBASE_API_KEY", "bb_live_{A27}"),
    ("Modal", "MODAL_TOKEN_SECRET", "as-{A22}"),
    ("Cursor", "CURSOR_API_KEY", "key_{h64}"),
    ("crates.io", "CARGO_REGISTRY_TOKEN", "cio{A32}"),
    ("LaunchDarkly", "LAUNCHDARKLY_SDK_KEY", "sdk-{h8}-{h4}-{h4}-{h4}-{h12}"),
    ("Dropbox", "DROPBOX_ACCESS_TOKEN", "sl.B{w130}"),
    ("Meta", "FACEBOOK_ACCESS_TOKEN", "EAAJ{A150}"),
    ("Duffel", "DUFFEL_ACCESS_TOKEN", "duffel_live_{w43}"),
    ("Adafruit", "ADAFRUIT_IO_KEY", "aio_{A28}"),
    ("Tailscale", "TS_AUTHKEY", "tskey-auth-k{A10}CNTRL-{A32}"),
    ("JSON web token", "SESSION_JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI{A20}.{w43}"),
)


def _name_in_camel(variable: str) -> str:
    first, *rest = variable.lower().split("_")
    return first + "".join(word.capitalize() for word in rest)


Place = Callable[[str, str], Any]  # from the variable's name and its value
# where a key with a name is put
_NAMED: tuple[tuple[str, Place], ...] = (
    ("JSON", lambda name, key: {name.lower(): key, "timeout": 30}),
    ("JSON", lambda name, key: {"config": {_name_in_camel(name): key}}),
    ("JSON", lambda name, key: json.dumps({name.lower(): key, "n": 1})),
    ("JSON", lambda name, key: json.dumps({"arguments": json.dumps({_name_in_camel(name): key}, indent=2)})),
    ("JSON", lambda name, key: {"env": [{"name": name, "value": key}]}),
    ("dicts and code", lambda name, key: f"{{'{name.lower()}': '{key}', 'debug': True}}"),
    ("dicts and code", lambda name, key: f'os.environ["{name}"] = "{key}"'),
    ("dicts and code", lambda name, key: f'{name} = "{key}"  # to be rotated'),
    ("dicts and code", lambda name, key: f"const {_name_in_camel(name)} = `{key}`;"),
    ("dicts and code", lambda name, key: f"client = Client({name.lower()}='{key}', retries=2)"),
    ("env files and shells", lambda name, key: f"DEBUG=1\n{name}={key}\nPORT=80"),
    ("env files and shells", lambda name, key: f"# keys\n{name} = {key}\n"),
    ("env files and shells", lambda name, key: f"export {name}='{key}' && make run"),
    ("env files and shells", lambda name, key: f"{name}: {key}\nregion: eu"),
    ("env files and shells", lambda name, key: f'docker run -e {name}="{key}" image'),
    ("MCP and tool settings", lambda name, key: {"mcpServers": {"x": {"command": "npx", "env": {name: key}}}}),
)
# where a key is put without a name of its own, so that its shape has to tell
_UNNAMED: tuple[tuple[str, Place], ...] = (
    ("headers", lambda _, key: {"headers": {"Authorization": f"Bearer {key}"}}),
    ("headers", lambda _, key: f"curl -H 'Authorization: Bearer {key}' https://api.example.org/v1"),
    ("headers", lambda _, key: [["content-type", "application/json"], ["x-api-key", key]]),
    ("headers", lambda _, key: f"GET /v1/models HTTP/1.1\r\nx-api-key: {key}\r\nAccept: */*"),
    (
        "MCP and tool settings",
        lambda _, key: {"type": "mcp", "server_url": "https://x.org", "headers": {"X-Token": key}},
    ),
    ("MCP and tool settings", lambda _, key: {"args": ["-y", "server", "--api-key", key]}),
    ("command lines", lambda _, key: f"tool login --token {key} --verbose"),
    ("command lines", lambda _, key: f"tool deploy --api-key={key}"),
    ("URLs", lambda _, key: f"https://api.example.org/v1/items?key={key}&page=2"),
    ("URLs", lambda _, key: f"see https://api.example.org/me?access_token={key}"),
)
_IN_TEXT: tuple[Place, ...] = (
    lambda _, key: f"My key is {key}, does that look right?",
    lambda _, key: [key],
    lambda _, key: f"I get a 401 with this one:\n{key}\nwhat now?",
    lambda _, key: f'print("{key}")',
)
_SHAPELESS = re.compile(r"\{[Ahwbd]\d+\}(?:-us12)?$")  # keys that have no beginning of their own


def _fill(shape: str, chance: random.Random) -> str:
    return re.sub(r"\{(\w)(\d+)\}", lambda m: "".join(chance.choices(_ALPHABETS[m[1]], k=int(m[2]))), shape)


def _password(chance: random.Random) -> str:
    words = ("Winter", "correct", "falcon", "Kaffee", "trustno", "s3cure", "Blue", "harbor", "monday", "Zebra")
    kind = chance.randrange(4)
    if kind == 0:
        return chance.choice(words) + str(chance.randrange(10, 9999)) + chance.choice("!#$%*")
    if kind == 1:
        return "".join(chance.choices(string.ascii_letters + string.digits + "!%*-_+", k=chance.randrange(10, 24)))
    if kind == 2:
        return chance.choice(words) + "-" + chance.choice(words) + "-" + str(chance.randrange(100))
    return "".join(chance.choices(string.ascii_lowercase + string.digits, k=12))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# where passwords are put
_PASSWORDS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("JSON", lambda p: {"user": "ann", "password": p}),
    ("JSON", lambda p: json.dumps({"db": {"host": "h", "db_password": p}})),
    ("dicts and code", lambda p: f"connect(host='h', password='{p}')"),
    ("dicts and code", lambda p: f"{{'username': 'ann', 'passwd': '{p}'}}"),
    ("env files and shells", lambda p: f"DB_HOST=h\nDB_PASSWORD={p}\nDB_PORT=5432"),
    ("env files and shells", lambda p: f"SMTP_PASS = {p}\nSMTP_PORT = 25"),
    ("env files and shells", lambda p: f"PGPASSWORD={p} psql -h db -U app"),
    ("command lines", lambda p: f"tool login --user ann --password {p}"),
    ("command lines", lambda p: {"args": ["login", "--password", p, "-v"]}),
    ("command lines", lambda p: f"curl -u ann:{p} https://example.org/a"),
    ("command lines", lambda p: f"curl --user 'ann:{p}' https://example.org/a"),
    ("command lines", lambda p: f"mysql -h db -u root -p{p} shop"),
    ("command lines", lambda p: f"sshpass -p '{p}' ssh ann@host"),
    ("command lines", lambda p: f"redis-cli -h cache -a {p} ping"),
    ("command lines", lambda p: f"unzip -P {p} backup.zip"),
    ("command lines", lambda p: f"openssl rsa -in key.pem -passin pass:{p} -out plain.pem"),
    ("command lines", lambda p: f"net use Z: \\\\files\\team {p} /user:CORP\\ann"),
    ("command lines", lambda p: f"net use \\\\files\\team /user:ann {p}"),
    ("password files", lambda p: f"machine example.org login ann password {p}"),
    ("password files", lambda p: f"machine example.org\n  login ann\n  password {p}\n"),
    ("password files", lambda p: f"db.example.org:5432:shop:ann:{p}"),
    ("password files", lambda p: f"*:*:*:ann:{p}"),
    ("password files", lambda p: f"<server><username>ann</username><password>{p}</password></server>"),
    ("password files", lambda p: f"[client]\nuser = root\npassword = {p}\n"),
    ("connection strings", lambda p: f"postgresql://ann:{p}@db.example.org:5432/shop"),
    ("connection strings", lambda p: {"url": f"redis://:{p}@cache:6379/0"}),
    ("connection strings", lambda p: f"mongodb+srv://app:{p}@cluster0.example.net/?retryWrites=true"),
    ("connection strings", lambda p: f"Server=tcp:db,1433;Database=shop;User ID=ann;Password={p};Encrypt=True;"),
    ("connection strings", lambda p: f"jdbc:postgresql://db/shop?user=ann&password={p}"),
    ("connection strings", lambda p: f"host=db dbname=shop user=ann password={p}"),
    ("headers", lambda p: {"Authorization": "Basic " + _base64(f"ann:{p}")}),
    ("headers", lambda p: f"curl -H 'Authorization: Basic {_base64('ann:' + p)}' https://example.org"),
    ("command lines", lambda p: f"docker login -u ann -p {p} ghcr.io"),
    ("command lines", lambda p: f"unzip -P {p} pages.zip"),
    ("command lines", lambda p: f"net use Z: //host/share /user:ann {p}"),
    ("command lines", lambda p: f"openssl rsa -passin pass:{p} -in key.pem"),
    ("dicts and code", lambda p: f"requests.get(url, auth=('ann', '{p}'))"),
    ("password files", lambda p: f'<property name="password" value="{p}"/>'),
    ("JSON", lambda p: {"user": "ann", "pw": p}),
    ("dicts and code", lambda p: f"smtp.login('ann@example.org', '{p}')"),
    ("dicts and code", lambda p: f"CREATE USER ann IDENTIFIED BY '{p}';"),
    ("dicts and code", lambda p: f"ConvertTo-SecureString '{p}' -AsPlainText -Force"),
    ("dicts and code", lambda p: f"the `DB_PASSWORD`: `{p}`"),
    ("command lines", lambda p: f"kubectl create secret generic db --from-literal=password={p}"),
    ("command lines", lambda p: f"sqlcmd -S db -U sa -P {p} -Q 'SELECT 1'"),
    ("command lines", lambda p: f"pscp -pw {p} a.txt ann@host:"),
    ("command lines", lambda p: f"7z x -p{p} backup.7z"),
    ("command lines", lambda p: f"ldapsearch -x -D cn=ann -w {p} -b dc=example"),
    ("command lines", lambda p: f"htpasswd -cb .htpasswd ann {p}"),
    ("a password in a sentence", lambda p: f"Mein Passwort: {p}"),
    ("a password in a sentence", lambda p: f"mon mot de passe : {p}"),
    ("a password in a sentence", lambda p: f"mi contraseña: {p}"),
    ("a password in a sentence", lambda p: f"the password is {p}"),
    ("a password in a sentence", lambda p: f"you can log in with ann and {p}"),
    ("docker configs", lambda p: {"auths": {"ghcr.io": {"auth": _base64(f"ann:{p}")}}}),
    ("docker configs", lambda p: json.dumps({"auths": {"registry.example.org": {"auth": _base64(f"ci-bot:{p}")}}}, indent=2)),
)  # fmt: skip
# where random values are put that belong to no provider
_RANDOM: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("cookies", "{A40}", lambda s: {"headers": {"Cookie": f"session={s}; theme=dark"}}),
    ("cookies", "{A40}", lambda s: f"Set-Cookie: sid={s}; Path=/; HttpOnly"),
    ("cookies", "{h32}", lambda s: {"cookies": {"sessionid": s, "theme": "dark"}}),
    ("cookies", "{w43}", lambda s: {"cookies": [{"name": "sid", "value": s, "domain": "x.org", "path": "/"}]}),
    ("cookies", "{A26}", lambda s: f"requests.get(url, cookies={{'PHPSESSID': '{s}'}})"),
    ("cookies", "{A32}", lambda s: [("set-cookie", f"csrftoken={s}; SameSite=Lax")]),
    ("cookies", "{A40}", lambda s: {"cookies": [["session", s]]}),
    ("dicts and code", "{A32}", lambda s: f'var token string = "{s}"'),
    ("headers", "{A40}", lambda s: {"X-Auth-Token": s}),
    ("headers", "{h40}", lambda s: {"headers": [["Private-Token", s]]}),
    ("headers", "{A32}", lambda s: f"Authorization: Token {s}"),
    ("headers", "{h32}", lambda s: {"Ocp-Apim-Subscription-Key": s}),
    ("headers", "{A40}", lambda s: {"Proxy-Authorization": f"Bearer {s}"}),
    ("MCP and tool settings", "{A36}", lambda s: {"type": "mcp", "headers": {"X-Access": s, "Accept": "application/json"}}),
    ("MCP and tool settings", "{h40}", lambda s: json.dumps({"tool": "mcp", "headers": {"X-Workspace-Key": s}})),
    ("connection strings", "{b86}==", lambda s: f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={s};EndpointSuffix=core.windows.net"),
    ("connection strings", "{b43}=", lambda s: f"Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={s}"),
    ("URLs", "{A43}", lambda s: f"https://shop.blob.core.windows.net/c/f?sv=2024-01-01&sig={s}%3D"),
    ("URLs", "{h64}", lambda s: f"https://b.s3.amazonaws.com/f?X-Amz-Date=20260101T000000Z&X-Amz-Signature={s}"),
    ("URLs", "{h32}", lambda s: f"https://{s}@o123.ingest.sentry.io/456"),
    ("URLs", "{A40}", lambda s: f"git clone https://x-access-token:{s}@git.example.org/a.git"),
    ("URLs", "{A36}", lambda s: f"https://example.org/reset?token={s}"),
    ("JSON", "{A40}", lambda s: {"refresh_token": s, "expires_in": 3600, "token_type": "Bearer"}),
    ("JSON", "{A32}", lambda s: {"client_id": "app", "client_secret": s}),
    ("JSON", "{A24}", lambda s: json.dumps({"webhook_token": s})),
    ("JSON", "{A24}", lambda s: {"encryption_key": s}),
    ("JSON", "{A40}", lambda s: {"token": s}),
    ("env files and shells", "{A50}", lambda s: f"SECRET_KEY={s}\nDEBUG=0"),
    ("password files", "{A36}", lambda s: f"//registry.example.org/:_authToken={s}"),
    ("password files", "{A32}", lambda s: f"[default]\naws_session_token = {s}\n"),
    ("password files", "{A32}", lambda s: f"[registry]\ntoken = \"{s}\"\n"),
)  # fmt: skip


def _key_file(first: str, body: str, last: str) -> Callable[[random.Random], tuple[str, str]]:
    def make(chance: random.Random) -> tuple[str, str]:
        lines = [_fill("{b64}", chance) for _ in range(12)]
        return first + "\n" + body + "\n".join(lines) + "\n" + last, lines[5]

    return make


_DASHES = "-" * 5
_KINDS = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
_PGP = "PGP PRIVATE KEY BLOCK"
_KEY_FILES = (
    *(_key_file(f"{_DASHES}BEGIN {kind}{_DASHES}", "", f"{_DASHES}END {kind}{_DASHES}") for kind in _KINDS),
    _key_file(f"{_DASHES}BEGIN {_PGP}{_DASHES}", "\n", f"{_DASHES}END {_PGP}{_DASHES}"),
    _key_file("PuTTY-User-Key-File-3: ssh-rsa", "Encryption: none\nPrivate-Lines: 12\n", "Private-MAC: " + "0f" * 32),
)
_AROUND_KEY_FILES: tuple[Callable[[str], Any], ...] = (
    lambda text: text,
    lambda text: {"private_key": text},
    lambda text: json.dumps({"type": "service_account", "private_key": text}),
    lambda text: f"cat id_rsa\n{text}\n$ ",
    lambda text: json.dumps({"arguments": json.dumps({"content": text})}),
)


def secrets_in_context(seed: int = 1) -> Iterator[Case]:
    """Secrets where programs, tools and people put them; the same ones for the same seed."""
    chance = random.Random(seed)
    for number, (_, variable, shape) in enumerate(_SERVICES):
        for place in range(3):
            group, put = _NAMED[(number * 3 + place) % len(_NAMED)]
            key = _fill(shape, chance)
            yield Case(group, put(variable, key), key)
        group, put = _UNNAMED[number % len(_UNNAMED)]
        key = _fill(shape, chance)
        yield Case(group, put(variable, key), key)
        if not _SHAPELESS.match(shape):
            key = _fill(shape, chance)
            yield Case("a key alone in text", _IN_TEXT[number % len(_IN_TEXT)](variable, key), key)
    for group, put_password in _PASSWORDS:
        for _ in range(3):
            password = _password(chance)
            value = put_password(password)
            encoded = _base64(f"ann:{password}"), _base64(f"ci-bot:{password}")
            text = json.dumps(value)
            yield Case(group, value, next((each for each in encoded if each in text), password))
    for group, shape, put_password in _RANDOM:
        for _ in range(2):
            secret = _fill(shape, chance)
            yield Case(group, put_password(secret), secret)
    for make in _KEY_FILES:
        for around in _AROUND_KEY_FILES:
            text, secret = make(chance)
            yield Case("private keys", around(text), secret)


_HARMLESS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("counts and limits", (
        {"max_tokens": 512, "prompt_tokens": 83, "completion_tokens": 7, "total_tokens": 90},
        {"token_count": "1024", "tokens": "seven"}, "--max-tokens 100 --tokenizer bpe", "max_tokens=4096, n=2",
        {"usage": {"cached_tokens": 0, "reasoning_tokens": 128}}, "tokens: 1234567 in, 8910 out",
        {"token_limit": 128000, "password_length": 12, "key_count": 3}, "total_tokens=123456789",
        {"min_password_length": 16, "secret_count": 2, "cookies_enabled": True}, "rate limit: 30000 tokens per minute",
    )),
    ("tokens of models and pages", (
        {"eos_token": "<|endoftext|>", "pad_token": "[PAD]", "bos_token": "<s>"}, {"unk_token": "<unk>"},
        {"next_page_token": "CAUQAA4f9Zk2mQ"}, {"nextPageToken": "EAAaBlBUOkNBb3k4"}, {"pageToken": "b3Blbl9zZXNhbWUx2"},
        "https://api.example.org/items?page_token=CgwIhN6xqQYQ", {"continuation_token": "1!8!MDAwMDAw4mQ2"},
        {"sync_token": "CPDAlvWDx70CEPDAlvWDx70CGAU="}, {"logprobs": [{"token": "Hello", "logprob": -0.1}]},
        {"token": "Ġrepresentative", "logprob": -2.5}, {"top_logprobs": [{"token": " international", "bytes": [1]}]},
        {"stop_token": "</tool_call>"}, {"token": "<|im_start|>"}, {"cursor": "eyJpZCI6MTAwfQ=="}, {"token_type": "Bearer"},
        {"special_tokens": ["<|user|>", "<|assistant|>"]}, {"token": "internationalization"},
    )),
    ("hashes and ids", (
        "chatcmpl-CdxiIrlxetLzjuBRfsl3k1X7s1F9u", {"id": "call_abc123DEF456ghi789JKL012"}, {"id": "msg_01XFDUDYJgAACzvnptvVoYEL"},
        {"trace_id": "0af7651916cd43dd8448eb211c80319c"}, "req_011CSHoEeqs5C35K2UUqR7Fy", {"etag": 'W/"5f3e-18b2c6"'},
        {"system_fingerprint": "fp_44709d6fcb"}, "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        {"cache_key": "9f86d081884c7d659a2feaa0c55ad015"}, {"idempotency_key": "stainless-python-retry-3f9a2c71"},
        {"public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ann@host"},
        {"headers": {"x-request-id": "req_b1946ac92492d2347c6235b4d2611184", "cf-ray": "8f1a2b3c4d5e6f70-FRA"}},
        {"primary_key": "user_id", "foreign_key": "order_8f3a2b1c9d"}, {"partition_key": "tenant#4f9a1b2c3d4e5f60"},
        {"key": "550e8400-e29b-41d4-a716-446655440000"}, {"object_key": "uploads/2026/11/IMG_20261129_101112.jpg"},
        {"s3_key": "logs/a1b2c3d4e5f60718/part-00001.parquet"}, "asst_abc123def456ghi789jkl012mno",
    )),
    ("names in code", (
        "pip install sk-learn-contrib-extensions", "from hub import hf_hub_download_from_repository", "class sk_base_estimator_wrapper:",
        "a task-management-system-that-is-long and a risk-assessment-procedure", "password = get_password()",
        "api_key = os.environ['OPENAI_API_KEY']", "api_key=os.getenv('OPENAI_API_KEY')", "def login(user: str, password: str) -> None:",
        "client = OpenAI(api_key=api_key)", "token = tokenizer.convert_ids_to_tokens(ids)", "secret = self.settings.client_secret",
        "sorted(items, key=operator.itemgetter('created_at'))", "key=lambda row: row.created_at", "if password == expected_password:",
        "auth=HTTPBasicAuth(user, password)", "const token = await getAccessToken();", "headers['Authorization'] = authorization",
        "process.env.STRIPE_SECRET_KEY", "${{ secrets.GITHUB_TOKEN }}", "api_key: str | None = None", "self.access_token = access_token",
        "key-value-store-with-persistence", "sk-toolbar-button-primary-active", "ghp_token_regex_pattern_for_tests",
        "xoxb_slack_token_validator", "re_compile_patterns_and_cache_them", "npm_config_registry_fallback_setting",
        "glpat-token-format-documentation", "hf_transformers_configuration_loader", "AKIA_PREFIX_LENGTH = 16",
        "private_key_path = '~/.ssh/id_ed25519'", "cookie_policy=strict_same_site", "token_urlsafe(32)", "password_hash_iterations=600000", {"compass": "north"}, {"bypass": "yes", "lowpass": "3kHz"}, "smtp.login(user, password)",
        "def test_authorization_header_is_required() -> None:", "import secrets; secrets.token_hex()", "self._pass_through = pass_through",
        "unzip -p report.docx word/document.xml | head", "net use of energy falls; see /user:guide for more",
    )),
    ("prose", (
        "The bearer instrument is payable on demand.", "the bearer of bad news", "Basic authentication is simple.",
        "The secret: practise every day.", "Key: C major. Tempo: 120.", "password: must be at least 12 characters long",
        "Your API key is missing. Please set it in the settings.", "Cookie: a small file that a site leaves behind.",
        "Authorization: required for all endpoints", "The token limit was exceeded.", "What is an access token and a refresh token?",
        "my password is not working", "the key = value form, a=b, tokens=5", "Forgot your password?", "a secretary and her keyboard",
        "Invalid API key provided", "He has the key to the city.", "mail me@example.com or see https://example.com/a@b",
        "Auth: none", "Passwords must match.", "sk-learn is scikit-learn", "The password field is required.", "session cookies: yes or no?",
        "SG.US is no ticker", "She used -u to unbuffer: python -u script.py", "10:30:00 -u", "the ratio 5432:1", "git push -u origin main",
    )),
    ("placeholders", (
        "sk-...", "OPENAI_API_KEY=sk-...", {"api_key": "<your-key>"}, {"api_key": "your-api-key-here"}, "api_key='YOUR_API_KEY'",
        {"password": "********"}, {"token": "xxxxxxxxxxxxxxxxxxxx"}, "Authorization: Bearer <token>", "Authorization: Bearer $TOKEN",
        "export GITHUB_TOKEN=<your token>", {"api_key": "${OPENAI_API_KEY}"}, {"secret": "{{ vault.secret }}"}, "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
        {"password": "changeme"}, "postgres://user:password@localhost/db", {"Authorization": "[REDACTED]"}, {"api_key": None},
        {"api_key": ""}, "curl -u user:$PASSWORD https://example.org", "--password <password>", "--token YOUR_TOKEN", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        {"api_key": "os.environ/OPENAI_API_KEY"}, {"password": "password"}, "PASSWORD=", {"secret": "replace-me"},
    )),
    ("schemas and addresses", (
        {"type": "object", "properties": {"password": {"type": "string"}, "api_key": {"type": "string", "description": "Your key"}}},
        {"required": ["username", "password", "token"]}, {"securitySchemes": {"bearerAuth": {"type": "http", "scheme": "bearer"}}},
        "https://x.org/?key=firstname&value=Ann", "https://x.org/search?q=token&sort=key", {"monkey": "banana", "keyboard": "qwerty"},
        {"keys": [{"key": "a", "value": "b"}]}, {"key": "created_at", "direction": "desc"}, {"auth": "none"}, {"auth_type": "oauth2"},
        {"token_url": "https://auth.example.org/oauth/token"}, {"authorization_endpoint": "https://auth.example.org/authorize"},
        {"label": "Password", "placeholder": "Enter your password"}, {"password": "string"}, {"credentials": "include"},
        {"cookie": "chocolate chip"}, {"cookies": ["oatmeal", "ginger"]}, {"headers": {"content-type": "application/json", "user-agent": "openai-python/2.1.0"}},
        {"key": "ArrowDown"}, {"hotkey": "Ctrl+Shift+P"}, {"session": "morning"}, {"signature": "def f(a: int) -> str"},
    )),
)  # fmt: skip


def look_alikes(seed: int = 1) -> Iterator[Case]:
    """What only looks like secrets: counts, hashes, ids, pictures, names in code, prose, placeholders."""
    chance = random.Random(seed)
    for group, values in _HARMLESS:
        for value in values:
            yield Case(group, value)
    for shape, put in (
        ("{h40}", lambda s: f"commit {s}"),
        ("{h40}", lambda s: {"sha": s}),
        ("{h64}", lambda s: f"sha256:{s}"),
        ("{h8}-{h4}-{h4}-{h4}-{h12}", lambda s: {"request_id": s}),
        ("{h8}-{h4}-{h4}-{h4}-{h12}", lambda s: f"https://example.org/orders/{s}"),
        ("{b300}", lambda s: {"image_url": f"data:image/png;base64,iVBORw0KGgo{s}"}),
        ("{A24}", lambda s: {"id": f"toolu_{s}"}),
        ("{w200}", lambda s: {"encrypted_content": s}),
        ("{A12}", lambda s: f"https://cdn.example.org/{s}.js"),
    ):
        for _ in range(2):
            yield Case("hashes and ids", put(_fill(shape, chance)))


def searched(value: Any) -> str:
    """The text of a value after the search for secrets."""
    line = json.dumps({"attributes": {"value": value}}, ensure_ascii=False, separators=(",", ":")).encode()
    return without_secrets(line).decode()


def is_redacted(case: Case) -> bool:
    """Whether nothing of the secret's second half is left."""
    left, secret = searched(case.value), case.secret
    window = min(8, len(secret) // 2)
    return not any(secret[i : i + window] in left for i in range(len(secret) // 2, len(secret) - window + 1))


def is_kept(case: Case) -> bool:
    """Whether nothing was redacted."""
    line = json.dumps({"attributes": {"value": case.value}}, ensure_ascii=False, separators=(",", ":"))
    return searched(case.value) == line


def outcomes(cases: Iterator[Case], is_right: Callable[[Case], bool]) -> dict[str, Outcome]:
    """How many cases of each group are right."""
    found: dict[str, Outcome] = {}
    for case in cases:
        right, count, wrong = found.get(case.group, Outcome(0, 0, []))
        if is_right(case):
            found[case.group] = Outcome(right + 1, count + 1, wrong)
        else:
            found[case.group] = Outcome(right, count + 1, [*wrong, case])
    return found


def _table(title: str, done: str, found: dict[str, Outcome]) -> Iterator[str]:
    yield f"| {title} | cases | {done} |"
    yield "|---|---|---|"
    for group, outcome in sorted(found.items()):
        yield f"| {group} | {outcome.cases} | {outcome.right} |"
    yield f"| **all** | **{sum(each.cases for each in found.values())}** | **{sum(each.right for each in found.values())}** |"


def _show(found: dict[str, Outcome]) -> None:
    for group, outcome in found.items():
        for case in outcome.wrong:
            print(f"{group}: {json.dumps(case.value)[:200]}\n    {searched(case.value)[:200]}")


def main() -> None:
    """Measure, and write the tables of docs/privacy.md."""
    secrets = outcomes(secrets_in_context(), is_redacted)
    harmless = outcomes(look_alikes(), is_kept)
    if "--show" in sys.argv:
        _show(secrets)
        _show(harmless)
        return
    lines = [*_table("secrets", "redacted", secrets), "", *_table("what only looks like them", "kept", harmless)]
    _PAGE.write_text(put_between(_PAGE.read_text(), _START, _END, lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()

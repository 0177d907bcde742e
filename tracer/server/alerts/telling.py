"""Sends a message: to a webhook, to a service that takes Slack's JSON, or by mail; only to addresses of the file."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate

import httpx

from tracer._json import JsonObject
from tracer.server.alerts.rules import Channel, Mail, Webhook
from tracer.server.settings import is_loopback

_SECONDS = 10.0


class NotToldError(Exception):
    """A message was not sent; ``is_certain`` if it cannot have arrived, so that it may be sent again."""

    def __init__(self, reason: str, *, is_certain: bool) -> None:
        super().__init__(reason)
        self.is_certain = is_certain


def tell(channel: Channel, content: JsonObject) -> None:
    """Send a message once. Raises NotToldError alone, which names no address: those of webhooks are secrets."""
    try:
        if isinstance(channel, Mail):
            _mail(channel, content)
        else:
            _post(channel, content)
    except NotToldError:
        raise
    except Exception as error:
        raise NotToldError(f"an unexpected fault ({type(error).__name__})", is_certain=False) from None


def _post(channel: Webhook, content: JsonObject) -> None:
    key = {"Idempotency-Key": f"{content['event']}-{content['what']}"}
    body = {"text": _for_slack(content)} if channel.is_slack else content
    try:
        # no redirects: a message goes only to the address in the file
        client = httpx.Client(timeout=_SECONDS, follow_redirects=False)
        request = client.build_request("POST", channel.url, json=body, headers={**key, **channel.headers})
    except Exception as error:
        raise _unwritten(error) from None
    try:
        with client:
            answer = client.send(request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise NotToldError(f"no connection ({type(error).__name__})", is_certain=True) from None
    except httpx.HTTPError as error:
        raise NotToldError(f"no answer ({type(error).__name__})", is_certain=False) from None
    if not answer.is_success:
        raise NotToldError(f"status {answer.status_code}", is_certain=True)


def _unwritten(error: Exception) -> NotToldError:
    return NotToldError(f"it cannot be written as its table says ({type(error).__name__})", is_certain=True)


def _for_slack(content: JsonObject) -> str:
    text = str(content["text"]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{text}\n<{content['url']}|The traces>" if content["url"] else text


def _mail(channel: Mail, content: JsonObject) -> None:
    try:
        message = _message(channel, content)
    except Exception as error:
        raise _unwritten(error) from None
    try:
        server = _connected(channel)
    except Exception as error:
        raise NotToldError(f"no connection to the mail server ({type(error).__name__})", is_certain=True) from None
    try:
        server.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise NotToldError(f"the mail server answered {error.smtp_code}", is_certain=True) from None
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError) as error:
        raise NotToldError(f"the mail server refused it ({type(error).__name__})", is_certain=True) from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotToldError(f"no answer of the mail server ({type(error).__name__})", is_certain=False) from None
    finally:
        server.close()


def _connected(channel: Mail) -> smtplib.SMTP:
    """A connection, encrypted and signed in where the server supports it and the file asks for it."""
    context = ssl.create_default_context()
    if channel.is_tls:
        server: smtplib.SMTP = smtplib.SMTP_SSL(channel.host, channel.port, timeout=_SECONDS, context=context)
    else:
        server = smtplib.SMTP(channel.host, channel.port, timeout=_SECONDS)
    try:
        server.ehlo_or_helo_if_needed()
        if not channel.is_tls and server.has_extn("starttls"):
            server.starttls(context=context)
        elif not channel.is_tls and channel.password and not is_loopback(channel.host):
            raise smtplib.SMTPNotSupportedError("the server offers no encryption for the password")
        if channel.user and channel.password:
            server.login(channel.user, channel.password)
    except BaseException:
        server.close()
        raise
    return server


def _message(channel: Mail, content: JsonObject) -> EmailMessage:
    message = EmailMessage()
    message["From"] = channel.sender
    message["To"] = ", ".join(channel.to)
    message["Date"] = formatdate()
    message["Subject"] = f"tracer: {content['text']}"[:200]
    message["Message-ID"] = f"<{content['event']}-{content['what']}@tracer>"
    if content["what"] == "ended":
        message["In-Reply-To"] = f"<{content['event']}-began@tracer>"
    lines = [
        content["text"],
        "",
        f"rule      {content['rule']}: {content['when']} in {content['window']}",
        f"traces    {content['filter'] or 'all'}",
        f"began     {content['began']}",
        f"ended     {content['ended'] or 'not yet'}",
        *(["", content["url"]] if content["url"] else []),
    ]
    message.set_content("\n".join(lines) + "\n")
    return message

"""Channels: what each of them sends, and what it makes of the answers of its service."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.track.follow.servers import MailServer, certificate, hooks
from whet.base.alerts import AlertChannel
from whet.base.catalogue import channel
from whet.base.errors import ConfigError
from whet.track.follow import post
from whet.track.follow.channels import email
from whet.track.follow.kinds.alerts import opened
from whet.track.follow.message import filled, message
from whet.track.follow.undelivered import Undelivered

ALLOW = ["127.0.0.0/8", "::1"]
SAID = message("digits", "error", "loss > 10", "loss 12.5 <b> & @here", 340, 1.8e9)


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    monkeypatch.setattr(post, "DEADLINE_S", 1.0)
    monkeypatch.setattr(email, "DEADLINE_S", 1.0)
    monkeypatch.setenv("WHET_KEYRING", str(tmp_path / "none"))


def sent(monkeypatch, hook, kind, secrets, **settings):
    """What a channel posts, and where to."""
    for name, value in secrets.items():
        monkeypatch.setenv(f"WHET_{kind}_{name}".upper(), value)
    opened(AlertChannel.model_validate({"kind": kind, "allow": ALLOW, **settings})).send(SAID)
    return hook.taken[-1]


@pytest.mark.parametrize(
    ("kind", "find"),
    [
        ("slack", lambda body: body["text"]),
        ("discord", lambda body: body["content"]),
        ("lark", lambda body: body["content"]["text"]),
        ("dingtalk", lambda body: body["text"]["content"]),
        ("wecom", lambda body: body["text"]["content"]),
    ],
)
def test_a_webhook_carries_title_text_level_run_and_step(monkeypatch, kind, find):
    with hooks() as server:
        taken = sent(monkeypatch, server, kind, {"url": server.url})
    text = find(taken["json"]).replace("&gt;", ">")
    for part in ("[error]", "loss > 10", "loss 12.5", "digits", "step 340"):
        assert part in text
    assert taken["path"].startswith("/hook/T0PSECRET")


def test_slack_and_discord_texts_mention_nobody(monkeypatch):
    with hooks() as server:
        slack = sent(monkeypatch, server, "slack", {"url": server.url})["json"]["text"]
        discord = sent(monkeypatch, server, "discord", {"url": server.url})["json"]
    assert "<" not in slack and ">" not in slack and "&lt;b&gt; &amp;" in slack
    assert discord["allowed_mentions"] == {"parse": []}


def test_telegram_and_bark_keep_their_keys_out_of_settings(monkeypatch):
    with hooks() as server:
        base = server.url.removesuffix("/hook/T0PSECRET")
        telegram = sent(monkeypatch, server, "telegram", {"token": "99:abc"}, chat_id="-100", server=base)
        bark = sent(monkeypatch, server, "bark", {"key": "device"}, server=base)
    assert telegram["path"] == "/bot99:abc/sendMessage" and telegram["json"]["chat_id"] == "-100"
    assert bark["path"] == "/push" and bark["json"]["device_key"] == "device" and bark["json"]["group"] == "digits"
    assert bark["json"]["id"]  # one that comes again takes the other's place


def test_lark_signs_by_its_rule(monkeypatch):
    with hooks() as server:
        body = sent(monkeypatch, server, "lark", {"url": server.url, "sign": "key"})["json"]
    key = f"{body['timestamp']}\nkey".encode()  # the text is the key, and what is signed is empty
    assert body["sign"] == base64.b64encode(hmac.new(key, digestmod=hashlib.sha256).digest()).decode()
    assert abs(time.time() - int(body["timestamp"])) < 60


def test_dingtalk_signs_by_its_rule(monkeypatch):
    with hooks() as server:
        path = sent(monkeypatch, server, "dingtalk", {"url": f"{server.url}?access_token=x", "sign": "SECkey"})["path"]
    said = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    text = f"{said['timestamp']}\nSECkey".encode()
    assert said["sign"] == base64.b64encode(hmac.new(b"SECkey", text, hashlib.sha256).digest()).decode()
    assert said["access_token"] == "x" and abs(time.time() * 1000 - int(said["timestamp"])) < 60_000


@pytest.mark.parametrize(
    ("kind", "body", "is_final"),
    [
        ("lark", b'{"code": 19021, "msg": "sign match fail"}', True), ("lark", b'{"code": 11232}', False),
        ("dingtalk", b'{"errcode": 310000}', True), ("dingtalk", b'{"errcode": 130101}', False),
        ("wecom", b'{"errcode": 93000}', True), ("wecom", b'{"errcode": 45009}', False),
    ],
)  # fmt: skip
def test_a_refusal_inside_a_200_is_seen(monkeypatch, kind, body, is_final):
    with hooks((200, {}, body)) as server, pytest.raises(Undelivered) as caught:
        sent(monkeypatch, server, kind, {"url": server.url})
    assert caught.value.is_final == is_final


def test_a_webhook_fills_its_template_and_sends_its_authorization(monkeypatch):
    body = {
        "card": [{"head": "{title} ({level})", "n": "{step}"}],
        "{title}": "as it is",
        "odd": "{nobody} {",
        "one": 1,
    }
    with hooks() as server:
        taken = sent(monkeypatch, server, "webhook", {"url": server.url, "authorization": "Bearer x"}, body=body)
    assert taken["json"] == {
        "card": [{"head": "loss > 10 (error)", "n": 340}], "{title}": "as it is", "odd": "{nobody} {", "one": 1,
    }  # fmt: skip
    assert taken["headers"]["Authorization"] == "Bearer x"


def test_a_template_reaches_nothing_but_the_message():
    assert filled("{title.__class__} {0} {run!r}", SAID) == "{title.__class__} {0} {run!r}"


def test_a_channel_asks_for_its_secrets_before_anything_is_sent():
    for name in channel.names():
        for secret in channel.get(name).facts.secrets:
            settings = {"chat_id": "1"} if name == "telegram" else {}
            with pytest.raises(ConfigError, match=f"no secret `{secret}` of `{name}`"):
                opened(AlertChannel.model_validate({"kind": name, **settings}))


@pytest.mark.parametrize("security", ["starttls", "ssl", "none"])
def test_a_mail_arrives_over_each_kind_of_connection(tmp_path, monkeypatch, security):
    cert, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    monkeypatch.setenv("WHET_EMAIL_PASSWORD", "T0PSECRET")
    server = MailServer(None if security == "none" else context, at_once=security == "ssl")
    to = AlertChannel.model_validate(
        {"kind": "email", "to": ["a@x.org", "b@x.org"], "host": "localhost", "port": server.port, "user": "me@x.org",
         "security": security, "allow": ALLOW}
    )  # fmt: skip
    opened(to).send(SAID)
    server.close()
    (mail,) = server.mails
    assert "Subject: [error] digits: loss > 10" in mail and "To: a@x.org, b@x.org" in mail and "From: me@x.org" in mail
    assert "loss 12.5" in mail and server.logins == [("me@x.org:T0PSECRET", security != "none")]


def test_no_password_goes_to_a_server_without_the_tls_that_was_asked_for(monkeypatch):
    monkeypatch.setenv("WHET_EMAIL_PASSWORD", "T0PSECRET")
    server = MailServer()
    with pytest.raises(Undelivered, match="broke off"):
        opened(mail_to(server.port, user="me")).send(SAID)
    server.close()
    assert server.logins == [] and server.mails == []


@pytest.mark.parametrize(("code", "is_final"), [(450, False), (550, True)])
def test_a_mail_server_that_refuses_says_whether_for_good(code, is_final):
    server = MailServer(refuse=code)
    with pytest.raises(Undelivered, match=str(code)) as caught:
        opened(mail_to(server.port, security="none")).send(SAID)
    server.close()
    assert caught.value.is_final == is_final


def test_a_wrong_password_is_final_and_not_shown(tmp_path, monkeypatch):
    cert, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    monkeypatch.setenv("WHET_EMAIL_PASSWORD", "wrong-one")
    server = MailServer(context)
    with pytest.raises(Undelivered, match="535") as caught:
        opened(mail_to(server.port, user="me")).send(SAID)
    server.close()
    assert caught.value.is_final and "wrong-one" not in str(caught.value)


def test_a_title_of_several_lines_adds_no_header():
    server = MailServer()
    odd = message("run", "info", "one\r\nBcc: all@x.org", "text\x00", 1, 1.8e9)
    opened(mail_to(server.port, security="none")).send(odd)
    server.close()
    head = server.mails[0].partition("\n\n")[0]
    assert not any(line.startswith("Bcc") for line in head.splitlines())


def test_importing_the_mail_channel_hides_no_module_of_the_standard_library():
    code = "import whet.track.follow.channels.email, email, email.message; print(email.__file__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "whet" not in done.stdout and done.returncode == 0


def mail_to(port, **more):
    return AlertChannel.model_validate(
        {"kind": "email", "to": ["a@x.org"], "host": "localhost", "port": port, "allow": ALLOW, **more}
    )

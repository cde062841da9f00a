"""Posting: servers that hang, drip, break off, redirect and refuse."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate

import pytest

from tests.track.follow.servers import certificate, hooks
from whet.track.follow import post
from whet.track.follow.addresses import Allowed
from whet.track.follow.post import LONGEST_WAIT_S, post_json
from whet.track.follow.undelivered import Undelivered

LOOPBACK = Allowed(("127.0.0.0/8", "::1"))


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(post, "DEADLINE_S", 1.0)


def test_json_arrives_and_comes_back():
    with hooks((200, {}, b'{"ok": true}')) as server:
        assert post_json(server.url, {"text": "häuser\n"}, LOOPBACK, {"Authorization": "x"}) == {"ok": True}
    (taken,) = server.taken
    assert taken["json"] == {"text": "häuser\n"} and taken["headers"]["Authorization"] == "x"
    assert taken["path"] == "/hook/T0PSECRET"


@pytest.mark.parametrize(
    ("answer", "is_final", "said"),
    [
        (500, False, "500"), (503, False, "503"), (429, False, "429"), (408, False, "408"), (400, True, "400"),
        (404, True, "404"), ((302, {"Location": "http://127.0.0.1:1/"}, b""), True, "redirects are not followed"),
        ("hang", False, "broke off"), ("drip", False, "broke off"), ("close", False, "broke off"),
    ],
)  # fmt: skip
def test_what_a_server_does_to_a_message_is_known(answer, is_final, said):
    with hooks(answer) as server, pytest.raises(Undelivered, match=said) as caught:
        post_json(server.url, {}, LOOPBACK)
    assert caught.value.is_final == is_final
    assert "T0PSECRET" not in str(caught.value)
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("7", 7, 7), ("1e9", LONGEST_WAIT_S, LONGEST_WAIT_S), ("-5", 0, 0)],
)
def test_the_server_says_when_to_come_again(header, least, most):
    with hooks((429, {"Retry-After": header}, b"")) as server, pytest.raises(Undelivered) as caught:
        post_json(server.url, {}, LOOPBACK)
    assert least <= caught.value.retry_after_s <= most


def test_the_server_names_a_time_to_come_again():
    at = formatdate(time.time() + 100, usegmt=True)
    with hooks((429, {"Retry-After": at}, b"")) as server, pytest.raises(Undelivered) as caught:
        post_json(server.url, {}, LOOPBACK)
    assert 50 <= caught.value.retry_after_s <= 101


@pytest.mark.parametrize("header", ["soon", "nan"])
def test_a_wish_that_is_none_is_passed_over(header):
    with hooks((429, {"Retry-After": header}, b"")) as server, pytest.raises(Undelivered) as caught:
        post_json(server.url, {}, LOOPBACK)
    assert caught.value.retry_after_s is None


def test_a_private_server_gets_nothing_unasked():
    with hooks() as server, pytest.raises(Undelivered, match="private address 127.0.0.1"):
        post_json(server.url, {}, Allowed())
    assert server.taken == []


@pytest.mark.parametrize("url", ["ftp://host/T0PSECRET", "T0PSECRET", "http://", "http://[::1/", "http://h:99999/x"])
def test_what_is_no_url_is_refused_without_being_shown(url):
    with pytest.raises(Undelivered) as caught:
        post_json(url, {}, LOOPBACK)
    assert caught.value.is_final and "T0PSECRET" not in str(caught.value)


def test_tls_names_the_host_though_the_address_is_connected_to(tmp_path, monkeypatch):
    cert, context = certificate(tmp_path)
    with hooks() as server:
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        url = server.url.replace("http://127.0.0.1", "https://localhost")
        with pytest.raises(Undelivered, match="broke off: SSLCertVerificationError"):
            post_json(url, {}, LOOPBACK)
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        post_json(url, {"trusted": True}, LOOPBACK)
        with pytest.raises(Undelivered, match="broke off: SSLCertVerificationError"):
            post_json(url.replace("localhost", "127.0.0.1"), {}, LOOPBACK)
    assert server.bodies == [{"trusted": True}]


def test_the_deadline_breaks_tls_off_too(tmp_path, monkeypatch):
    cert, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with hooks("drip") as server:
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        threading.Timer(20.0, server.ended.set).start()  # or a deadline that does nothing would wait for ever
        with pytest.raises(Undelivered, match="broke off"):
            post_json(server.url.replace("http://127.0.0.1", "https://localhost"), {}, LOOPBACK)
        assert not server.ended.is_set()

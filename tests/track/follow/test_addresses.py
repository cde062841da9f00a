"""Where messages may go: the open internet, and private addresses that somebody has allowed."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from tests.track.follow.servers import hooks
from whet.track.follow import addresses
from whet.track.follow.addresses import Allowed, is_public, resolved
from whet.track.follow.post import post_json
from whet.track.follow.undelivered import Undelivered

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("text", PRIVATE)
def test_a_private_address_is_told_from_a_public_one_however_it_is_wrapped(text):
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_may_be_reached(text):
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "::1"])
def test_a_host_is_judged_by_the_address_that_it_stands_for(host):
    with pytest.raises(Undelivered, match="private address") as caught:
        resolved(host, 80, Allowed())
    assert caught.value.is_final
    assert all(address.is_loopback for address in resolved(host, 80, Allowed(("127.0.0.0/8", "::1"))))


def test_a_network_that_is_allowed_lets_no_other_in():
    allowed = Allowed(("10.0.0.0/8",))
    assert allowed.takes(ipaddress.ip_address("10.9.9.9"))
    assert allowed.takes(ipaddress.ip_address("::ffff:10.9.9.9"))
    assert not allowed.takes(ipaddress.ip_address("127.0.0.1"))
    assert not allowed.takes(ipaddress.ip_address("169.254.169.254"))


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    answers(monkeypatch, [["8.8.8.8", "10.0.0.1"]])
    with pytest.raises(Undelivered, match="10.0.0.1"):
        resolved("mixed.example", 443, Allowed())


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch):
    """A name that is public when it is asked for first, and loopback the second time, is asked for once."""
    asked = answers(monkeypatch, [["8.8.8.8"], ["127.0.0.1"]])
    tried = []

    def connect(address, timeout):
        tried.append(address)
        raise OSError(111, "refused")

    monkeypatch.setattr(addresses.socket, "create_connection", connect)
    with hooks() as server, pytest.raises(Undelivered, match="does not answer"):
        port = server.server.server_address[1]
        post_json(f"http://rebinding.example:{port}/", {}, Allowed())
    assert asked == ["rebinding.example"] and tried == [("8.8.8.8", port)]


def answers(monkeypatch, found):
    """Let names stand for these addresses, in turn. Returns the names that are asked for."""
    asked = []

    def getaddrinfo(host, port, **how):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found[len(asked) - 1]]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", getaddrinfo)
    return asked

"""Addresses: a host's name resolved once and checked, so that a message goes to no private network unasked."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from whet.track.follow.undelivered import Undelivered

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Networks of private addresses that may be reached, such as `10.0.0.0/8`."""

    networks: tuple[str, ...] = ()

    def takes(self, address: IPAddress) -> bool:
        """Whether an address is public, or in one of the networks."""
        return is_public(address) or self.names(address)

    def names(self, address: IPAddress) -> bool:
        """Whether an address is in one of the networks."""
        inner = unwrapped(address)
        networks = [ipaddress.ip_network(text, strict=False) for text in self.networks]
        return any(one in network for one in (address, inner) for network in networks if network.version == one.version)


def resolved(host: str, port: int, allowed: Allowed) -> list[IPAddress]:
    """The addresses of a host, all of which are allowed: who connects to one of these meets no other.

    Names are resolved as the system does, so `2130706433`, `0x7f.1` and `localhost` are the addresses that they stand
    for. Raises Undelivered for a name that is unknown, and at once where one of its addresses is private.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Undelivered(f"the host `{host}` is not known here") from None
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found))
    for address in addresses:
        if not allowed.takes(address):
            raise Undelivered(
                f"`{host}` is the private address {address}: allow: [{address}] lets a channel reach it", is_final=True
            )
    return addresses


def connected(host: str, port: int, allowed: Allowed, timeout_s: float) -> tuple[socket.socket, IPAddress]:
    """A connection to a checked address of a host. Raises Undelivered where none answers."""
    error: OSError | None = None
    for address in resolved(host, port, allowed):
        try:
            return socket.create_connection((str(address), port), timeout_s), address
        except OSError as failed:
            error = failed
    raise Undelivered(f"`{host}` does not answer: {error.strerror or error if error else 'it has no address'}")


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the open internet; of one that holds another (mapped, 6to4, NAT64), both."""
    inner = unwrapped(address)
    return all(one.is_global and not one.is_multicast and not one.is_reserved for one in _distinct((address, inner)))


def unwrapped(address: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv6 one, or the address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def _distinct(addresses: Sequence[IPAddress]) -> Sequence[IPAddress]:
    """Without an outer address that only holds the inner one: `::ffff:8.8.8.8` is as public as `8.8.8.8`."""
    outer, inner = addresses
    return (inner,) if isinstance(outer, ipaddress.IPv6Address) and outer is not inner else (outer,)

"""Which addresses may be called on the word of an outside service.

A URL that an outside service hands us (an indexer's download link, a redirect) must not reach loopback, link-local or
private addresses unless its host is one that the administrator configured. The name is looked up and checked before the
call; and once the connection stands, before a byte is sent, the address at its other end is checked again, since a name
may lead elsewhere the second time (DNS rebinding).
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from config.errors import Rejected, Unavailable

# RFC 6052 and RFC 8215 (translation to IPv4), RFC 4291, section 2.5.5.1 (IPv4-compatible, deprecated).
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_TRANSLATION = ipaddress.IPv6Network("64:ff9b:1::/48")
COMPATIBLE = ipaddress.IPv6Network("::/96")


class AddressRefused(Exception):
    """A connection led to an address that must not be called."""


def is_public_address(address: str) -> bool:
    """Whether an IP address may be reached on the word of an outside service."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_site_local or ip in LOCAL_TRANSLATION:
            return False
        inner = _inner_address(ip)
        if inner is not None:
            return is_public_address(str(inner))
    return ip.is_global and not ip.is_multicast


def _inner_address(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped, compatible, translated (NAT64) or in 6to4."""
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour
    low = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return low if ip in NAT64 or (ip in COMPATIBLE and int(ip) > 0xFFFF) else None


def host_of(url: str) -> str:
    """`host:port` of a URL in lower case, with the port that the scheme implies."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{(parts.hostname or '').lower()}:{port}"


@dataclass(frozen=True)
class Guard:
    """Which addresses may be reached: public ones, and those of `trusted` hosts (`host:port`)."""

    trusted: frozenset[str] = frozenset()
    resolve: Callable[[str, int], Iterable[str]] | None = None

    def check(self, url: str, *, service: str) -> None:
        """Raise Rejected when the URL must not be called."""
        try:
            parts = urlsplit(url)
            host = host_of(url)
        except ValueError as error:
            raise Rejected(f"{service} gave an address that is not a URL.", service=service, code="bad_url") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Rejected(
                f"{service} gave an address that is not HTTP ({parts.scheme or 'no scheme'}); it is not followed.",
                service=service,
                code="address_refused",
            )
        if host in self.trusted:
            return
        for address in self._addresses(parts.hostname, parts.port or 443, service):
            if not is_public_address(address):
                raise Rejected(
                    f"{service} gave an address inside your network ({parts.hostname}), where it has no business; it "
                    "is not followed. If that server is yours, add it to the allowed hosts (UNABRIDGED_TRUSTED_HOSTS).",
                    service=service,
                    code="address_refused",
                )

    def _addresses(self, host: str, port: int, service: str) -> Iterable[str]:
        if self.resolve:
            return self.resolve(host, port)
        try:
            return {str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except OSError as error:
            raise Unavailable(
                f"{service}: the host {host} is not known. Check the address.", service=service
            ) from error

    def may_connect(self, host: str, port: int, address: str) -> bool:
        """Whether a connection to a host, which stands, may be used."""
        # Where names are looked up otherwise, the address of the connection says nothing.
        return self.resolve is not None or f"{host.lower()}:{port}" in self.trusted or is_public_address(address)


class GuardedAdapter(HTTPAdapter):
    """Checks the other end of every new connection. `own` (`host:port`) is the service itself, wherever it is."""

    def __init__(self, guard: Guard, *, own: str) -> None:
        self._allows = lambda host, port, address: (
            f"{host.lower()}:{port}" == own or guard.may_connect(host, port, address)
        )
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self._allows),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self._allows),
        }


def _pool(pool: Any, connection: Any, allows: Callable[[str, int, str], bool]) -> Any:
    """A pool whose connections are checked when they are made."""

    class Checked(connection):
        def _new_conn(self) -> socket.socket:
            made: socket.socket = super()._new_conn()
            address = str(made.getpeername()[0])
            if not allows(self.host, self.port, address):
                made.close()
                raise AddressRefused(address)
            return made

    return type(pool.__name__, (pool,), {"ConnectionCls": Checked})

"""Which addresses an outbound connection may go to, decided on numbers alone.

Names, DNS and sockets are `kit/http.py`'s; nothing here does I/O. Python's `ipaddress` is used for arithmetic only:
its own idea of "global" lets many of these through and differs between releases."""

import re
from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, NamedTuple

from msgspec import Struct

from freehold.kit.errors import Misconfigured

Network = IPv4Network | IPv6Network


class Row(NamedTuple):
    """One line of the deny table."""

    block: str
    what: str
    by: str
    """The document that sets the block apart."""
    always: bool = False
    """True when no exception of the operator opens it."""


# The IANA special-purpose address registries (IPv4 and IPv6), multicast, and what clouds answer metadata on.
DENIED: Final = (
    Row("0.0.0.0/8", "this network", "RFC 791 3.2", always=True),
    Row("10.0.0.0/8", "private use", "RFC 1918"),
    Row("100.64.0.0/10", "shared by carriers; 100.100.100.200 is Alibaba's metadata", "RFC 6598"),
    Row("100.100.100.200/32", "Alibaba Cloud metadata", "vendor", always=True),
    Row("127.0.0.0/8", "loopback", "RFC 1122 3.2.1.3"),
    Row("168.63.129.16/32", "Azure WireServer", "vendor", always=True),
    Row("169.254.0.0/16", "link local; cloud metadata", "RFC 3927", always=True),
    Row("172.16.0.0/12", "private use", "RFC 1918"),
    Row("192.0.0.0/24", "IETF protocol assignments; 192.0.0.192 is Oracle's metadata", "RFC 6890"),
    Row("192.0.0.192/32", "Oracle Cloud metadata", "vendor", always=True),
    Row("192.0.2.0/24", "TEST-NET-1", "RFC 5737"),
    Row("192.31.196.0/24", "AS112-v4", "RFC 7535"),
    Row("192.52.193.0/24", "AMT", "RFC 7450"),
    Row("192.88.99.0/24", "6to4 relay anycast", "RFC 7526"),
    Row("192.168.0.0/16", "private use", "RFC 1918"),
    Row("192.175.48.0/24", "direct delegation AS112", "RFC 7534"),
    Row("198.18.0.0/15", "benchmarking", "RFC 2544"),
    Row("198.51.100.0/24", "TEST-NET-2", "RFC 5737"),
    Row("203.0.113.0/24", "TEST-NET-3", "RFC 5737"),
    Row("224.0.0.0/4", "multicast", "RFC 5771", always=True),
    Row("240.0.0.0/4", "reserved, and the limited broadcast", "RFC 1112 4, RFC 8190", always=True),
    Row("::/128", "unspecified", "RFC 4291 2.5.2", always=True),
    Row("::1/128", "loopback", "RFC 4291 2.5.3"),
    Row("::/96", "IPv4-compatible, and what is below it", "RFC 4291 2.5.5.1"),
    Row("::ffff:0:0:0/96", "IPv4-translated (SIIT)", "RFC 2765 2.1", always=True),
    Row("64:ff9b:1::/48", "local-use NAT64", "RFC 8215", always=True),
    Row("100::/64", "discard only", "RFC 6666", always=True),
    Row("100:0:0:1::/64", "dummy prefix", "RFC 9780", always=True),
    Row("2001::/23", "IETF protocol assignments, Teredo and ORCHID among them", "RFC 2928, RFC 4380", always=True),
    Row("2001:db8::/32", "documentation", "RFC 3849"),
    Row("2002::/16", "6to4", "RFC 3056, RFC 7526", always=True),
    Row("2620:4f:8000::/48", "direct delegation AS112", "RFC 7534"),
    Row("3ffe::/16", "6bone, given back", "RFC 3701"),
    Row("3fff::/20", "documentation", "RFC 9637"),
    Row("5f00::/16", "segment routing SIDs", "RFC 9602"),
    Row("fc00::/7", "unique local", "RFC 4193"),
    Row("fd00:ec2::/32", "AWS metadata, DNS and time", "vendor", always=True),
    Row("fd20:ce::254/128", "Google Cloud metadata", "vendor", always=True),
    Row("fe80::/10", "link local", "RFC 4291 2.5.6", always=True),
    Row("fec0::/10", "site local", "RFC 3879", always=True),
    Row("ff00::/8", "multicast", "RFC 4291 2.7", always=True),
)

METADATA_NAMES: Final = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.azure.internal",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.oraclecloud.com",
        "metadata.packet.net",
        "metadata.platformequinix.com",
        "metadata.tencentyun.com",
    }
)

# Ports on which something other than a web server listens that obeys, or trips over, a request sent to it.
DENIED_PORTS: Final = frozenset(
    {
        # echo to mail and news: what browsers refuse too (WHATWG Fetch, "bad port")
        *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110),
        *(111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540),
        *(548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566),
        *(6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
        # files, directories, consoles, other people's screens
        *(138, 445, 623, 631, 873, 1080, 3128, 3389, 5900, 5985, 5986),
        # databases, caches, queues
        *(1433, 1434, 1521, 3306, 5432, 5433, 5671, 5672, 5984, 6379, 6380, 6432, 9042, 9092, 9200, 9300, 11211, 15672, 26257, 26379),
        *(27017, 27018),
        # control planes: ZooKeeper, Docker, etcd, Erlang, Kubernetes, Consul
        *(2181, 2375, 2376, 2379, 2380, 4369, 6443, 8300, 8500, 8600, 10250, 10255),
    }
)

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_QUAD: Final = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})", re.ASCII)
_MOST_NAME: Final = 253
_LAST_PORT: Final = 65_535
_LAST_OCTET: Final = 255
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)


class Exceptions(Struct, frozen=True, kw_only=True):
    """What the operator's `outbound_allow` opens, as `read_exceptions` read it."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[Network, ...] = ()

    def names(self, host: str, port: int) -> bool:
        """Whether this host, as `canonical_host` writes it, may be at a private address."""
        return (host, None) in self.hosts or (host, port) in self.hosts

    def opens(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether the address lies in a listed network."""
        return any(address in network for network in self.networks)


NONE: Final = Exceptions()


def read_exceptions(entries: Sequence[str]) -> Exceptions:
    """Read `host`, `host:port`, `[v6]:port` and CIDR entries; raises `Misconfigured` naming the entry.

    A host opens its own private addresses on every port not denied, or on exactly the port given. An IP literal counts as a host:
    it opens URLs that spell it, not names that lead to it. A CIDR opens whatever leads into it.
    """
    networks = tuple(_network(entry) for entry in entries if "/" in entry)
    hosts = frozenset(_host_entry(entry) for entry in entries if "/" not in entry)
    return Exceptions(hosts=hosts, networks=networks)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError:
        message = f"outbound_allow: {entry!r} is not a network. Write it as 10.1.0.0/16, with no bits set after the prefix."
        raise Misconfigured(message) from None


def _host_entry(entry: str) -> tuple[str, int | None]:
    bare_v6 = entry.count(":") > 1 and not entry.startswith("[")
    written, digits = (f"[{entry}]", None) if bare_v6 else split_port(entry)
    host, port = canonical_host(written), None if digits is None else read_port(digits)
    if host is None or (digits is not None and port is None):
        message = f"outbound_allow: {entry!r} is not a host. Write api.example.com, api.example.com:8443, 127.0.0.1:8000 or 10.1.0.0/16."
        raise Misconfigured(message)
    return host, port


def split_port(authority: str) -> tuple[str, str | None]:
    """Split `host:port` into host (a literal keeps its brackets) and digits, None when there is no colon."""
    if authority.endswith("]") or ":" not in authority:
        return authority, None
    host, _, digits = authority.rpartition(":")
    return host, digits


def read_port(digits: str) -> int | None:
    """The port, or None when it is none."""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(_LAST_PORT))):
        return None
    number = int(digits)
    return number if 0 < number <= _LAST_PORT else None


def canonical_host(written: str) -> str | None:
    """The one spelling of a URL's host, or None when nothing is ever sent to it.

    Refused: numbers in forms only resolvers understand (`127.1`, `0x7f.1`, `2130706433`), anything beyond ASCII,
    a trailing dot, zones, and the names under which clouds serve metadata.
    """
    host = written.lower()
    if host.startswith("["):
        return _literal(host)
    if not host.isascii() or len(host) > _MOST_NAME or host in METADATA_NAMES:
        return None
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return host if _QUAD.fullmatch(host) and all(int(part) <= _LAST_OCTET for part in host.split(".")) else None
    return host if _NAME.fullmatch(host) else None


def _literal(bracketed: str) -> str | None:
    if not bracketed.endswith("]") or "%" in bracketed:
        return None
    try:
        address = IPv6Address(bracketed[1:-1])
    except ValueError:
        return None
    # Python 3.13 began to write a mapped address with dots; one spelling on every version
    return f"::ffff:{int(address) >> 16 & 0xFFFF:x}:{int(address) & 0xFFFF:x}" if address.ipv4_mapped else str(address)


def allowed(ip: str, port: int, *, exceptions: Exceptions = NONE, host: str = "") -> bool:
    """Whether a socket may connect to this address, for a URL that named `host` (canonical).

    IPv4 inside IPv6 is unwrapped first where packets would go to it, and denied where it only pretends.
    """
    address = _plain(ip)
    if address is None or (port in DENIED_PORTS and (host, port) not in exceptions.hosts):
        return False
    value, v6 = int(address), isinstance(address, IPv6Address)
    if _among(_spans(v6=v6, always=True), value) or (v6 and value >> 32 & 0xFFFF_FFFF in _ISATAP):
        return False
    outside = v6 and value >> 125 != 0b001  # of 2000::/3, all that IANA has given out (RFC 4291 2.4)
    denied = outside or _among(_spans(v6=v6, always=False), value)
    return not denied or exceptions.names(host, port) or exceptions.opens(address)


def _plain(ip: str) -> IPv4Address | IPv6Address | None:
    """The address packets would go to: a mapped or NAT64 address is the IPv4 one it carries (RFC 4291 2.5.5.2, RFC 6052)."""
    if ":" not in ip:
        return IPv4Address(ip) if _QUAD.fullmatch(ip) and canonical_host(ip) else None
    if _literal(f"[{ip}]") is None:
        return None
    address = IPv6Address(ip)
    return IPv4Address(int(address) & 0xFFFF_FFFF) if int(address) >> 32 in (0xFFFF, 0x64_FF9B << 64) else address


@cache
def _spans(*, v6: bool, always: bool) -> tuple[tuple[int, int], ...]:
    networks = [ip_network(row.block) for row in DENIED if row.always or not always]
    return tuple((int(n.network_address), int(n.broadcast_address)) for n in networks if isinstance(n, IPv6Network) is v6)


def _among(spans: tuple[tuple[int, int], ...], value: int) -> bool:
    return any(first <= value <= last for first, last in spans)

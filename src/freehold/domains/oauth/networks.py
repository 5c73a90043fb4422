"""Where an API key may be used from: networks as operators write them, and whether an address lies in one. Pure."""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from freehold.core.refusals import Refusal

Networks = tuple[IPv4Network | IPv6Network, ...]
MOST: Final = 64


def parsed(written: Collection[str]) -> Networks:
    """The networks, or `Refusal("network_invalid")` for a name, a block with host bits, one of every address, none, or too many."""
    if not 0 < len(written) <= MOST:
        raise Refusal("network_invalid", network=f"{len(written)} blocks")
    return tuple(_network(text) for text in sorted(written))


def within(address: str, networks: Networks) -> bool:
    """Whether the address lies in one of them; what is no address lies nowhere."""
    try:
        named = ip_address(address)
    except ValueError:
        return False
    mapped = named.ipv4_mapped if isinstance(named, IPv6Address) else None
    return any((mapped or named) in network for network in networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text)
    except ValueError:
        raise Refusal("network_invalid", network=text) from None
    if not network.prefixlen:
        raise Refusal("network_invalid", network=text)
    return network

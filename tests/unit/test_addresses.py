"""Which addresses, hosts and ports an outbound connection may have."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.addresses import DENIED, Exceptions, allowed, canonical_host, read_exceptions
from freehold.kit.errors import Misconfigured

PUBLIC_V4 = [
    *("1.1.1.1", "8.8.8.8", "140.82.112.3", "9.255.255.255", "11.0.0.0"),
    *("126.255.255.255", "172.15.255.255", "172.32.0.0", "223.255.255.255"),
]
PUBLIC_V6 = ["2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "2001:200::1", "3fff:1000::1", "2003::1"]
PRIVATE_V4 = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1"),  # noqa: S104  asked for, not bound
    *("127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1"),
    *("255.255.255.255",),
]
PRIVATE_V6 = [
    *("::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b:1::1"),
    *("64:ff9b:1:7f00:0:100::", "100::1", "100:0:0:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1"),
    *("2001:10::1", "2001:20::1", "2001:db8::1", "2002:a9fe:a9fe::", "2002:808:808::", "2620:4f:8000::1", "3ffe::1"),
    *("3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fdff::1", "fe80::1"),
    *("febf::1", "fec0::1", "ff02::1", "ff0e::1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:7f00:1"),
]


@pytest.mark.parametrize("ip", PUBLIC_V4 + PUBLIC_V6)
def test_public_addresses_are_allowed(ip: str) -> None:
    """Ordinary addresses, also right beside a denied block, may be reached."""
    assert allowed(ip, 443)


@pytest.mark.parametrize("ip", PRIVATE_V4)
def test_special_v4_addresses_are_denied(ip: str) -> None:
    """Private, loopback, link-local, carrier, reserved, documentation and metadata addresses are denied (EG-01, EG-04)."""
    assert not allowed(ip, 443)


@pytest.mark.parametrize("ip", PRIVATE_V6)
def test_special_v6_addresses_are_denied(ip: str) -> None:
    """Everything that is not ordinary unicast is denied, each old way of carrying IPv4 included (EG-02, EG-04)."""
    assert not allowed(ip, 443)


@pytest.mark.parametrize("prefix", ["::ffff:", "64:ff9b::"])
def test_v4_inside_v6_is_judged_as_v4(prefix: str) -> None:
    """A mapped or NAT64 address is exactly as good as the IPv4 address packets would go to (EG-02)."""
    for ip in PUBLIC_V4:
        assert allowed(prefix + ip, 443)
    for ip in PRIVATE_V4:
        assert not allowed(prefix + ip, 443)


@given(st.sampled_from(DENIED), st.data())
def test_every_row_of_the_table_denies_its_whole_block(row: tuple[str, str, str, bool], data: st.DataObject) -> None:
    """First, last and any address of each block are denied (EG-01, EG-02)."""
    network = ip_network(row[0])
    kind = IPv4Address if network.version == 4 else IPv6Address
    first, last = int(network.network_address), int(network.broadcast_address)
    inside = kind(data.draw(st.sampled_from([first, last]) | st.integers(first, last)))
    assert not allowed(str(inside), 443)


@given(st.integers(0, 2**128 - 1).filter(lambda value: value >> 125 != 1))
def test_nothing_outside_the_space_given_out_is_allowed(value: int) -> None:
    """IPv6 outside 2000::/3 is denied unless it is a public IPv4 address underneath (EG-02)."""
    carries_v4 = value >> 32 in (0xFFFF, 0x64FF9B << 64)
    assert carries_v4 or not allowed(str(IPv6Address(value)), 443)


@pytest.mark.parametrize(
    "ip", ["", "localhost", "127.1", "2130706433", "0x7f000001", "017700000001", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4"]
)
def test_what_is_no_address_is_denied(ip: str) -> None:
    """Only plain dotted quads and plain IPv6 are addresses, no zone among them (EG-03)."""
    assert not allowed(ip, 443)
    assert not allowed("fe80::1%lo", 443)
    assert not allowed("2606:4700::1111%eth0", 443)
    assert not allowed("①.①.①.①", 443)


@pytest.mark.parametrize("port", [0, 22, 25, 53, 111, 445, 2375, 2379, 3306, 5432, 6379, 9200, 10250, 11211, 27017])
def test_ports_of_other_services_are_denied_unless_listed(port: int) -> None:
    """Mail, shells, databases and control planes are not spoken HTTP to, except on a port the operator named (EG-08)."""
    assert not allowed("8.8.8.8", port)
    assert not allowed("10.0.0.1", port, exceptions=read_exceptions(["db.internal", "10.0.0.0/8"]), host="db.internal")
    if port:
        listed = read_exceptions([f"db.internal:{port}"])
        assert allowed("10.0.0.1", port, exceptions=listed, host="db.internal")
        assert not allowed("10.0.0.1", port, exceptions=listed, host="other.internal")


@pytest.mark.parametrize("port", [80, 443, 8000, 8080, 8443, 3000])
def test_ports_of_web_servers_are_allowed(port: int) -> None:
    """The usual ports of an API are open."""
    assert allowed("8.8.8.8", port)


def test_an_exception_opens_its_host_and_no_other() -> None:
    """A listed host may be private; the same address under another name may not."""
    listed = read_exceptions(["API.internal", "127.0.0.1:8000", "::1"])
    assert allowed("10.0.0.1", 443, exceptions=listed, host="api.internal")
    assert not allowed("10.0.0.1", 443, exceptions=listed, host="evil.example")
    assert allowed("127.0.0.1", 8000, exceptions=listed, host="127.0.0.1")
    assert not allowed("127.0.0.1", 8001, exceptions=listed, host="127.0.0.1")
    assert not allowed("127.0.0.1", 8000, exceptions=listed, host="evil.example")
    assert allowed("::1", 8000, exceptions=listed, host="::1")


def test_a_network_exception_opens_whatever_leads_into_it() -> None:
    """A CIDR is about addresses, whatever name led there, also when it comes mapped into IPv6."""
    listed = read_exceptions(["10.1.0.0/16", "fd12::/16"])
    assert allowed("10.1.2.3", 443, exceptions=listed, host="any.example")
    assert allowed("::ffff:10.1.2.3", 443, exceptions=listed)
    assert allowed("fd12::1", 443, exceptions=listed)
    assert not allowed("10.2.0.1", 443, exceptions=listed)


@pytest.mark.parametrize(
    "ip", ["169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fe80::1", "0.0.0.1", "224.0.0.1"]
)
def test_no_exception_opens_metadata_or_nonsense(ip: str) -> None:
    """What a cloud serves credentials on stays closed, however widely the operator opens (EG-04)."""
    wide = read_exceptions(["0.0.0.0/0", "::/0", "api.internal"])
    assert not allowed(ip, 80, exceptions=wide, host="api.internal")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        *(
            ("Example.COM", "example.com"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("a_b.example", "a_b.example"),
            ("localhost", "localhost"),
        ),
        *(("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("[0:0::0:1]", "::1"), ("[::FFFF:127.0.0.1]", "::ffff:7f00:1")),
    ],
)
def test_a_host_has_one_spelling(written: str, canonical: str) -> None:
    """Case and IPv6 spelling fall away."""
    assert canonical_host(written) == canonical


@pytest.mark.parametrize(
    "written",
    [
        *(
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "017700000001",
            "0177.0.0.1",
            "127.1",
            "127.0.1",
            "1",
            "0",
            "1.2.3.256",
            "a.1",
            "a.0x1",
            "00.0.0.0",
        ),
        *("①②⑦.⓪.⓪.①", "\uff11\uff12\uff17.0.0.1", "bücher.example", "exa\u00admple.com", "\uff45xample.com", "a。b"),
        *(
            "example.com.",
            ".example.com",
            "a..b",
            "-a.b",
            "a-.b",
            "*.example.com",
            "",
            " ",
            "a b",
            "a\tb",
            "a\n",
            "exam%00ple.com",
            "a%2eb",
        ),
        *("user@host", "a\\b", "[::1", "::1", "[::1%25lo]", "[fe80::1%lo]", "[127.0.0.1]", "[v1.x]", "[]", "a" * 64, "a." * 130 + "a"),
        *("metadata.google.internal", "METADATA.google.internal", "metadata.goog", "instance-data", "metadata.azure.internal"),
    ],
)
def test_odd_hosts_are_no_hosts(written: str) -> None:
    """Numbers only resolvers read, look-alike digits, trailing dots, zones, userinfo and metadata names are refused (EG-03, EG-04)."""
    assert canonical_host(written) is None


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*.internal",
        "http://api",
        "api:0",
        "api:65536",
        "api:",
        ":80",
        "api:\uff18\uff10",
        "10.0.0.1/8",
        "a/b",
        "127.1",
        "[::1",
        "metadata.goog",
    ],
)
def test_an_entry_that_cannot_be_read_stops_the_start(entry: str) -> None:
    """A mistyped exception is refused with a sentence that shows it and says how to write it."""
    with pytest.raises(Misconfigured, match="outbound_allow") as refused:
        read_exceptions([entry])
    assert repr(entry) in str(refused.value)


def test_without_entries_nothing_is_open() -> None:
    """The empty list is the same as no exceptions."""
    assert read_exceptions([]) == Exceptions()

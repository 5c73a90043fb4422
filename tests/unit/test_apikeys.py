"""The shape of API keys: what a key looks like, and what only looks like one."""

import re
import zlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from freehold.domains.oauth.apikeys import SECRET_BYTES, public_id, written
from freehold.kit.ids import Ids
from tests.clocks import HandClock

KEY_ID = Ids(HandClock()).new()
SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)


@given(SECRETS, st.booleans())
def test_a_written_key_gives_back_its_public_id(secret: bytes, test: bool) -> None:  # noqa: FBT001  drawn by hypothesis
    """Every key has one length, its prefix says its mode, and its id is found again without a database (KEY-01)."""
    key = written(KEY_ID, secret, test=test)
    assert re.fullmatch(r"mcp_(live|test)_[0-9A-Za-z]{65}", key)
    assert key.startswith("mcp_test_") == test
    assert public_id(key) == KEY_ID


@given(SECRETS, SECRETS)
def test_every_secret_bit_is_in_the_key(one: bytes, other: bytes) -> None:
    """Different secrets make different keys, and 192 bits are drawn for each (KEY-01)."""
    assert SECRET_BYTES * 8 >= 192
    assert (written(KEY_ID, one, test=False) == written(KEY_ID, other, test=False)) == (one == other)


def test_extreme_secrets_keep_the_length() -> None:
    """All zeros and all ones are written as long as any other secret, so the length tells nothing."""
    assert {len(written(KEY_ID, byte * SECRET_BYTES, test=False)) for byte in (b"\0", b"\xff", b"\x80")} == {74}


@given(SECRETS, st.integers(min_value=0, max_value=73), st.characters())
def test_any_changed_character_fails_the_checksum(secret: bytes, at: int, put: str) -> None:
    """A key with one character changed is no key any more (KEY-05)."""
    key = written(KEY_ID, secret, test=False)
    changed = key[:at] + put + key[at + 1 :]
    assert (public_id(changed) is None) == (changed != key)


@given(st.text(max_size=90) | st.from_regex(r"mcp_(live|test)_[0-9A-Za-z]{65}", fullmatch=True))
def test_no_text_is_a_key_by_chance(text: str) -> None:
    """Arbitrary text, also of the right shape, is refused without an exception (KEY-12)."""
    body, checksum = text[:-6], text[-6:]
    assert public_id(text) is None or checksum == _base62(zlib.crc32(body.encode()))


def test_truncated_extended_and_decorated_keys_are_none() -> None:
    """A prefix, a suffix, white space, other case or a look-alike digit make it something else (KEY-12)."""
    key = written(KEY_ID, b"s" * SECRET_BYTES, test=False)
    others = [key[:length] for length in range(len(key))] + [key + "0", f" {key}", f"{key} ", f"{key}\n", key.upper(), key.lower()]
    others += [key.replace("mcp_live_", prefix) for prefix in ("mcp_test_", "mcp-live-")]
    others += [key[:-1] + "\uff10", key[:30] + "\0" + key[31:]]
    assert {public_id(other) for other in others} == {None}


def test_public_ids_sort_by_time_and_say_nothing_of_the_secret() -> None:
    """Keys made later have greater ids, and two keys of one id share nothing but it (KEY-01)."""
    clock = HandClock()
    ids = Ids(clock)
    made = []
    for _ in range(5):
        made.append(ids.new())
        clock.advance(1)
    assert all(earlier < later for earlier, later in pairwise(made))
    one, other = (written(KEY_ID, secret, test=False) for secret in (b"a" * SECRET_BYTES, b"b" * SECRET_BYTES))
    assert one[9:35] == other[9:35] == KEY_ID
    assert one[35:] != other[35:]


def _base62(number: int) -> str:
    """The checksum written the plain way."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(digits[number // 62**place % 62] for place in range(5, -1, -1))

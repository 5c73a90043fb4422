"""What is sealed opens with the same key, purpose and binding, and with nothing else; the key file is private."""

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.crypto import KEY_BYTES, Seal, Unsealable, master_key
from freehold.kit.errors import Misconfigured

MASTER = bytes(range(KEY_BYTES))
SECRET = b"a private key"


@given(plaintext=st.binary(max_size=200), bound_to=st.binary(max_size=50), purpose=st.text(max_size=20))
def test_what_is_sealed_opens(plaintext: bytes, bound_to: bytes, purpose: str) -> None:
    """Any bytes come back, 29 bytes longer in between, and are not to be seen there."""
    seal = Seal(MASTER)
    sealed = seal.seal(purpose, plaintext, bound_to)
    assert Seal(MASTER).open(purpose, sealed, bound_to) == plaintext
    assert len(sealed) == len(plaintext) + 29
    assert len(plaintext) < 8 or plaintext not in sealed


def test_every_changed_byte_is_noticed() -> None:
    """Flipping any bit of any byte (header, nonce, text or tag) makes it unsealable."""
    seal = Seal(MASTER)
    sealed = seal.seal("keys", SECRET, b"row 1")
    for place in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[place] ^= 1 << bit
            with pytest.raises(Unsealable):
                seal.open("keys", bytes(changed), b"row 1")


def test_every_missing_or_added_byte_is_noticed() -> None:
    """Cut short anywhere, down to nothing, or lengthened, it is unsealable; never a crash."""
    seal = Seal(MASTER)
    sealed = seal.seal("keys", SECRET)
    for length in range(len(sealed)):
        with pytest.raises(Unsealable):
            seal.open("keys", sealed[:length])
    with pytest.raises(Unsealable):
        seal.open("keys", sealed + b"\0")


@pytest.mark.parametrize(
    ("purpose", "bound_to", "master"),
    [
        ("other", b"row 1", MASTER),
        ("", b"row 1", MASTER),
        ("keys", b"row 2", MASTER),
        ("keys", b"", MASTER),
        ("keysrow ", b"1", MASTER),
        ("keys", b"row 1", bytes(KEY_BYTES)),
    ],
)
def test_another_purpose_binding_or_key_opens_nothing(purpose: str, bound_to: bytes, master: bytes) -> None:
    """A sealed value cannot be used in another place than the one it was sealed for, and the error does not say what was wrong."""
    sealed = Seal(MASTER).seal("keys", SECRET, b"row 1")
    with pytest.raises(Unsealable) as refused:
        Seal(master).open(purpose, sealed, bound_to)
    assert "row" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_same_text_is_never_sealed_alike() -> None:
    """Every seal has a fresh nonce, so equal secrets cannot be recognised."""
    seal = Seal(MASTER)
    sealed = {seal.seal("keys", SECRET) for _ in range(1000)}
    assert len(sealed) == 1000
    assert len({one[1:13] for one in sealed}) == 1000


def test_the_format_stays() -> None:
    """Bytes sealed by version 1 open in every later version."""
    sealed = Seal(MASTER, randomness=bytes).seal("keys", SECRET, b"row 1")
    assert sealed.hex() == "010000000000000000000000007e9428c01f0d46045781183a56b410e01b577edcee9cf9815f14286e23"
    assert Seal(MASTER).open("keys", sealed, b"row 1") == SECRET


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    """A truncated key stops the start."""
    with pytest.raises(Misconfigured, match=f"has {length} bytes"):
        Seal(bytes(length))


def test_a_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    """The first start makes a key only its owner can read, later ones use it; no draft is left behind."""
    path = tmp_path / "master.key"
    key = master_key(path, os.urandom)
    assert len(key) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == key == master_key(path, os.urandom)
    assert list(tmp_path.iterdir()) == [path]
    assert master_key(tmp_path / "another.key", os.urandom) != key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o777])
def test_a_key_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    """A file open to the group or to all is not used, and the sentence says how to mend it."""
    path = tmp_path / "master.key"
    key = master_key(path, os.urandom)
    path.chmod(mode)
    with pytest.raises(Misconfigured, match=f"chmod 600 {path}") as refused:
        master_key(path, os.urandom)
    assert key.hex() not in str(refused.value)
    assert path.read_bytes() == key


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_file_that_is_no_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    """A damaged key is never replaced by a new one: what was sealed with it would be lost."""
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="not a master key"):
        master_key(path, os.urandom)
    assert path.read_bytes() == content


def test_a_directory_that_takes_no_key_stops_the_start(tmp_path: Path) -> None:
    """Where no key can be made or read, the sentence names the place; nothing is half made."""
    with pytest.raises(Misconfigured, match="cannot be made at"):
        master_key(tmp_path / "missing" / "master.key", os.urandom)
    with pytest.raises(Misconfigured, match="cannot be read"):
        master_key(tmp_path, os.urandom)
    assert list(tmp_path.iterdir()) == []


def test_two_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    """Whichever of many first starts is first, all hold the key that is in the file."""
    path = tmp_path / "master.key"
    together = threading.Barrier(8)
    keys: list[bytes] = []

    def start() -> None:
        together.wait()
        keys.append(master_key(path, os.urandom))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keys == [path.read_bytes()] * 8
    assert list(tmp_path.iterdir()) == [path]

"""Seals secrets at rest under one master key, and keeps that key in a file. Knows algorithms and bytes, not what they mean."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from freehold.kit.errors import Misconfigured

KEY_BYTES: Final = 32

_HEADER: Final = b"\x01"
"""Version 1: HKDF-SHA256, AES-256-GCM, 96-bit nonce."""
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Unsealable(Exception):
    """Not sealed by this master key, for this purpose and binding; or changed since. Which of these is not said."""

    def __init__(self) -> None:
        """Carries nothing of what was tried."""
        super().__init__("What was sealed cannot be opened with this master key. Restore the key file it was sealed with.")


class Seal:
    """AES-256-GCM with a key of its own for each purpose, derived from the master key by HKDF-SHA256.

    Nonces are random, 96 bits: safe for 2^32 seals of one purpose. The header, the purpose and `bound_to` are
    authenticated; nothing of them but one version byte is in the sealed bytes.
    """

    def __init__(self, master: bytes | Callable[[], bytes], randomness: Callable[[int], bytes] = os.urandom) -> None:
        """Take the 32 bytes of the master key, or what gives them at first use, and a source of random bytes."""
        self._give = master if callable(master) else lambda: master
        self._randomness = randomness
        self._derived: dict[str, bytes] = {}
        self._keys: dict[str, AESGCM] = {}
        if not callable(master):
            _checked(master)

    def seal(self, purpose: str, plaintext: bytes, bound_to: bytes = b"") -> bytes:
        """Header, nonce, ciphertext and tag: 29 bytes more than `plaintext`. `bound_to` (a row's id) must be given again to open it."""
        nonce = self._randomness(_NONCE_BYTES)
        return _HEADER + nonce + self._key(purpose).encrypt(nonce, plaintext, _HEADER + bound_to)

    def open(self, purpose: str, sealed: bytes, bound_to: bytes = b"") -> bytes:
        """The plaintext, or `Unsealable`."""
        if sealed[:1] != _HEADER or len(sealed) < len(_HEADER) + _NONCE_BYTES + _TAG_BYTES:
            raise Unsealable
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._key(purpose).decrypt(nonce, body, _HEADER + bound_to)
        except InvalidTag:
            raise Unsealable from None

    def _key(self, purpose: str) -> AESGCM:
        """Purposes are words of our own code, so few that they may all be kept."""
        key = self._keys.get(purpose)
        if key is None:
            key = self._keys[purpose] = AESGCM(self._derive(f"seal/1/{purpose}"))
        return key

    def _derive(self, info: str) -> bytes:
        derived = self._derived.get(info)
        if derived is None:
            derive = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"freehold/" + info.encode()).derive
            derived = self._derived[info] = derive(_checked(self._give()))
        return derived


def _checked(master: bytes) -> bytes:
    if len(master) != KEY_BYTES:
        raise Misconfigured(f"The master key has {len(master)} bytes, not {KEY_BYTES}. Restore the key file from a backup.")
    return master


def master_key(path: Path, randomness: Callable[[int], bytes] = os.urandom) -> bytes:
    """The 32 bytes in the file at `path`, made (readable by its owner only) when there is none.

    Two processes starting at once agree on one key. Raises `Misconfigured` when the file is not exactly a key, when
    others may read it, or when it cannot be read or made.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path, randomness(KEY_BYTES), randomness(8).hex())
        return _read(path)


def _read(path: Path) -> bytes:
    """Looks at the open file, not at the name, so that what was checked is what is read."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(KEY_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Misconfigured(
            f"The master key at {path} cannot be read ({error.strerror}). Make it a file this user owns, mode 0600."
        ) from None
    if mode & _OTHERS and os.name == "posix":
        raise Misconfigured(f"The master key at {path} may be read by others. Run: chmod 600 {path}")
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"The file at {path} is not a master key of {KEY_BYTES} bytes. Restore it from a backup.")
    return key


def _make(path: Path, key: bytes, draft_name: str) -> None:
    """Written whole under another name, then linked: nobody ever sees half a key, and the first one there wins."""
    draft = path.with_name(f".{path.name}.{draft_name}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        _place(draft, path)
    except OSError as error:
        raise Misconfigured(f"The master key cannot be made at {path} ({error.strerror}). Let this user write to that directory.") from None


def _place(draft: Path, path: Path) -> None:
    """Returns when the name is on the disk, for what is sealed with a lost key is lost."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was first; its key counts
    finally:
        draft.unlink()
    if os.name != "posix":
        return  # elsewhere a directory cannot be opened, and its entries are written through
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def private_folder(path: Path) -> None:
    """A folder for its owner only; raises `Misconfigured` when it cannot be made."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise Misconfigured(f"{path} cannot be made ({fault.strerror}). Set data_dir to a folder this user may write to.") from None

"""Blocks: a Merkle root over the entries of one batch, chained to the block before. Pure; no I/O.

The tree is RFC 6962's: leaf = SHA-256(0x00 + entry digest), node = SHA-256(0x01 + left + right), split at the largest
power of two below the count. A block's digest = SHA-256(UTF-8(JSON array in the form of RFC 8785)) of

    ["freehold-block-1", writer, block, previous (hex), root (hex), entries, at_us]

Each writer has a chain of its own: blocks are numbered from 1, and the first follows `GENESIS`. Cutting off a chain's
tail leaves a chain that holds: only a head kept elsewhere shows it."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.json import Encoder
from msgspec.structs import astuple

from freehold.domains.ledger.entry import Entry, settle

GENESIS: Final = bytes(32)
"""What the first block of every chain follows."""
_VERSION: Final = "freehold-block-1"
_encode: Final = Encoder().encode


class Head(Struct, frozen=True):
    """Where a chain will grow: the number of the next block and the digest it follows."""

    writer: str
    block: int = 1
    previous: bytes = GENESIS


class Block(Struct, frozen=True):
    """One batch of one writer; the fields are the columns of its row."""

    writer: str
    block: int
    at_us: int
    entries: int
    previous: bytes
    root: bytes
    digest: bytes

    def next(self) -> Head:
        """Where the chain grows after this block."""
        return Head(self.writer, self.block + 1, self.digest)


Row = tuple[str | int | bytes, ...]


class Sealed(Struct, frozen=True):
    """A block and the rows of its entries: the sixteen fields, then digest, writer, block and position."""

    block: Block
    rows: list[Row]


def root(digests: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of entry digests; SHA-256 of nothing when there are none."""
    if not digests:
        return sha256().digest()
    level = [sha256(b"\x00" + digest).digest() for digest in digests]
    while len(level) > 1:
        pairs = [sha256(b"\x01" + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - 1 :] if len(level) % 2 else pairs
    return level[0]


def block_digest(head: Head, merkle_root: bytes, entries: int, at_us: int) -> bytes:
    """The digest the next block of the chain names as its previous one."""
    fields = (_VERSION, head.writer, head.block, head.previous.hex(), merkle_root.hex(), entries, at_us)
    return sha256(_encode(fields)).digest()


def seal(head: Head, entries: Sequence[Entry], at_us: int) -> Sealed:
    """The next block of a chain, over these entries in this order."""
    settled = [settle(entry) for entry in entries]
    merkle_root = root([digest for _, digest in settled])
    digest = block_digest(head, merkle_root, len(settled), at_us)
    block = Block(head.writer, head.block, at_us, len(settled), head.previous, merkle_root, digest)
    where = (head.writer, head.block)
    rows: list[Row] = [(*astuple(entry), digest, *where, position) for position, (entry, digest) in enumerate(settled)]
    return Sealed(block, rows)

"""The arithmetic of the book: what a digest covers, and that the tree is RFC 6962's."""

import json
from hashlib import sha256

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from freehold.core.call import Outcome
from freehold.core.refusals import Refusal
from freehold.domains.ledger.blocks import GENESIS, Head, root, seal
from freehold.domains.ledger.entry import LONGEST, Entry, digest, of_call, of_deed, settle
from tests.entries import AT, a_call, a_deed, an_entry

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_NUMBER = st.integers(-(2**53) + 1, 2**53 - 1)
_ENTRIES = st.builds(Entry, *[_NUMBER if kind is int else _TEXT for kind in Entry.__annotations__.values()])
_DIGESTS = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


def _rfc_6962(leaves: list[bytes]) -> bytes:
    """The tree as RFC 6962 section 2.1 defines it: split at the largest power of two below the count."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return sha256(b"\x01" + _rfc_6962(leaves[:split]) + _rfc_6962(leaves[split:])).digest()


@given(_DIGESTS)
def test_the_root_is_the_tree_hash_of_rfc_6962(digests: list[bytes]) -> None:
    """For any number of leaves the root is what the RFC's own definition gives."""
    assert root(digests) == _rfc_6962(digests)


def test_leaves_and_nodes_never_look_alike() -> None:
    """A node's two halves, offered as one leaf, give another root: the prefixes keep them apart."""
    left, right = sha256(b"left").digest(), sha256(b"right").digest()
    assert root([left, right]) != root([left + right])
    assert root([left]) != left
    assert root([left, right]) != root([right, left])


@given(_ENTRIES)
def test_a_stranger_recomputes_an_entry_with_the_standard_library(entry: Entry) -> None:
    """SHA-256 over the JSON array of the version and the sixteen fields is the digest, in any language."""
    fields = ["freehold-entry-1", *astuple(entry)]
    assert len(fields) == 17
    assert digest(entry) == sha256(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()).digest()


def test_a_stranger_recomputes_a_block_with_the_standard_library() -> None:
    """A block's digest covers version, writer, number, previous, root, count and time, and nothing else."""
    block = seal(Head("w"), [an_entry("a"), an_entry("b")], 17).block
    fields = ["freehold-block-1", "w", 1, "00" * 32, block.root.hex(), 2, 17]
    assert block.previous == GENESIS
    assert block.digest == sha256(json.dumps(fields, separators=(",", ":")).encode()).digest()
    assert block.next() == Head("w", 2, block.digest)


@given(_ENTRIES, st.integers(0, 15), _TEXT, _NUMBER)
def test_every_field_is_covered_by_the_digest(entry: Entry, place: int, text: str, number: int) -> None:
    """An entry that differs in any one field has another digest (AU-02)."""
    name = Entry.__struct_fields__[place]
    value = number if Entry.__annotations__[name] is int else text
    assume(value != getattr(entry, name))
    assert digest(replace(entry, **{name: value})) != digest(entry)


def test_fields_cannot_be_shifted_into_each_other() -> None:
    """Quotes and commas inside a field do not make it look like two."""
    assert digest(an_entry("a", what='x","y', on_what="z")) != digest(an_entry("a", what="x", on_what='y","z'))
    assert digest(an_entry("a", what="xy", on_what="")) != digest(an_entry("a", what="x", on_what="y"))


@given(_ENTRIES)
def test_an_ordinary_entry_is_kept_as_it_is(entry: Entry) -> None:
    """Settling changes nothing about an entry without NUL, and its digest is the plain one."""
    assume("\0" not in "".join(str(field) for field in astuple(entry)))
    assert settle(entry) == (entry, digest(entry))


def test_what_no_store_could_keep_is_made_keepable() -> None:
    """Lone surrogates, NUL, overlong text and enormous numbers are replaced or cut, and the rest of the entry stays."""
    hostile = an_entry("a", subject="\ud800x\0", client="c" * 1_000_000, units=2**70, duration_us=-(2**60))
    kept, its_digest = settle(hostile)
    assert (kept.subject, kept.client, kept.units) == ("?x\ufffd", "c" * LONGEST, 2**53 - 1)
    assert kept.duration_us == -(2**53) + 1
    assert (kept.id, kept.what, kept.bytes_out) == ("a", "create_task", 512)
    assert its_digest == digest(kept)


def test_the_entry_of_a_call_says_who_did_what_and_no_more() -> None:
    """A refused call bears its refusal's code; its arguments and content are nowhere in it (AU-03)."""
    call = a_call("id-1", arguments={"note": "canary-argument"})
    outcome = Outcome(status="refused", refusal=Refusal("rate_limited", per_second=1, retry_after=1), content=({"text": "canary-content"},))
    entry = of_call(call, outcome, 1500, 99)
    assert entry == an_entry("id-1", outcome="refused", refusal="rate_limited", units=0, duration_us=1500, bytes_out=99)
    assert "canary" not in repr(entry)


def test_the_entry_of_a_deed_names_the_act_and_the_actor() -> None:
    """A deed's entry has the actor as subject and the thing as what it was done to; it costs nothing."""
    entry = of_deed(a_deed(), "id-2")
    assert (entry.kind, entry.subject, entry.what, entry.on_what) == ("deed", "cli:operator", "key.revoked", "k1")
    assert (entry.id, entry.at_us, entry.outcome, entry.units, entry.client) == ("id-2", int(AT * 1e6), "ok", 0, "")


@given(st.lists(_ENTRIES, min_size=1, max_size=20))
def test_a_sealed_block_holds_its_entries_in_order(entries: list[Entry]) -> None:
    """Positions count from 0, every row carries its digest, and the root is over those digests."""
    sealed = seal(Head("w", 3, b"p" * 32), entries, 5)
    assert [row[-1] for row in sealed.rows] == list(range(len(entries)))
    assert {row[-3:-1] for row in sealed.rows} == {("w", 3)}
    assert sealed.block.root == root([row[16] for row in sealed.rows if isinstance(row[16], bytes)])
    assert (sealed.block.entries, sealed.block.previous) == (len(entries), b"p" * 32)

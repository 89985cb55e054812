"""A decision has one document, a document one text, and a text one hash."""

import json
from dataclasses import dataclass, replace

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from made_up_accounts import order
from made_up_receipts import decided, register, two_steps

from ringside.keeper.receipts.codec import CodecError, canonical, parse, plain, typed
from ringside.keeper.receipts.document import (
    VERSION,
    Document,
    DocumentError,
    UnknownVersion,
    read,
    receipt_of,
)
from ringside.keeper.receipts.store import Receipts
from ringside.orders import Bounds, Bundle, Conditions, Mode, Order, Terms, Tickets
from ringside.units import ONE
from ringside.venues import VENUES

register()
WHOLE = st.integers(-(2**260), 2**260)
UINT = st.integers(0, 2**256 - 1)


@dataclass(frozen=True)
class Inner:
    data: bytes
    flag: bool


@dataclass(frozen=True)
class Outer:
    number: int
    text: str
    several: tuple[int, ...]
    pair: tuple[str, int]
    maybe: Inner | None
    named: dict[str, Inner]
    mode: Mode


INNER = st.builds(Inner, st.binary(max_size=40), st.booleans())
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OUTER = st.builds(
    Outer,
    WHOLE,
    TEXT,
    st.lists(WHOLE, max_size=4).map(tuple),
    st.tuples(TEXT, WHOLE),
    st.none() | INNER,
    st.dictionaries(TEXT, INNER, max_size=3),
    st.sampled_from(Mode),
)
TERMS = st.builds(
    Terms,
    TEXT.filter(bool),
    st.integers(1, 2**128 - 1) | st.integers(-(2**128) + 1, -1),
    UINT,
    UINT,
    UINT,
    st.integers(1, 2**64 - 1),
    st.builds(Bounds, min_fill=UINT, tolerance=UINT, reduce_only=st.booleans()),
    st.none() | st.builds(Tickets, UINT, UINT, st.integers(0, ONE)),
    st.none() | st.builds(Conditions, not_before=UINT, trigger_price=UINT),
)
BUNDLES = st.builds(
    Bundle,
    st.binary(min_size=32, max_size=32).filter(lambda b: any(b[:20])),
    st.lists(TERMS, min_size=1, max_size=3).map(tuple),
    st.sampled_from(Mode),
    UINT,
    UINT,
)


@pytest.fixture(scope="module")
def written() -> Document:
    return decided(order(500 * ONE))


def changed(written: Document, **fields) -> bytes:
    """The document's text with some fields of its JSON replaced."""
    return canonical({**plain(written), **fields})


# ------------------------------------------------------------------ one text


@given(OUTER)
def test_what_is_written_reads_back(value):
    assert typed(Outer, parse(canonical(value))) == value


@given(BUNDLES)
def test_every_bundle_and_order_reads_back(bundle):
    assert typed(Bundle, parse(canonical(bundle))) == bundle
    first = bundle.order(0)
    assert typed(Order, parse(canonical(first))) == first


@given(OUTER, OUTER)
def test_two_values_have_one_text_only_if_they_are_equal(one, other):
    assert (canonical(one) == canonical(other)) == (one == other)


@given(OUTER)
def test_the_text_is_utf8_without_spaces_sorted_and_without_numbers(value):
    text = canonical(value).decode()
    found = json.loads(text, parse_int=pytest.fail, parse_float=pytest.fail)
    again = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again == text


def test_the_text_is_this():
    value = Outer(-(10**20), "ö", (0, 1), ("a", 2), Inner(b"\x00\xff", True), {}, Mode.STEPWISE)
    assert canonical(value).decode() == (
        '{"maybe":{"data":"0x00ff","flag":true},"mode":"1","named":{},'
        '"number":"-100000000000000000000","pair":["a","2"],"several":["0","1"],"text":"ö"}'
    )


@given(st.floats())
def test_a_float_has_no_canonical_form(number):
    with pytest.raises(CodecError, match=r"value\.named\.a is a float"):
        canonical({"named": {"a": number}})


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a": "1"}', "not in canonical form"),
        (b'{"b":"1","a":"1"}', "not in canonical form"),
        (b'{"a":"1","a":"1"}', "not in canonical form"),
        (b'{"a":"\\u00f6"}', "not in canonical form"),
        (b'{"a":1}', "it has the number 1"),
        (b'{"a":1.5}', "it has the number 1.5"),
        (b'{"a":NaN}', "it has the number NaN"),
        (b"\xff", "it is not JSON"),
        (b"{", "it is not JSON"),
        pytest.param(b"[" * 10**5, "nested deeper than 64", id="deep"),
    ],
)
def test_another_text_for_the_same_is_refused(data, why):
    with pytest.raises(CodecError, match=why):
        parse(data)


def test_brackets_within_text_nest_nothing():
    assert parse(b'{"a":"' + b"[" * 100 + b'\\"{"}') == {"a": "[" * 100 + '"{'}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("number", "01", "value.number must be a whole number, not '01'"),
        ("number", "-0", "value.number must be a whole number"),
        ("number", "1e3", "value.number must be a whole number"),
        ("number", True, "value.number must be a whole number"),
        ("text", None, "value.text must be str"),
        ("several", "1", "value.several must be a list"),
        ("pair", ["a"], "value.pair must be a list of 2"),
        ("maybe", {"data": "0xFF", "flag": True}, "value.maybe.data must be bytes"),
        ("maybe", {"data": "0xf", "flag": True}, "value.maybe.data must be bytes"),
        ("maybe", {"data": "0x"}, "value.maybe lacks flag"),
        ("maybe", {"data": "0x", "flag": True, "x": "1"}, "has 'x', which Inner has not"),
        ("mode", "7", "value.mode: 7 is not a valid Mode"),
        ("named", [], "value.named must be an object"),
    ],
)
def test_a_field_of_another_type_is_refused_by_its_place(field, value, why):
    good = plain(Outer(0, "", (), ("", 0), None, {}, Mode.ATOMIC))
    with pytest.raises(CodecError) as refused:
        typed(Outer, {**good, field: value}, "value")
    assert why in str(refused.value)


# ------------------------------------------------------------------ one document


@pytest.mark.parametrize("request_", [order(500 * ONE), order(-3 * ONE), two_steps()])
def test_a_document_reads_back_whole(request_):
    written = decided(request_)
    assert read(canonical(written)) == written


def test_a_receipt_is_the_documents_version_and_the_hash_of_its_bytes(written):
    told = receipt_of(written)
    assert told.document == canonical(written)
    assert told.tuple == (VERSION, keccak(told.document))


def test_the_document_holds_what_was_decided_on_and_what_was_decided(written):
    assert written.order == order(500 * ONE)
    assert written.block.hash == "0x" + "07" * 32
    (one,) = written.decisions
    assert sum(part.size for part in one.outcome.parts) == 500 * ONE
    assert one.outcome.best_single == "alpha"
    # Each venue alone for all of it, the best first, with its fee: 5 and 8 basis points.
    price = 2_000 * ONE + 50 * ONE  # Half of 500 ÷ 10,000 further on average.
    assert [(c.venue, c.all_in_price) for c in one.outcome.candidates] == [
        ("alpha", price * 10_005 // 10_000),
        ("beta", price * 10_008 // 10_000),
    ]


@given(st.data())
def test_no_two_decisions_have_one_hash(data):
    sizes = st.integers(ONE, 900 * ONE)
    one, other = data.draw(sizes), data.draw(sizes)
    hashes = [receipt_of(decided(order(size))).hash for size in (one, other)]
    assert (hashes[0] == hashes[1]) == (one == other)


@pytest.mark.parametrize("version", ["1", "2", "4", "x", None])
def test_another_version_is_refused_by_name(written, version):
    with pytest.raises(UnknownVersion, match=f"version is {version!r}"):
        read(changed(written, version=version))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"order": None}, "of one order or of one bundle"),
        ({"decisions": []}, "It has no decision"),
        ({"block": None}, "document.block must be an object"),
        ({"more": "1"}, "has 'more', which Document has not"),
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(written, fields, why):
    with pytest.raises(DocumentError, match=why):
        read(changed(written, **fields))


def test_an_order_that_nobody_can_sign_is_refused(written):
    broken = {**plain(written.order), "size": "0"}
    with pytest.raises(DocumentError, match="size must be a whole number that is not zero"):
        read(changed(written, order=broken))


def test_a_step_that_there_is_not_is_refused():
    written = decided(two_steps())
    steps = plain(written.decisions)
    steps[1]["step"] = "2"
    with pytest.raises(DocumentError, match="decision on step 2"):
        read(changed(written, decisions=steps))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(data):
    with pytest.raises(DocumentError):
        read(data)


def test_readings_of_an_unknown_venue_are_refused_by_name(written):
    strange = tuple(replace(one, venue="gamma") for one in written.readings)
    with pytest.raises(DocumentError, match="'gamma', which is no known venue"):
        _ = replace(written, readings=strange).snapshot


def test_readings_that_make_no_state_are_refused(written):
    short = tuple(replace(one, results=()) for one in written.readings)
    with pytest.raises(DocumentError, match="make no state"):
        _ = replace(written, readings=short).snapshot


# ------------------------------------------------------------------ the store


def test_a_store_keeps_documents_by_their_hash(tmp_path, written):
    store, told = Receipts(tmp_path / "deep" / "receipts"), receipt_of(written)
    assert store.get(told.hash) is None
    place = store.put(told)
    assert place.name == f"0x{told.hash.hex()}.json"
    assert store.get(told.hash) == told.document
    store.put(told)
    assert [p.name for p in store.folder.iterdir()] == [place.name]


def test_a_document_is_kept_whole_or_not_at_all(tmp_path, written, monkeypatch):
    store, told = Receipts(tmp_path), receipt_of(written)

    def fails(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="full"):
        store.put(told)
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_of_more_decimals_than_a_token_can_have_is_refused():
    """Ten to that power would never be worked out."""
    pool = {"address": "0x", "spacing": "10", "fee": "500", "ticks": [], "words": []}
    config = {"market": "ETH-USD", "pool_id": "1", "clearing_house": "", "lens": "", "wrapper": ""}
    config |= {"decimals": str(10**30), "twap_duration": "0", "pool": pool}
    with pytest.raises(CodecError, match=r"0 decimals are not from 0 to 18"):
        typed(VENUES["rage"].Config, config)

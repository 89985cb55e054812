"""What is posted on the chain is what was signed, to the bit; garbage is told apart and stops
nothing."""

import pytest
from bundles import bundle, step
from eth_abi import encode
from eth_abi.codec import ABICodec
from eth_abi.decoding import UnsignedIntegerDecoder
from eth_abi.encoding import UnsignedIntegerEncoder
from eth_abi.registry import BaseEquals, registry
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from stage import ALL_VENUES, BTC_USD, ETH, ETH_USD, ONE, USDC, Refused, few, reverts, send
from test_orders_hash import bundles, orders
from web3 import Web3

from devnet.artifacts import compiled
from ringside.chain import board as chain_board
from ringside.chain.board import LONGEST, posted, topics
from ringside.orders import Bounds, Bundle, Conditions, Mode, Order, Terms, Tickets, market_id, sign

NOWHERE = "0x" + "00" * 20
FULL = {
    "bounds": Bounds(1, 2, 3, 4, 5, True, False, True, False),
    "tickets": Tickets(6, 7, 8),
    "conditions": Conditions(9, "0x" + "0a" * 20, 11, 12, True, 13, 14, 15, 16, 17),
}


@pytest.fixture
def place(ringside):
    return ringside.addresses["ringside"]["board"]


@pytest.fixture
def board(ringside, place):
    return ringside.project.Board.at(place)


class _PostBundle:
    """The method of that name: Ape cannot encode lists of structs with lists, nor web3 an address
    in lower case."""

    def __init__(self, contract):
        self.contract = contract

    def encode_input(self, *args):
        (entry,) = (e for e in compiled("Board").abi if e.get("name") == "postBundle")
        kinds = [collapse_if_tuple(item) for item in entry["inputs"]]
        head = keccak(text=f"postBundle({','.join(kinds)})")[:4]
        return "0x" + (head + encode(kinds, args)).hex()


def post(board, request, signature=b"", by=None, names=None):
    """Posts an order or a bundle under its markets' names, or under others."""
    if isinstance(request, Order):
        name = request.market if names is None else names
        return send(board.post, request.tuple, name, signature, sender=by)
    names = [one.market for one in request.steps] if names is None else names
    return send(_PostBundle(board), request.tuple, names, signature, sender=by)


def logs_of(ringside, receipt):
    return ringside.w3.eth.get_transaction_receipt(receipt.txn_hash)["logs"]


def test_a_posted_order_is_rebuilt_to_the_bit(ringside, board, place, client):
    order = ringside.order(**FULL, nonce=7)
    signature = sign(order, ringside.domain, client.private_key)
    receipt = post(board, order, signature, client)
    (found,), skipped = posted(ringside.w3, place, logs_of(ringside, receipt))
    assert (found.request, found.signature, skipped) == (order, signature, [])
    assert found.request.digest(ringside.domain) == order.digest(ringside.domain)
    assert found.at.block == receipt.block_number
    assert found.at.tx.hex() == receipt.txn_hash.removeprefix("0x")
    assert found.at.index == 0


@pytest.mark.parametrize("mode", Mode)
def test_a_posted_bundle_is_rebuilt_to_the_bit(ringside, board, place, client, mode):
    steps = [step(ringside, size=-ETH), step(ringside, market="BTC-USD", **FULL)]
    whole = bundle(ringside, mode, *steps)
    signature = sign(whole, ringside.domain, client.private_key)
    receipt = post(board, whole, signature, client)
    (found,), skipped = posted(ringside.w3, place, logs_of(ringside, receipt))
    assert (found.request, found.signature, skipped) == (whole, signature, [])


def test_a_posted_order_can_be_filled_as_it_stands(ringside, board, place, client, desk):
    order = ringside.order(venues=ALL_VENUES)
    receipt = post(board, order, ringside.signed(order, client), client)
    (found,), _ = posted(ringside.w3, place, logs_of(ringside, receipt))
    filled = ringside.fill(found.request, (1, ETH, 1_000 * USDC), signature=found.signature)
    assert ringside.filled(filled).key == order.digest(ringside.domain)


@few(25)
@given(st.one_of(orders, bundles), st.binary(max_size=200))
def test_whatever_the_wire_takes_is_rebuilt_or_skipped_by_name(ringside, request_, signature):
    """Names beyond what the wire takes, of 40 characters at most here, may be skipped; nothing
    else is."""
    place, client = ringside.addresses["ringside"]["board"], ringside.actors["client"]
    receipt = post(ringside.project.Board.at(place), request_, signature, client)
    found, skipped = posted(ringside.w3, place, logs_of(ringside, receipt))
    if skipped:
        assert "market must be text" in skipped[0].reason
        return
    assert [(one.request, one.signature) for one in found] == [(request_, signature)]


def test_anyone_may_post_for_any_account_and_the_poster_is_told(
    ringside, board, place, client, stranger
):
    order = ringside.order()
    receipt = post(board, order, ringside.signed(order, client), stranger)
    (event,) = receipt.decode_logs(board.OrderPosted)
    assert (event.account, event.poster) == (order.account, stranger.address)
    (found,), _ = posted(ringside.w3, place, logs_of(ringside, receipt))
    assert found.request == order


def test_a_name_that_is_not_the_markets_is_refused(ringside, board, client):
    with reverts(board.WrongName, step=0, market=ETH_USD):
        post(board, ringside.order(), by=client, names="BTC-USD")
    whole = bundle(ringside, Mode.ATOMIC, step(ringside), step(ringside, market="BTC-USD"))
    with reverts(board.WrongName, step=1, market=BTC_USD):
        post(board, whole, by=client, names=["ETH-USD", "ETH-USD"])


@pytest.mark.parametrize("names", [[], ["ETH-USD"], ["ETH-USD"] * 3])
def test_a_bundle_has_a_name_for_every_step(ringside, board, client, names):
    whole = bundle(ringside, Mode.ATOMIC, step(ringside), step(ringside))
    with reverts(board.WrongNames, steps=2, names=len(names)):
        post(board, whole, by=client, names=names)


def test_the_board_takes_no_money(ringside, board, client):
    order = ringside.order()
    with pytest.raises(Refused):
        send(board.post, order.tuple, "ETH-USD", b"", sender=client, value=1)
    with pytest.raises(Exception, match="revert"):
        ringside.w3.eth.call({"from": client.address, "to": board.address, "value": 1})


# ------------------------------------------------------------------ garbage


def raw(order, **changes):
    """An order's tuple with parts that no `Order` takes."""
    account, terms, *frame = order.tuple
    places = ("market", "size", "limit_price", "max_margin", "tip", "venues", "bounds")
    names = (*places, "tickets", "conditions")
    changed = [changes.get(name, value) for name, value in zip(names, terms, strict=True)]
    return (changes.get("account", account), tuple(changed), *frame)


def garbage(ringside):
    order, tickets = ringside.order(), (1, 2, 3)
    return {
        "order: size must be a whole number": (raw(order, size=0), "ETH-USD"),
        "order: venues must allow": (raw(order, venues=0), "ETH-USD"),
        "order: account must be 32 bytes": (raw(order, account=bytes(32)), "ETH-USD"),
        "tickets has 2 entries": (raw(order, tickets=[tickets, tickets]), "ETH-USD"),
        "order.terms.tickets must be a list": (raw(order, tickets=[tickets] * 65), "ETH-USD"),
        "tickets: max_loss": (raw(order, tickets=[(1, 2, ONE + 1)]), "ETH-USD"),
        "order.terms.market must be text": (raw(order, market=market_id("")), ""),
        "market must be text of 1 to 64": (raw(order, market=market_id("x" * 65)), "x" * 65),
        "printable": (raw(order, market=market_id("ETH\n-USD")), "ETH\n-USD"),
    }


def test_garbage_is_skipped_with_a_reason_and_hides_nothing_else(ringside, board, place, client):
    order = ringside.order()
    logs = []
    reasons = garbage(ringside)
    for terms, name in reasons.values():
        logs += logs_of(ringside, send(board.post, terms, name, b"", sender=client))
    logs += logs_of(ringside, post(board, order, b"\1", client))
    found, skipped = posted(ringside.w3, place, logs)
    assert [one.request for one in found] == [order]
    assert len(skipped) == len(reasons)
    for part, one in zip(reasons, skipped, strict=True):
        assert part in one.reason
        assert one.at.block
        assert len(one.at.tx) == 32


def test_a_bundle_of_nothing_and_one_of_an_unknown_mode_are_skipped(ringside, board, place, client):
    account, _, _, *frame = bundle(ringside, Mode.ATOMIC, step(ringside)).tuple
    one = step(ringside).tuple
    logs = []
    for steps, mode in (([], 0), ([one], 3), ([one] * 65, 0)):
        names, contract = ["ETH-USD"] * len(steps), _PostBundle(board)
        given_ = (account, steps, mode, *frame), names, b""
        logs += logs_of(ringside, send(contract, *given_, sender=client))
    found, skipped = posted(ringside.w3, place, logs)
    assert found == []
    for part, skip in zip(("at least one step", "mode", "at most 64"), skipped, strict=True):
        assert part in skip.reason


def test_a_name_that_is_not_text_is_skipped(ringside, board, place, client):
    order, name = ringside.order(), b"ETH\xff\xfe"
    data = bytes.fromhex(board.post.encode_input(order.tuple, "ETH-USD", b"").hex())
    told = encode(["bytes"], [b"ETH-USD"])[64:]
    data = data.replace(told, name.ljust(32, b"\0")).replace(ETH_USD, keccak(name))
    data = data.replace((7).to_bytes(32, "big") + name, (5).to_bytes(32, "big") + name)
    sent = ringside.w3.eth.send_transaction({"from": client.address, "to": place, "data": data})
    logs = ringside.w3.eth.wait_for_transaction_receipt(sent)["logs"]
    found, (skip,) = posted(ringside.w3, place, logs)
    assert found == []
    assert "not UTF-8" in skip.reason


def test_an_event_longer_than_any_request_is_not_even_read(ringside, board, place, client):
    receipt = post(board, ringside.order(), b"\1" * LONGEST, client)
    found, (skip,) = posted(ringside.w3, place, logs_of(ringside, receipt))
    assert found == []
    assert "bytes are more than any request has" in skip.reason


def test_other_contracts_and_other_events_are_passed_over(ringside, board, place, client, usdc):
    (log,) = logs_of(ringside, post(board, ringside.order(), b"", client))
    minted = logs_of(ringside, send(usdc.mint, client, 1, sender=client))
    nothing = {**log, "topics": []}
    unknown = {**log, "topics": [b"\1" * 32]}
    elsewhere = {**log, "address": usdc.address}
    assert posted(ringside.w3, place, [*minted, nothing, unknown, elsewhere]) == ([], [])
    assert len(posted(ringside.w3, place.lower(), [log])[0]) == 1


def bare_web3():
    """One that decodes as eth-abi does. Where Ape is loaded numbers beyond the end of the data are
    zero, so that a list which says it is endless is read for ever."""
    own = registry.copy()
    own.unregister("uint")
    own.register(BaseEquals("uint"), UnsignedIntegerEncoder, UnsignedIntegerDecoder, label="uint")
    found = Web3()
    found.codec = ABICodec(own)
    return found


def made_up_log(which, change=lambda data: data):
    """An order's or a bundle's event as the chain would give it, with data bent by `change`."""
    terms = Terms("ETH-USD", ETH, 1, 2, 3, 4, **FULL)
    account = b"\1" * 32
    order = Order(account, "ETH-USD", ETH, 1, 2, 3, 4, 5, 6, 7, **FULL).tuple, b"ETH-USD"
    whole = Bundle(account, (terms, terms), Mode.STEPWISE, 5, 6).tuple, [b"ETH-USD"] * 2
    posts = {"Order": order, "Bundle": whole}
    topic = topics()[which]
    name, kinds = chain_board._kinds()[topic]
    place = {"blockNumber": 1, "transactionHash": b"\2" * 32, "logIndex": 3}
    data = change(encode(kinds, (*posts[name], b"\3" * 65)))
    return {"address": NOWHERE, "topics": [topic, account], "data": data, **place}


@given(st.integers(0, 1), st.lists(st.tuples(st.integers(0, 2_000), st.binary(max_size=40))))
def test_no_data_raises_however_it_is_bent(which, changes):
    def bent(data):
        data = bytearray(data)
        for at, new in changes:
            data[at : at + len(new)] = new
        return bytes(data)

    found, skipped = posted(bare_web3(), NOWHERE, [made_up_log(which, bent)])
    assert len(found) + len(skipped) == 1
    assert changes or found


@given(st.integers(0, 1), st.binary(max_size=600), st.integers(0, 3_000))
def test_no_data_raises_however_short_or_strange(which, strange, length):
    for change in (lambda _: strange, lambda data: data[:length]):
        found, skipped = posted(bare_web3(), NOWHERE, [made_up_log(which, change)])
        assert len(found) + len(skipped) == 1


def test_the_topics_are_those_of_the_events(ringside, board, place, client):
    order = ringside.order()
    post(board, order, by=client)
    post(board, bundle(ringside, Mode.ATOMIC, order.terms), by=client)
    asked = {"address": place, "fromBlock": 0, "topics": [topics()]}
    logs = ringside.w3.eth.get_logs(asked)
    assert {bytes(log["topics"][0]) for log in logs} == set(topics())
    assert [bytes(log["topics"][1]) for log in logs] == [ringside.account] * 2

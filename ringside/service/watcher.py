"""What the chain says, read block for block into the database, and unwound where it says otherwise.

The cursor is the last block whose events are stored, with its hash. Each turn first asks whether
that block still is the chain's; if not, what was read of blocks that are no more is unwound down to
the last common one. `newHeads` would only be a wake-up: everything here follows from the cursor.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import structlog
from hexbytes import HexBytes
from sqlalchemy import Connection
from web3.exceptions import Web3Exception
from web3.logs import DISCARD

from ringside.chain.batch import ask
from ringside.chain.board import posted, topics
from ringside.chain.contracts import Ringside
from ringside.chain.logs import Event, Kind
from ringside.chain.logs import logs as read_logs
from ringside.chain.signatures import is_signed
from ringside.keeper.receipts.events import signed_in, step_of
from ringside.orders import Bundle, Order, market_id, step_key
from ringside.store import book, ledger, outbox
from ringside.store.book import Entry, Received
from ringside.store.database import Database
from ringside.store.ledger import KEPT, Header

CHUNK = 1_000
"""Blocks whose events are asked for at once."""
SILENT = "Traded", "TicketSettled", "PulledInKind"
"""What is no news of its own, but changes what an account holds."""
KEYED = "Filled", "Committed"
"""What names the order that it fills."""
UNKNOWN_PRICE = 2**128 - 1
ENDED = 1_000
"""Orders whose end is looked at again after a reorganisation: what ended them may be no more."""
MOST_STEPS = 100_000
"""Steps of bundles that are remembered at once."""
log = structlog.get_logger()


class DeepReorganisation(Exception):
    """No block that was kept is the chain's any more: another chain, or one that forked long ago.
    The database has to be rebuilt."""


@dataclass(frozen=True)
class Seen:
    """What a turn of the watcher found: the block it is at, how many blocks were unwound, and the
    orders (digests) and accounts that something happened to."""

    head: Header
    unwound: int = 0
    orders: set[bytes] = field(default_factory=set)
    accounts: set[bytes] = field(default_factory=set)


class Watcher:
    """Follows the deployment from block `since` on."""

    def __init__(self, database: Database, ringside: Ringside, since: int = 0) -> None:
        self.signed = partial(is_signed, ringside.w3)
        self.database, self.ringside, self.since = database, ringside, since
        self._markets = {market_id(name): name for name in ringside.addresses["feeds"]}
        at = ringside
        self._board: str = at.addresses["ringside"].get("board", "")
        self._events = {
            (place.address, kind.topic): kind
            for contract, place, names in (
                ("Desk", at.desk, ("Filled", "Committed", "Settled", "Cancelled", "EpochRaised")),
                ("Vault", at.vault, ("Deposited", "Withdrawn", "OperatorSet", "Paid", *SILENT)),
                ("Vault", at.vault, ("MarginPosted", "MarginPulled")),
                ("Policies", at.policies, ("Moved", "Cancelled")),
            )
            for kind in (Kind(contract, name) for name in names)
        }
        """By contract and topic: two of them have an event of one name."""
        self._places = list(dict.fromkeys(place for place, _ in self._events))
        if self._board:
            self._places.append(self._board)
        self._steps: dict[bytes, bytes] = {}
        """Steps' keys to the digests of their bundles."""
        self._bundles: set[bytes] = set()
        """Those whose steps are known."""

    def turn(self) -> Seen:
        """Reads what is new.

        Raises:
            DeepReorganisation: nothing that was kept is on the chain.
        """
        head = self._header("latest")
        assert head is not None, "a chain without a block"
        with self.database.read() as connection:
            last = ledger.followed(connection)
        if last is not None and head.hash == last.hash:
            return Seen(head)
        unwound, touched, last = self._unwind(last)
        orders, accounts = set(touched), set()
        first = self.since if last is None else last.number + 1
        if last is not None and head.number < last.number:
            head = last
        while first <= head.number:
            until = min(first + CHUNK - 1, head.number)
            told = self._read(first, until, last)
            if told is None:  # The chain changed under the reading: the next turn looks again.
                break
            orders |= told[0]
            accounts |= told[1]
            last = told[2]
            first = until + 1
        with self.database.read() as connection:
            at = ledger.followed(connection)
        return Seen(at or head, unwound, orders, accounts)

    # ------------------------------------------------------------------ reorganisations

    def _unwind(self, last: Header | None) -> tuple[int, set[bytes], Header | None]:
        if last is None:
            return 0, set(), None
        common: Header | None = last
        depth = 0
        while common is not None and not self._is_on_chain(common):
            depth += 1
            if depth > KEPT:
                break
            with self.database.read() as connection:
                common = ledger.header(connection, last.number - depth)
        if common is None or depth > KEPT:
            raise DeepReorganisation(
                f"Block {last.number} and the {depth} before it are not on this chain. If it is "
                "the right one, set `database` to a new one: it is rebuilt from the chain."
            )
        if not depth:
            return 0, set(), last
        now = time.time()
        with self.database.write() as connection:
            touched = ledger.unwind(connection, common.number + 1, now)
            outbox.reopen(connection, common.number + 1, now)
            self._reopen(connection, touched, now)
            touched |= {
                entry.key
                for entry in book.ended_lately(connection, ENDED)
                if entry.state is not book.State.REJECTED
            }
        return depth, touched, common

    def _reopen(self, connection: Connection, keys: set[bytes], now: float) -> None:
        why = "the chain unwound what had happened to it"
        moves = [
            book.Move(entry, book.State.WORKING, why)
            for entry in book.by_key(connection, list(keys)).values()
            if entry.state is not book.State.REJECTED and not entry.withdrawn
        ]
        book.move(connection, moves, now)

    def _is_on_chain(self, known: Header) -> bool:
        found = self._header(known.number)
        return found is not None and found.hash == known.hash

    # ------------------------------------------------------------------ reading

    def _read(
        self, first: int, last: int, before: Header | None
    ) -> tuple[set[bytes], set[bytes], Header] | None:
        """Stores the events of these blocks with the cursor, in one go, and returns the orders and
        accounts that they are about, and the last block; `None` if the blocks are not one chain,
        or do not follow the one `before`."""
        at = self.ringside
        heads = list(dict.fromkeys([*(topic for _, topic in self._events), *topics()]))
        told = read_logs(at.w3, self._places, heads, (first, last))
        wanted = {first, *(log["blockNumber"] for log in told)}
        wanted |= set(range(max(first, last - KEPT), last + 1))
        headers = self._headers(sorted(wanted))
        if headers is None:
            return None
        if any(
            bytes.fromhex(log["blockHash"][2:]) != headers[log["blockNumber"]].hash for log in told
        ):
            return None
        chain = [headers[n] for n in sorted(headers)]
        if before is not None and chain[0].parent != before.hash:
            return None
        for one, two in pairwise(chain):
            if two.number == one.number + 1 and two.parent != one.hash:
                return None
        orders: set[bytes] = set()
        accounts: set[bytes] = set()
        logs = [log for log in told if self._event(log) is not None]
        events = [(self._event(log).read(log), log["blockNumber"]) for log in logs]
        requests = [*self._requests([event for event, _ in events]), *self._posted(told)]
        now = time.time()
        with self.database.write() as connection:
            if requests:
                book.accept(connection, requests)
            told_of = [event.args["key"] for event, _ in events if event.name in KEYED]
            known = book.by_key(connection, [self._steps.get(key, key) for key in told_of])
            for event, block in events:
                self._store(connection, event, headers[block], now, orders, accounts, known)
            ledger.follow(connection, [h for h in chain if h.number > last - KEPT])
        return orders, accounts, chain[-1]

    def _requests(self, events: Sequence[Event]) -> list[Received]:
        """Orders that were filled and are not known here: somebody else's, or of a database that
        was lost."""
        keyed = [event for event in events if event.name in KEYED]
        keys = {event.args["key"] for event in keyed}
        with self.database.read() as connection:
            known = set(book.by_key(connection, list(keys)))
        unknown = {
            event.tx for event in keyed if event.args["key"] not in known | self._steps.keys()
        }
        found = []
        for tx in sorted(unknown):
            try:
                transaction = self.ringside.w3.eth.get_transaction(tx)  # type: ignore[arg-type]
            except Web3Exception:
                continue
            for request, signature in signed_in(self.ringside, transaction):
                digest = request.digest(self.ringside.domain)
                # What the Desk was called with in vain anybody may have made up.
                if not self.signed(request.owner, digest, signature):
                    continue
                self.remember(request, digest)
                found.append(Received(digest, request, signature, "chain", "", time.time()))
        return found

    def _posted(self, logs: Sequence[Any]) -> list[Received]:
        """Orders that somebody posted on the chain, of whom the signature is theirs."""
        if not self._board:
            return []
        found, skipped = posted(self.ringside.w3, self._board, logs)
        for one in skipped:
            log.info("a post is no order", tx="0x" + one.at.tx.hex(), reason=one.reason)
        received = []
        for post in found:
            digest = post.request.digest(self.ringside.domain)
            if strange := _markets_of(post.request) - set(self._markets.values()):
                name = sorted(strange)[0][:80]
                log.info("a post is of a market that is none", order="0x" + digest.hex(), name=name)
            elif self.signed(post.request.owner, digest, post.signature):
                self.remember(post.request, digest)
                now = time.time()
                received.append(Received(digest, post.request, post.signature, "chain", "", now))
            else:
                log.info("a post is not signed by its owner", order="0x" + digest.hex())
        return received

    def remember(self, request: Any, digest: bytes) -> None:
        """Learns a bundle's steps, under whose keys the Desk tells of fills."""
        if not isinstance(request, Bundle) or digest in self._bundles:
            return
        if len(self._steps) > MOST_STEPS:  # Those of live bundles are learnt again at once.
            self._steps.clear()
            self._bundles.clear()
        self._bundles.add(digest)
        self._steps.update((key, digest) for key in _step_keys(request, digest))

    def _store(
        self,
        connection: Connection,
        event: Event,
        block: Header,
        now: float,
        orders: set[bytes],
        accounts: set[bytes],
        known: Mapping[bytes, Entry],
    ) -> None:
        args, name, tx = event.args, event.name, event.tx
        account: bytes = args["account"]
        accounts.add(account)
        if name in SILENT:
            return
        if name in ("Filled", "Committed", "Settled"):
            key = args["key"]
            order = self._steps.get(key, key)
            orders.add(order)
        if name == "Filled":
            version, told = args["receipt"]["version"], args["receipt"]["hash"]
            ledger.fill(
                connection,
                ledger.Fill(
                    *(tx, event.index, key, order, account, args["filler"].lower()),
                    *(
                        self._market(known.get(order), key),
                        args["size"],
                        args["quote"],
                        args["tip"],
                    ),
                    *(told if version else None, block.number, block.hash, block.at),
                ),
                now,
            )
        elif name == "Committed":
            market = self._market(known.get(order), key) or self._ticket_market(event)
            ledger.ticket(
                connection,
                ledger.Ticket(
                    *(account, args["venue"], market, args["number"], key, order, args["size"]),
                    *(args["limitQuote"], tx, block.number, block.at),
                ),
                now,
            )
        elif name == "Settled":
            quote = None if args["quote"] == UNKNOWN_PRICE else args["quote"]
            place = account, args["venue"], key, args["number"]
            ledger.settle(connection, place, args["filled"], quote, tx, block.number, now)
        else:
            if name == "Cancelled" and event.address == self.ringside.desk.address:
                orders |= book.with_nonce(connection, account, args["nonce"])
            elif name == "EpochRaised":
                orders |= book.live_of(connection, account)
            body = {k: _plain(v) for k, v in args.items() if k != "account"}
            body |= {"event": name, "tx": "0x" + tx.hex(), "block": block.number}
            book.tell(connection, account, "account", body, now)

    def _market(self, known: Entry | None, key: bytes) -> str | None:
        if known is None:
            return None
        request = known.request
        if not isinstance(request, Bundle):
            return request.market
        step = step_of(request, key, self.ringside)[1]
        return None if step is None else request.steps[step].market

    def _ticket_market(self, committed: Event) -> str:
        """The Desk does not say in which market a ticket is: the vault does, in the same
        transaction. Nothing for a market of no name here."""
        receipt = self.ringside.w3.eth.get_transaction_receipt(HexBytes(committed.tx))
        mine = committed.args
        for entry in self.ringside.vault.events.TicketCommitted().process_receipt(receipt, DISCARD):
            args = entry["args"]
            if all(args[name] == mine[name] for name in ("account", "venue", "number")):
                return str(self._markets.get(bytes(args["market"]), ""))
        return ""

    def _header(self, number: int | str) -> Header | None:
        """A block's, `None` if there is none."""
        place = hex(number) if isinstance(number, int) else number
        (found,) = ask(self.ringside.w3, [("eth_getBlockByNumber", [place, False])])
        return None if found is None else _header(found)

    def _headers(self, numbers: Sequence[int]) -> dict[int, Header] | None:
        """`None` if one of them is not there any more."""
        found = ask(self.ringside.w3, [("eth_getBlockByNumber", [hex(n), False]) for n in numbers])
        if any(one is None for one in found):
            return None
        return {n: _header(one) for n, one in zip(numbers, found, strict=True)}

    def _event(self, log: Any) -> Any:
        """What describes a log, `None` for the Board's, which are read elsewhere."""
        return self._events.get((log["address"], bytes.fromhex(log["topics"][0][2:])))


def _step_keys(request: Order | Bundle, digest: bytes) -> list[bytes]:
    """What the Desk keeps the steps of a bundle under."""
    steps = range(len(request.steps)) if isinstance(request, Bundle) else ()
    return [step_key(digest, step) for step in steps]


def _markets_of(request: Order | Bundle) -> set[str]:
    parts = request.steps if isinstance(request, Bundle) else (request,)
    return {part.market for part in parts}


def _header(found: Any) -> Header:
    """Out of a block as JSON has it."""
    return Header(
        int(found["number"], 16),
        bytes.fromhex(found["hash"][2:]),
        bytes.fromhex(found["parentHash"][2:]),
        int(found["timestamp"], 16),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

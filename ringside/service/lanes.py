"""Nonce lanes: how planned transactions get onto the chain, each once, under whatever happens.

A lane is one signer's sequence of nonces. What is planned for it is signed under its next nonces
and stored before it is sent; from then on anybody may send the same bytes again. What sticks is
signed anew under the same nonce for more; what must not be mined any more gives its nonce to a
transaction that does nothing. So the nonce decides, and a restart at any instruction sends nothing
twice.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from web3 import Web3

from ringside.chain.batch import answers, ask
from ringside.chain.contracts import Refused
from ringside.chain.sender import attempt as tried
from ringside.store import outbox
from ringside.store.database import Database
from ringside.store.ledger import Header
from ringside.store.outbox import Attempt, Stage, Transaction, Wanted
from ringside.venues import VENUE_ERRORS

GWEI = 10**9
VOID_GAS = 21_000
RAISE = 5, 4
"""By how much each further attempt pays more, at least what nodes ask for (an eighth)."""
KNOWN = ("already known", "already imported", "known transaction", "nonce too low")
"""What nodes say of a transaction that they have, or that is mined."""
log = structlog.get_logger()


class Signer(Protocol):
    """Whoever signs for a lane, without showing its key."""

    @property
    def address(self) -> str:
        """Checksummed."""

    def sign(self, transaction: Mapping[str, Any]) -> bytes:
        """The signed transaction's bytes."""


@dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction may pay: the base fee is doubled for what it may rise until it is mined.
    Wei per gas; `patience` seconds without being mined make a transaction stuck; what was sent is
    looked at with every block, and every `look` seconds while there is none."""

    priority: int = GWEI
    most: int = 500 * GWEI
    patience: float = 20.0
    look: float = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a transaction ended."""

    transaction: Transaction
    stage: Stage
    error: str = ""
    cost: int = 0


class Lanes:
    """The lanes whose signers are here. `send_by` runs one lane beside the other."""

    def __init__(
        self, database: Database, w3: Web3, signers: Sequence[Signer], fees: Fees | None = None
    ) -> None:
        self.database, self.w3, self.fees = database, w3, fees or Fees()
        self.signers = {signer.address: signer for signer in signers}
        self._pool = ThreadPoolExecutor(max(len(signers), 1), "lane")
        self._chain_id = w3.eth.chain_id
        self.base_fee: int | None = None
        """The newest block's, where somebody has read it anyway; in wei."""
        self._missing: dict[int, int] = {}
        """Transactions whose nonce is gone without a receipt, and since what block time."""
        self._looked: tuple[bytes, float] = (b"", 0.0)
        """At which block what was sent was looked at last, and when (monotonic seconds)."""

    @property
    def addresses(self) -> list[str]:
        return list(self.signers)

    def close(self) -> None:
        self._pool.shutdown()

    # ------------------------------------------------------------------ sending

    def carry(self) -> list[Transaction]:
        """Signs what is planned for the lanes here and sends it. Returns what was signed."""
        mined = self._nonces(self._planned_lanes())
        if not mined:
            return []
        max_fee, priority = self._price()
        if max_fee > self.fees.most:
            return []  # Dearer than the operator allows: it waits, or is withdrawn.
        with self.database.write() as connection:
            signed: list[tuple[int, int, Attempt]] = []
            waiting = [
                one
                for one in outbox.under_way(connection, list(mined))
                if one.stage is Stage.PLANNED
            ]
            free = {lane: outbox.next_nonce(connection, lane, mined[lane]) for lane in mined}
            for one in waiting:
                nonce = free[one.wanted.lane]
                free[one.wanted.lane] += 1
                attempt = self._sign(one.wanted, nonce, max_fee, priority)
                signed.append((one.id, nonce, attempt))
            outbox.sign(connection, signed)
        with self.database.read() as connection:
            made = outbox.by_number(connection, [number for number, _, _ in signed])
        self.send(made)
        return made

    def send(self, transactions: Iterable[Transaction]) -> None:
        """Sends the newest attempt of each, those of a lane in order, the lanes beside each
        other. What the node says of it shows in what is mined."""
        lanes: dict[str, list[Transaction]] = defaultdict(list)
        for one in transactions:
            if one.attempts:
                lanes[one.wanted.lane].append(one)

        def whole(lane: list[Transaction]) -> None:
            lane.sort(key=lambda one: one.nonce or 0)
            self._broadcast([one.attempts[-1] for one in lane])

        for done in [self._pool.submit(whole, lane) for lane in lanes.values()]:
            done.result()

    def disown(self) -> list[Ended]:
        """Drops what was planned for lanes whose keys are not here: whoever planned it leads no
        more, and nobody has seen it signed. Its orders are free to be planned anew. Returns what
        ended. To be called by whoever leads."""
        with self.database.write() as connection:
            strange = [
                one
                for one in outbox.under_way(connection)
                if one.stage is Stage.PLANNED and one.wanted.lane not in self.signers
            ]
            for one in strange:
                why = "the key of its lane is not here any more"
                outbox.end(connection, one.id, Stage.DROPPED, time.time(), error=why)
        return [Ended(one, Stage.DROPPED) for one in strange]

    # ------------------------------------------------------------------ following

    def confirm(self, head: Header) -> list[Ended]:
        """Looks at everything that was sent: books what was mined up to `head`, whose events are
        known then, sends again what the node has forgotten, raises what sticks and voids what is
        too late. Returns what ended. On a block that was looked at, nothing more can be mined: then
        it looks again only now and then."""
        looked_at, when = self._looked
        if head.hash == looked_at and time.monotonic() - when < self.fees.look:
            return []
        with self.database.read() as connection:
            sent = [t for t in outbox.under_way(connection) if t.stage is Stage.SENT]
        if not sent:
            return []
        # The nonces first: what is mined between the two questions then has its receipt.
        mined = self._nonces({one.wanted.lane for one in sent})
        receipts = self._receipts(sent)
        missing = self._missing
        self._missing = {}
        found: list[tuple[Ended, bytes | None, int | None]] = []
        late, again = [], []
        for one in sent:
            receipt = receipts.get(one.id)
            if receipt is not None and int(receipt["blockNumber"], 16) > head.number:
                continue
            if receipt is not None:
                found.append(self._ended(one, receipt))
            elif one.nonce is not None and one.nonce < mined[one.wanted.lane]:
                # One node may be behind the other: only what stays so is so.
                since = self._missing[one.id] = missing.get(one.id, head.at)
                if head.at <= since:
                    continue
                taken = "another transaction took its nonce"
                found.append((Ended(one, Stage.DROPPED, taken), None, None))
            elif one.wanted.lane in self.signers and self._is_late(one, head.at):
                late.append(one)
            else:
                again.append(one)
        if found:
            now = time.time()
            with self.database.write() as connection:
                for ended, attempt, block in found:
                    cost = ended.cost or None
                    outbox.end(
                        *(connection, ended.transaction.id, ended.stage, now),
                        *(attempt, block, cost, ended.error),
                    )
        self.send([*self._raised(late, head.at), *again])
        self._looked = head.hash, time.monotonic()
        return [ended for ended, _, _ in found]

    # ------------------------------------------------------------------ internal

    def _planned_lanes(self) -> set[str]:
        with self.database.read() as connection:
            waiting = outbox.under_way(connection, list(self.signers))
        return {one.wanted.lane for one in waiting if one.stage is Stage.PLANNED}

    def _nonces(self, lanes: Iterable[str]) -> dict[str, int]:
        """How many transactions of each lane the chain has mined."""
        asked = list(lanes)
        found = ask(self.w3, [("eth_getTransactionCount", [lane, "latest"]) for lane in asked])
        return {lane: int(count, 16) for lane, count in zip(asked, found, strict=True)}

    def _price(self) -> tuple[int, int]:
        base = self.base_fee
        if base is None:
            base = int(self.w3.eth.get_block("latest").get("baseFeePerGas") or 0)
        return 2 * base + self.fees.priority, self.fees.priority

    def _sign(
        self, wanted: Wanted, nonce: int, max_fee: int, priority: int, void: bool = False
    ) -> Attempt:
        raw = self.signers[wanted.lane].sign(
            {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": wanted.lane if void else self.w3.to_checksum_address(wanted.to),
                "data": b"" if void else wanted.data,
                "value": 0 if void else wanted.value,
                "gas": VOID_GAS if void else wanted.gas,
                "maxFeePerGas": max_fee,
                "maxPriorityFeePerGas": priority,
            }
        )
        return Attempt(bytes(Web3.keccak(raw)), raw, max_fee, priority, void, time.time())

    def _broadcast(self, attempts: Sequence[Attempt]) -> None:
        questions = [("eth_sendRawTransaction", ["0x" + one.raw.hex()]) for one in attempts]
        for one, answer in zip(attempts, answers(self.w3, questions), strict=True):
            said = str(answer.get("error", {}).get("message", "")).lower()
            if said and not any(known in said for known in KNOWN):
                # It is sent again with every turn: what is wrong is for the operator to mend.
                log.warning("a node refuses a transaction", tx="0x" + one.hash.hex(), reason=said)

    def _is_late(self, one: Transaction, block_time: int) -> bool:
        until, newest = one.wanted.until, one.attempts[-1]
        overdue = until is not None and block_time >= until and not newest.void
        return overdue or time.time() - newest.signed_at > self.fees.patience

    def _raised(self, late: Sequence[Transaction], block_time: int) -> list[Transaction]:
        """The late ones with a further attempt each."""
        if not late:
            return []
        max_now, priority_now = self._price()
        with self.database.write() as connection:
            for one in late:
                newest = one.attempts[-1]
                until = one.wanted.until
                void = newest.void or (until is not None and block_time >= until)
                up, down = RAISE
                priority = max(priority_now, newest.priority_fee * up // down + 1)
                max_fee = max(max_now, newest.max_fee * up // down + 1, priority)
                if max_fee > self.fees.most:
                    continue
                assert one.nonce is not None
                attempt = self._sign(one.wanted, one.nonce, max_fee, priority, void)
                outbox.sign(connection, [(one.id, one.nonce, attempt)])
        with self.database.read() as connection:
            return outbox.by_number(connection, [one.id for one in late])

    def _receipts(self, sent: Sequence[Transaction]) -> dict[int, Any]:
        """Of those that are mined, as JSON has them."""
        tried = [(one.id, a.hash) for one in sent for a in one.attempts]
        found = ask(
            self.w3, [("eth_getTransactionReceipt", ["0x" + digest.hex()]) for _, digest in tried]
        )
        return {
            number: receipt
            for (number, _), receipt in zip(tried, found, strict=True)
            if receipt is not None
        }

    def _ended(self, one: Transaction, receipt: Any) -> tuple[Ended, bytes, int]:
        mined = bytes.fromhex(receipt["transactionHash"][2:])
        attempt = next(a for a in one.attempts if a.hash == mined)
        cost = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        block = int(receipt["blockNumber"], 16)
        if attempt.void:
            return Ended(one, Stage.DROPPED, "it was too late to be mined", cost), mined, block
        if int(receipt["status"], 16) == 1:
            return Ended(one, Stage.MINED, "", cost), mined, block
        return Ended(one, Stage.FAILED, self._why(one.wanted, block), cost), mined, block

    def _why(self, wanted: Wanted, block: int) -> str:
        """What the call is refused with just before its block: as near as a node without traces
        tells."""
        try:
            tried(self.w3, wanted.call, VENUE_ERRORS, block - 1)
        except Refused as refused:
            return str(refused)
        return f"it was refused only where it stood in block {block}"

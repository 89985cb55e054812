"""Doing it: every step is simulated, sent if it passes, and told; then the chain is read again.

A step that is refused is put aside with its reason and stops no other. What time may cure is tried
again while the owner's patience lasts.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode, encode
from web3.logs import DISCARD
from web3.types import TxReceipt

from ringside.accounts import owner_of
from ringside.chain.contracts import Refused
from ringside.chain.sender import Send, Sender
from ringside.exit.plan import ANY, NOTHING, Choice, Kind, Left, Past, Step, left, plan
from ringside.exit.reasons import ERRORS, explain
from ringside.exit.state import Deployment, Spot, State, read
from ringside.keccak import keccak_text
from ringside.orders import market_id
from ringside.units import ONE, from_units

if TYPE_CHECKING:
    from web3 import Web3

SLICE = 5
"""Seconds to wait at a time, since others may execute what is waited for."""
MOST_TRIES = 4
MOST_CLOSES = 100
"""How often a step may be taken in one run; closing and withdrawing go on from where they were."""

Prices = Callable[[str, int], tuple[list[bytes], int]]
"""Pyth's update data for a market with a price published at or after a second, and the fee in
wei."""
Wait = Callable[[int], None]
"""Returns when the chain's time is there."""


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was taken, or refused."""

    step: Step
    note: str
    transaction: str = ""
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How it went: the account before and after, every step, and what could not be done."""

    before: State
    after: State
    done: tuple[Done, ...]
    left: tuple[Left, ...]

    @property
    def withdrawn(self) -> int:
        """USDC (1e6) that the wallet has more than before."""
        return self.after.wallet - self.before.wallet


def chain_clock(w3: Web3, pause: float = 1.0) -> Wait:
    """Waits for the chain's own time, asking once a second."""

    def wait(until: int) -> None:
        while w3.eth.get_block("latest")["timestamp"] < until:
            time.sleep(pause)

    return wait


class Exit:
    """One account's way out, with the owner's key behind `send`."""

    def __init__(
        self,
        at: Deployment,
        account: bytes,
        send: Send,
        choice: Choice,
        wait: Wait,
        prices: Prices | None = None,
        tell: Callable[[Done], None] = lambda _: None,
    ) -> None:
        self.at, self.account, self.choice = at, account, choice
        self.sender = Sender(at.w3, owner_of(account), send, ERRORS)
        self.wait, self.prices, self.tell = wait, prices, tell
        self._raised = False
        self._refused: dict[Any, Refused] = {}
        self._retry: dict[Any, int] = {}
        self._tries: Counter[Any] = Counter()
        self._commits: Counter[tuple[int, str]] = Counter()

    @property
    def past(self) -> Past:
        """What happened so far."""
        return Past(self._raised, dict(self._refused), dict(self._retry), dict(self._commits))

    def read(self) -> State:
        """The account now."""
        return read(self.at, self.account, self.choice.tokens, self.choice.revoke)

    def plan(self, state: State) -> tuple[Step, ...]:
        """What is to be done from there."""
        return plan(state, self.choice, self.past)

    def run(self) -> Report:
        """Does all that can be done."""
        before = state = self.read()
        done: list[Done] = []
        patience = self.choice.patience
        while steps := self.plan(state):
            step = next((step for step in steps if step.ready), None)
            if step is not None:
                done.append(self._take(state, step))
                self.tell(done[-1])
            else:
                until = min((s.until for s in steps if s.until > state.now), default=0)
                if not until or patience <= 0:
                    break
                until = min(until, state.now + SLICE)
                patience -= until - state.now
                self.wait(until)
            state = self.read()
        return Report(before, state, tuple(done), left(state, self.choice, self.past))

    # ---------------------------------------------------------------- one step

    def _take(self, state: State, step: Step) -> Done:
        self._tries[step.key] += 1
        most = MOST_CLOSES if step.kind in (Kind.CLOSE, Kind.WITHDRAW) else MOST_TRIES
        if self._tries[step.key] > most:
            # For good, with the reason that it was refused with before, if there is one.
            no = self._refused.setdefault(step.key, Refused(f"tried {most} times"))
            self._retry.pop(step.key, None)
            return Done(step, f"not tried again: {explain(no).why}", refused=no)
        try:
            note, receipt = self._act(state, step)
        except Refused as no:
            return self._put_aside(state, step, no)
        if receipt is None:
            # Nothing there to be done: not a failure, and not to be tried again.
            self._refused[step.key] = NOTHING
            return Done(step, note)
        if step.kind is Kind.EPOCH:
            self._raised = True
        if step.kind is Kind.COMMIT:
            self._commits[step.venue, step.market] += 1
        # What was refused at this venue before may pass now.
        for key in [key for key in self._refused if key[1] == step.venue]:
            self._refused.pop(key)
            self._retry.pop(key, None)
        return Done(step, note, "0x" + bytes(receipt["transactionHash"]).hex())

    def _put_aside(self, state: State, step: Step, no: Refused) -> Done:
        self._refused[step.key] = no
        self._retry.pop(step.key, None)
        if step.kind is Kind.EPOCH:
            self._raised = True  # Asked once; the exit goes on without.
        known = explain(no, pulling=step.kind is Kind.PULL)
        if known.retry is not None:
            self._retry[step.key] = state.now + known.retry
        return Done(step, known.why, refused=no)

    def _act(self, state: State, step: Step) -> tuple[str, TxReceipt | None]:
        """
        Raises:
            Refused: by the simulation, or by the chain in the end.
        """
        kind, account, venue = step.kind, self.account, step.venue
        key = market_id(step.market) if step.market else b""
        vault = self.at.vault
        if kind is Kind.EPOCH:
            return self._vault(self.at.desk, "raiseEpoch", account, step.amount)
        if kind is Kind.REVOKE:
            return self._vault(vault, "setOperator", account, (step.market, 0, 0, 0, 0))
        if kind is Kind.SETTLE:
            return self._resolve("settle", account, venue, key, b"")
        if kind is Kind.EXPIRE:
            return self._resolve("expire", account, venue, key)
        if kind is Kind.RECLAIM:
            return self._vault(vault, "reclaim", account, venue, key)
        if kind is Kind.SWEEP:
            return self._vault(vault, "sweep", account, venue, step.market)
        if kind is Kind.WITHDRAW:
            _, receipt = self._vault(vault, "withdraw", account, state.idle, state.owner)
            return f"{from_units(state.idle, 6):,.6f} USDC", receipt
        if kind is Kind.CLOSE:
            return self._close(step, key)
        if kind is Kind.COMMIT:
            return self._commit(state, step, key)
        if kind is Kind.PULL:
            return self._pull(state, step, key)
        if kind is Kind.PULL_IN_KIND:
            args = account, venue, key, ANY, state.owner
            return self._vault(vault, "pullInKind", *args)
        return self._at_the_venue(state, step, state.spot(venue, step.market))

    def _close(self, step: Step, key: bytes) -> tuple[str, TxReceipt | None]:
        args = self.account, step.venue, key, step.limit
        done, _ = decode(["int256", "uint256"], self._try_vault("close", *args))
        if done == 0:
            raise Refused("the venue closes nothing of it now")
        note, receipt = self._vault(self.at.vault, "close", *args)
        if receipt is None:
            return note, receipt
        for event in self.at.vault.events.Traded().process_receipt(receipt, DISCARD):
            size, quote = event["args"]["size"], event["args"]["quote"]
            if size:
                price = from_units(quote * ONE // abs(size))
                note = f"{from_units(abs(size)):f} closed at {price:,.2f}"
        return note, receipt

    def _commit(self, state: State, step: Step, key: bytes) -> tuple[str, TxReceipt | None]:
        size = -step.amount
        quote = ANY if step.limit == ANY else abs(size) * step.limit // ONE
        # Account, venue, market, size, limit, margin, tip, payee, fee, collector, measure.
        trade = (
            *(self.account, step.venue, key, size, quote),
            *(0, 0, state.owner, 0, state.owner, False),
        )
        return self._vault(self.at.vault, "commit", trade, 0)

    def _resolve(self, name: str, *args: Any) -> tuple[str, TxReceipt | None]:
        """Settles or expires; a ticket that stays open is a refusal."""
        settled, *_ = decode(["bool", "int120", "uint128"], self._try_vault(name, *args))
        if not settled:
            raise Refused("the venue has not resolved the ticket")
        note, receipt = self._vault(self.at.vault, name, *args)
        if receipt is None:
            return note, receipt
        for event in self.at.vault.events.TicketSettled().process_receipt(receipt, DISCARD):
            filled = event["args"]["filled"]
            note = f"{from_units(abs(filled)):f} filled" if filled else "nothing filled"
        return note, receipt

    def _pull(self, state: State, step: Step, key: bytes) -> tuple[str, TxReceipt | None]:
        """All that is free, for no less than it is worth at par but `max_loss`."""
        where = self.account, step.venue, key, ANY
        raw = self._try_vault("pullInKind", *where, state.owner)
        token, amount = decode(["address", "uint256"], raw)
        par = amount
        if token.lower() != self.at.token.lower():
            answer = self.at.ask(token, "decimals()", ["uint8"], block=state.block)
            par = amount * 10**6 // 10 ** int(answer[0] if answer else 18)
        if par == 0:
            return NOTHING.name, None
        # Where no exchange is in between, what leaves the venue arrives.
        loss = self.choice.max_loss if token.lower() != self.at.token.lower() else 0
        least = par * (ONE - loss) // ONE
        note, receipt = self._vault(self.at.vault, "pull", *where, least)
        if receipt is None:
            return note, receipt
        for event in self.at.vault.events.MarginPulled().process_receipt(receipt, DISCARD):
            note = f"{from_units(event['args']['amount'], 6):,.2f} USDC"
        return note, receipt

    def _at_the_venue(self, state: State, step: Step, spot: Spot) -> tuple[str, TxReceipt | None]:
        """Executes or drops an order there, as anybody may."""
        seat = state.seat(step.venue).address
        market = self.at.w3.to_checksum_address("0x" + spot.instrument[-20:].hex())
        if step.kind is Kind.CANCEL:
            data = _call("cancelOffchainDelayedOrder(address)", seat)
            return "dropped", self.sender.transact(market, data)
        if self.prices is None or spot.order is None:
            raise Refused("no Pyth price was brought")
        updates, fee = self.prices(step.market, spot.order.executable)
        data = _call("executeOffchainDelayedOrder(address,bytes[])", seat, updates)
        return "executed at the price brought", self.sender.transact(market, data, fee)

    # --------------------------------------------------------------- the chain

    def _vault(self, contract: Any, name: str, *args: Any) -> tuple[str, TxReceipt | None]:
        return "done", self.sender.transact(contract.address, contract.encode_abi(name, list(args)))

    def _try_vault(self, name: str, *args: Any) -> bytes:
        vault = self.at.vault
        return self.sender.attempt(vault.address, vault.encode_abi(name, list(args)))


def _call(signature: str, *values: Any) -> bytes:
    kinds = signature[signature.index("(") + 1 : -1].split(",")
    return keccak_text(signature)[:4] + encode(kinds, values)

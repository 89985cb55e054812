"""Doing a plan's steps, one transaction after the other.

A step that was sent and not recorded when the process died went out under the nonce that was
recorded before it: the contract it made stands at the address that follows from that nonce, and a
call asks the chain. So whoever starts again sends nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.exceptions import Web3Exception

from ringside.deploy.check import findings, misplaced, moved
from ringside.deploy.plan import ZERO, Plan
from ringside.deploy.record import Contract, Pending, Record, Sent
from ringside.deploy.record import load as load_record
from ringside.deploy.site import Artifact, Finding, Site, created, plain
from ringside.deploy.steps import Make, Send, Step, seat, steps

Sender = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Signs and sends a transaction (to, data, nonce) from the deployer, waits, and returns the
receipt: status, block, hash.

Raises:
    DeployError: it was refused.
"""


class DeployError(Exception):
    """A step did not do what it should; the message says which, and what to do."""


LOCAL_CHAIN = 31337


class Deployment:
    """A plan, a chain and the record between them."""

    def __init__(
        self, w3: Web3, plan: Plan, file: Path | None, deployer: str | None, artifact: Artifact
    ) -> None:
        """Without a `file` nothing is remembered: for chains that live as long as the process.

        Raises:
            RecordError: the file is of another chain or deployer.
            DeployError: there is neither a record nor somebody to deploy, or the plan is none for
                that chain or that deployer.
        """
        self.w3, self.plan, self.file = w3, plan, file
        chain = w3.eth.chain_id
        found = load_record(file, chain, deployer) if file else None
        if found is None and deployer is None:
            raise DeployError(f"There is no {file}: nothing was deployed there yet.")
        block = w3.eth.block_number
        self.record = found or Record(chain_id=chain, deployer=str(deployer), since=block)
        _fits(plan, chain)
        if deployer is not None:
            _require_leaving(plan, to_checksum_address(deployer))
        self.site = Site(w3, plan, self.record, artifact)
        self.steps = steps(plan)

    def left(self) -> list[Step]:
        """The steps that are not done."""
        return [step for step in self.steps if not self.site.done(step)]

    def check(self) -> list[Finding]:
        """What on the chain is not as the plan has it."""
        return findings(self.site, self.steps)

    def run(self, send: Sender, told: Callable[[Step], None] = lambda _: None) -> None:
        """Does what is left, and records each step; `told` hears of a step before it is done.

        Raises:
            DeployError: the chain refused a step. What was done before is recorded.
        """
        self.recover()
        if "venues" in self.record.contracts:
            self._stop_at(misplaced(self.site))
        for step in self.steps:
            if self.site.done(step):
                continue
            if step is self._first_of_owners():
                self._require_as_begun()
            told(step)
            self._do(step, send)
        self._stop_at(self.check())
        self.record.finished = True
        self._write()

    def _first_of_owners(self) -> Step | None:
        """The first step of the hand-over: afterwards somebody else may change things too."""
        return next((s for s in self.steps if isinstance(s, Send) and s.target == "access"), None)

    def _require_as_begun(self) -> None:
        """
        Raises:
            DeployError: what is handed over is not as planned: by what the plan said before it was
                corrected, or by what somebody did by hand.
        """
        if wrong := moved(self.site):
            raise DeployError(
                f"The roles are not handed over while {len(wrong)} things are not as they are to "
                f"begin: {'; '.join(map(str, wrong))}. Mend the plan, or call `venues` with the "
                "deployer's account (setFee, setCollector, unpause, raiseCaps or lowerCaps)."
            )

    def recover(self) -> None:
        """Takes in what was sent and not recorded, if something was.

        Raises:
            DeployError: it is still on its way, or something else went out in its place.
        """
        if self.record.pending is None:
            return
        name, nonce = self.record.pending.step, self.record.pending.nonce
        deployer = self.site.deployer
        mined = self.w3.eth.get_transaction_count(deployer, "latest")
        if mined <= nonce < self.w3.eth.get_transaction_count(deployer, "pending"):
            raise DeployError(f"{name} is on its way: start again once it is mined.")
        step = next((s for s in self.steps if self._name(s) == name), None)
        if mined > nonce and step is not None:
            found = self._find(nonce, self.record.pending.since)
            went_well = self.w3.eth.get_transaction_receipt(found["hash"])["status"] == 1
            if went_well and found["input"] != bytes.fromhex(self.site.data(step)[2:]):
                raise DeployError(
                    f"Nonce {nonce} of {deployer} was used for something else than {name}: "
                    f"take `pending` out of {self.file}, and start again."
                )
            if went_well:
                self._note(step, nonce, found["blockNumber"], "0x" + bytes(found["hash"]).hex())
        self.record.pending = None
        self._write()

    # ------------------------------------------------------------------ internal

    def _find(self, nonce: int, since: int) -> Any:
        """The deployer's transaction of that nonce, mined after the block `since`."""
        low, high = since, int(self.w3.eth.block_number)
        while high - low > 1:
            middle = (low + high) // 2
            try:
                count = self.w3.eth.get_transaction_count(self.site.deployer, middle)
            except Web3Exception as no:
                raise DeployError(
                    f"Nonce {nonce} was used after block {since}, and this node keeps no state of "
                    f"block {middle} ({no}): start again with one that does."
                ) from no
            low, high = (low, middle) if count > nonce else (middle, high)
        block = self.w3.eth.get_block(high, full_transactions=True)
        sent = [tx for tx in block["transactions"] if not isinstance(tx, bytes)]
        mine = (self.site.deployer, nonce)
        found = next((tx for tx in sent if (tx["from"], tx["nonce"]) == mine), None)
        if found is None:
            raise DeployError(
                f"Block {high} does not have {mine[0]}'s transaction of nonce {nonce}: another "
                "node may be behind this address, or the chain has turned back; start again."
            )
        return found

    def _stop_at(self, wrong: list[Finding]) -> None:
        if wrong:
            raise DeployError(
                f"{len(wrong)} things are not as planned; {wrong[0]}. "
                "`ape run deploy check` shows them all."
            )

    def _do(self, step: Step, send: Sender) -> None:
        nonce = self.w3.eth.get_transaction_count(self.site.deployer, "latest")
        since = self.w3.eth.block_number
        self.record.pending = Pending(step=self._name(step), nonce=nonce, since=since)
        self._write()
        tx = {"to": None, "nonce": nonce, "data": self.site.data(step)}
        if isinstance(step, Send):
            tx["to"] = self.record.contracts[step.target].address
        try:
            receipt = send(tx)
        except (Web3Exception, OSError, DeployError) as no:
            raise DeployError(f"Cannot {step}: {no}") from no
        digest = "0x" + bytes(receipt["hash"]).hex()
        if receipt["status"] != 1:
            raise DeployError(f"The chain refused to {step}: {digest}.")
        self._note(step, nonce, receipt["block"], digest)
        self.record.pending = None
        self._write()

    @staticmethod
    def _name(step: Step) -> str:
        return step.name if isinstance(step, Make) else str(step)

    def _note(self, step: Step, nonce: int, block: int, tx: str) -> None:
        if isinstance(step, Send):
            self.record.calls.append(Sent(call=str(step), block=block, tx=tx))
            return
        self.record.contracts[step.name] = Contract(
            contract=step.contract,
            address=created(self.site.deployer, nonce),
            arguments=[plain(one) for one in self.site.arguments(step.arguments)],
            block=block,
            tx=tx,
            nonce=nonce,
        )

    def _write(self) -> None:
        if self.file is not None:
            self.record.write(self.file)

    @property
    def addresses(self) -> dict[str, Any]:
        """What programs are told: every contract by its name, the seats and the venues' numbers."""
        stands = {name: one.address for name, one in self.record.contracts.items()}
        names = [venue.name for venue in self.plan.venues]
        return {
            **{name: place for name, place in stands.items() if ":" not in name},
            "seats": {name: stands[seat(name)] for name in names},
            "venue_ids": {name: number for number, name in enumerate(names)},
        }


def _require_leaving(plan: Plan, deployer: str) -> None:
    """Raises:
    DeployError: whoever deploys is an owner in the plan.
    """
    owners = plan.owners
    if owners is not None and deployer in (owners.admin, owners.governor, owners.guardian):
        raise DeployError(
            f"{deployer} deploys, and is an owner in the plan, while the last step takes every "
            "right from the deployer. Name other owners, or deploy with another account."
        )


def _fits(plan: Plan, chain: int) -> None:
    """Raises:
    DeployError: the plan leaves open what only a local chain may.
    """
    if chain == LOCAL_CHAIN:
        return
    if plan.owners is None:
        raise DeployError(
            f"The plan names no owners, and {chain} is no local chain: every role would stay with "
            "the deployer. Name admin, governor, guardian and delay under `owners`."
        )
    if "sequencer" not in plan.model_fields_set:
        raise DeployError(
            f"The plan does not say which feed tells whether chain {chain} had an outage: write it "
            f'as `sequencer`, or sequencer: "{ZERO}" for a chain that has no sequencer.'
        )

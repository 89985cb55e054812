"""Doing a plan's steps, one transaction after the other, and holding the chain against it.

A step that was sent and not recorded when the process died went out under the nonce that was
recorded before it: the contract it made stands at the address that follows from that nonce, and a
call asks the chain. So whoever starts again sends nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_typing import HexStr
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from rlp import encode as rlp
from web3 import Web3
from web3.exceptions import Web3Exception

from ringside.chain.batch import ask
from ringside.deploy.plan import Plan
from ringside.deploy.record import Contract, Record, Sent
from ringside.deploy.record import load as load_record
from ringside.deploy.steps import DEPLOYER, SELF, Make, Send, Step, reads, seat, steps

Artifact = Callable[[str], tuple[list[dict[str, Any]], str]]
"""The ABI and creation code (0x-hex) of one of our contracts."""
Sender = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Signs and sends a transaction (to, data, nonce) from the deployer, waits, and returns the
receipt."""


class DeployError(Exception):
    """A step did not do what it should; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as the plan has it."""

    what: str
    expected: str
    found: str


class Deployment:
    """A plan, a chain and the record between them."""

    def __init__(
        self, w3: Web3, plan: Plan, file: Path | None, deployer: str | None, artifact: Artifact
    ) -> None:
        """Without a `file` nothing is remembered: for chains that live as long as the process.

        Raises:
            RecordError: the file is of another chain or deployer.
            DeployError: there is neither a record nor somebody to deploy.
        """
        self.w3, self.plan, self.file, self.artifact = w3, plan, file, artifact
        chain = w3.eth.chain_id
        found = load_record(file, chain, deployer) if file else None
        if found is None and deployer is None:
            raise DeployError(f"There is no {file}: nothing was deployed there yet.")
        self.record = found or Record(chain_id=chain, deployer=str(deployer))
        self.steps = steps(plan)

    # ------------------------------------------------------------------ doing

    def left(self) -> list[Step]:
        """The steps that are not done."""
        return [step for step in self.steps if not self._done(step)]

    def run(self, send: Sender, told: Callable[[Step], None] = lambda _: None) -> None:
        """Does what is left, and records each step; `told` hears of a step before it is done.

        Raises:
            DeployError: the chain refused a step. What was done before is recorded.
        """
        self.recover()
        for step in self.steps:
            if self._done(step):
                continue
            told(step)
            self._do(step, send)
        wrong = self.check()
        if wrong:
            first = wrong[0]
            raise DeployError(
                f"{len(wrong)} things are not as planned; {first.what}: expected {first.expected}, "
                f"found {first.found}. See --check."
            )
        self.record.finished = True
        self._write()

    def recover(self) -> None:
        """Takes in what was sent and not recorded, if something was.

        Raises:
            DeployError: it is still on its way, or something else went out in its place.
        """
        if self.record.pending is None:
            return
        name, nonce = self.record.pending
        mined = self.w3.eth.get_transaction_count(self._deployer, "latest")
        if mined <= nonce < self.w3.eth.get_transaction_count(self._deployer, "pending"):
            raise DeployError(f"{name} is on its way: start again once it is mined.")
        step = next(
            (s for s in self.steps if isinstance(s, Make) and s.name == name),
            None,
        )
        if mined > nonce and step is not None:
            address = created(self._deployer, nonce)
            if not self.w3.eth.get_code(to_checksum_address(address)):
                raise DeployError(
                    f"Nonce {nonce} of {self._deployer} was used for something else than {name}: "
                    f"take `pending` out of {self.file}, and start again."
                )
            block = self.w3.eth.block_number
            self._note(step, address, nonce, block, "")
        self.record.pending = None
        self._write()

    def _do(self, step: Step, send: Sender) -> None:
        name = step.name if isinstance(step, Make) else str(step)
        nonce = self.w3.eth.get_transaction_count(self._deployer, "latest")
        self.record.pending = name, nonce
        self._write()
        tx = {"to": None, "nonce": nonce, "data": self._data(step)}
        if isinstance(step, Send):
            tx["to"] = self.record.contracts[step.target].address
        try:
            receipt = send(tx)
        except Web3Exception as no:
            raise DeployError(f"The chain refuses to {step}: {no}.") from no
        if receipt["status"] != 1:
            raise DeployError(f"The chain refused to {step}: 0x{bytes(receipt['hash']).hex()}.")
        digest = "0x" + bytes(receipt["hash"]).hex()
        if isinstance(step, Make):
            self._note(step, created(self._deployer, nonce), nonce, receipt["block"], digest)
        else:
            self.record.calls.append(Sent(call=str(step), block=receipt["block"], tx=digest))
        self.record.pending = None
        self._write()

    def _note(self, step: Make, address: str, nonce: int, block: int, tx: str) -> None:
        told = [_plain(one) for one in self._arguments(step.arguments)]
        self.record.contracts[step.name] = Contract(
            contract=step.contract,
            address=address,
            arguments=told,
            block=block,
            tx=tx,
            nonce=nonce,
        )

    def _done(self, step: Step) -> bool:
        if isinstance(step, Make):
            return step.name in self.record.contracts
        return step.target in self.record.contracts and step.done(self._ask)

    # ------------------------------------------------------------------ checking

    def check(self) -> list[Finding]:
        """What on the chain is not as the plan has it: code, constructor arguments, registry,
        roles. Caps, fees and pauses are not looked at: they change as they should."""
        found = [
            Finding(str(step), "done", "not done")
            for step in self.steps
            if not self._done(step) and not isinstance(step, Make)
        ]
        for step in self.steps:
            if isinstance(step, Make):
                found += self._code(step)
        if "venues" in self.record.contracts:
            found += self._registry()
        if self.plan.owners is not None and "access" in self.record.contracts:
            found += self._roles()
        return found

    def _code(self, step: Make) -> Iterable[Finding]:
        """The code that its source and arguments make at that place, run anew, and what stands
        there: what the constructor stores in the code is in it."""
        stands = self.record.contracts.get(step.name)
        if stands is None:
            yield Finding(f"{step.name}", "a contract", "nothing")
            return
        told = [_plain(one) for one in self._arguments(step.arguments)]
        if told != stands.arguments:
            yield Finding(f"{step.name} was told", str(told), str(stands.arguments))
        # Where a contract stands is part of its code, and follows from the nonce that made it; the
        # place has to be empty for that.
        override = {
            self._deployer: {"nonce": hex(stands.nonce)},
            stands.address: {"nonce": "0x0", "code": "0x", "state": {}},
        }
        call = {"from": self._deployer, "data": self._data(step)}
        (made,) = ask(self.w3, [("eth_call", [call, "latest", override])])
        code = self.w3.eth.get_code(to_checksum_address(stands.address))
        if bytes.fromhex(made[2:]) != bytes(code):
            wanted = _brief(bytes.fromhex(made[2:]))
            yield Finding(f"code of {step.name}", wanted, _brief(bytes(code)))

    def _registry(self) -> Iterable[Finding]:
        names = list(self._ask("venues", "venueNames"))
        for number, venue in enumerate(self.plan.venues):
            if number >= len(names):
                continue  # Told as a step that is not done.
            if names[number] != venue.name:
                yield Finding(f"venue {number}", venue.name, names[number])
            own = self.record.contracts[seat(venue.name)].address
            stands = self._ask("venues", "implementation", number)
            if stands != own:
                yield Finding(f"seat of {venue.name}", own, stands)
        for name, market in self.plan.markets.items():
            if name not in self._ask("venues", "marketNames"):
                continue
            source, heartbeat, *_ = self._ask("venues", "feed", keccak(text=name))
            if (source, heartbeat) != (market.feed, market.heartbeat):
                yield Finding(f"feed of {name}", market.feed, f"{source}, {heartbeat} s")

    def _roles(self) -> Iterable[Finding]:
        """Nobody but the owners holds a role, by all grants there ever were."""
        owners = self.plan.owners
        assert owners is not None
        allowed = {(0, owners.admin), (1, owners.guardian), (2, owners.governor)}
        access = self.record.contracts["access"]
        contract = self.w3.eth.contract(
            address=to_checksum_address(access.address), abi=reads("access")
        )
        granted = contract.events.RoleGranted().get_logs(from_block=access.block)
        for role, member in {(e["args"]["roleId"], e["args"]["account"]) for e in granted}:
            if (role, member) not in allowed and self._ask("access", "hasRole", role, member)[0]:
                yield Finding(f"role {role}", "the planned owner alone", f"{member} as well")

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

    # ------------------------------------------------------------------ internal

    def _write(self) -> None:
        if self.file is not None:
            self.record.write(self.file)

    @property
    def _deployer(self) -> Any:
        return to_checksum_address(self.record.deployer)

    def _ask(self, name: str, function: str, *arguments: Any) -> Any:
        place = to_checksum_address(self.record.contracts[name].address)
        contract = self.w3.eth.contract(address=place, abi=reads(name))
        return contract.functions[function](*self._arguments(arguments)).call()

    def _data(self, step: Step) -> str:
        told = self._arguments(step.arguments)
        if isinstance(step, Send):
            contract = self.w3.eth.contract(abi=reads(step.target))
            return str(contract.encode_abi(step.function, told))
        abi, code = self.artifact(step.contract)
        factory = self.w3.eth.contract(abi=abi, bytecode=HexStr(code))
        return str(factory.constructor(*told).data_in_transaction)

    def _arguments(self, told: Sequence[Any]) -> list[Any]:
        """With addresses for the names of contracts."""
        return [self._argument(one) for one in told]

    def _argument(self, told: Any) -> Any:
        if told == DEPLOYER:
            return self._deployer
        if isinstance(told, str) and told.startswith(SELF):
            return self.record.contracts[told[1:]].address
        if isinstance(told, (list, tuple)):
            return [self._argument(one) for one in told]
        return told


def created(deployer: str, nonce: int) -> str:
    """Where a contract made under that nonce stands."""
    return to_checksum_address(keccak(rlp([bytes.fromhex(deployer[2:]), nonce]))[12:])


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _brief(code: bytes) -> str:
    return f"{len(code)} bytes, keccak256 0x{keccak(code).hex()[:16]}…"

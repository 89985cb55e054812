"""Many questions to a node in one request, and its answers as they are: web3's formatting of a
hundred of them takes longer than the node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from web3 import Web3

MOST = 100
"""Questions in one request: some nodes take no more."""


Question = tuple[str, list[Any]]
"""A method and its parameters, as JSON has them."""


def ask(w3: Web3, questions: Sequence[Question]) -> list[Any]:
    """The results of the questions in their order, as JSON has them.

    Raises:
        Web3RPCError: a question was refused; the first that was.
    """
    from web3.exceptions import Web3RPCError  # Slow, and not needed to replay.

    found = []
    for answer in answers(w3, questions):
        if "error" in answer or "result" not in answer:
            error = answer.get("error", {})
            told = error.get("message", error) if isinstance(error, dict) else error
            raise Web3RPCError(str(told), rpc_response=answer)
        found.append(answer["result"])
    return found


def answers(w3: Web3, questions: Sequence[Question]) -> list[Any]:
    """The node's answers, a mapping with `result` or `error` each, in the questions' order.

    Raises:
        Web3RPCError: they were refused as a whole.
    """
    from web3.exceptions import Web3RPCError  # Slow, and not needed to replay.

    provider: Any = w3.provider
    found: list[Any] = []
    for first in range(0, len(questions), MOST):
        part = questions[first : first + MOST]
        told = (
            [provider.make_request(*part[0])]
            if len(part) == 1
            else provider.make_batch_request(list(part))
        )
        if isinstance(told, dict):
            raise Web3RPCError(str(told.get("error", told)), rpc_response=told)  # type: ignore[arg-type]
        if len(told) != len(part):
            raise Web3RPCError(f"{len(told)} answers to {len(part)} questions")
        found += told
    return found

"""Many questions to a node in one request, and its answers as they are: web3's formatting of a
hundred of them takes longer than the node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from web3 import Web3

MOST = 100
"""Questions in one request: some nodes take no more."""


def ask(w3: Web3, questions: Sequence[tuple[str, list[Any]]]) -> list[Any]:
    """The results of (method, parameters) in their order, as JSON has them.

    Raises:
        Web3RPCError: a question was refused; the first that was.
    """
    from web3.exceptions import Web3RPCError  # Slow, and not needed to replay.

    provider: Any = w3.provider
    found = []
    for first in range(0, len(questions), MOST):
        part = questions[first : first + MOST]
        answers = (
            [provider.make_request(*part[0])]
            if len(part) == 1
            else provider.make_batch_request(list(part))
        )
        if isinstance(answers, dict):  # The batch as a whole is refused.
            answers = [answers]
        for answer in answers:
            if "error" in answer or "result" not in answer:
                error = answer.get("error", {})
                told = error.get("message", error) if isinstance(error, dict) else error
                raise Web3RPCError(str(told), rpc_response=answer)
            found.append(answer["result"])
        if len(answers) != len(part):
            raise Web3RPCError(f"{len(answers)} answers to {len(part)} questions")
    return found

"""After a private database was restored: who was erased since is erased again, two persons found the log anew.

Both run inside the contour, as sealed Jobs. The vault itself serves nothing before the first is done, and the witness
takes no record of the log before the second is: what is left out here is only late, never lost.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.env.errors import EnvProblem
from scripts.env.inside import Inside
from scripts.inside.wire import Answer, Request

PERSONS: Final = 2
PROOFS: Final = ("password", "second factor")  # in the order in which the command asks for them
REPLAY: Final = ("subject", "replay")
KEYS: Final = ("keys", "status")
ORIGIN: Final = ("audit", "new-origin")


class Unsettled(EnvProblem):
    """The database is restored and switched to, and what has to follow is not done."""


@dataclass(frozen=True, slots=True)
class Founding:
    """Who founds the log anew and why. `ask` gets what each proves themselves with: a code is good for seconds."""

    approvers: Sequence[str]
    reason: str
    ask: Callable[[str], str]

    def request(self) -> Request:
        named = [part for login in self.approvers for part in ("--approver", login)]
        proofs = [self.ask(f"{proof} of {login}") for login in self.approvers for proof in PROOFS]
        typed = "".join(f"{proof}\n" for proof in proofs).encode()
        return Request((*ORIGIN, *named, "--reason", self.reason, "--json"), typed)


def settle(inside: Inside, founding: Founding | None) -> dict[str, Any]:
    """What each step answered; `origin` is None where nobody was named to found it.

    Raises:
        Unsettled: with the step that failed and how to go on by hand.
    """
    replayed = _done(inside, Request((*REPLAY, "--json")), "erased persons were not erased again: the vault stays shut")
    keys = _done(inside, Request((*KEYS, "--json")), "some values open with no key that is held")
    origin = _done(inside, founding.request(), "the log has no new origin") if founding else None
    return {"replayed": replayed, "keys": keys, "origin": origin}


def _done(inside: Inside, asked: Request, told: str) -> Any:
    by_hand = f"correct what it names, then `larets env exec -- {' '.join(asked.arguments[:2])} …`"
    try:
        answer: Answer = inside.run(asked)
    except EnvProblem as problem:
        raise Unsettled(f"{told} ({problem})", hint=by_hand) from problem
    if answer.code:
        last = answer.errors[-1] if answer.errors else f"it ended with {answer.code}"
        raise Unsettled(f"{told}: {last}", hint=by_hand)
    return json.loads(answer.output or b"null")

"""A vault whose key service was taken away, looked at until its keys are too old to serve, and the judgement of that.

Two kinds of tokens: the keys of the warm ones were unwrapped just before, those of the cold ones never.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import httpx

from tests.faults.callers import LONGEST_ANSWER, recovered, refused_well, reveal, tokenise, tokens_of, wrong

SIZE = 10  # tokens of a look, each of a person of their own
PROMPT_SECONDS = 2.5  # an answer that waited for the key service takes longer
COLD_CALLERS = 12  # more than a worker has connections to its key service
PAUSE_SECONDS = 0.1
GRACE_SECONDS = 1.0  # within which a vault that is asked looks whether it holds a key
LOOKS = 5  # at warm tokens within the limit, below which they tell too little
AFTER_SECONDS = 0.5  # how long is looked on when the limit is over


@dataclass(frozen=True, slots=True)
class Group:
    """Tokens, and the numbers of the values that were stored under them."""

    tokens: Sequence[str]
    numbers: range

    def both(self, other: "Group") -> list[str]:
        return [*self.tokens, *other.tokens]


@dataclass(frozen=True, slots=True)
class Look:
    """A reveal; without an answer it was not waited for any longer."""

    group: Group
    asked: float
    answered: float
    answer: httpx.Response | None


@dataclass
class Watch:
    """The warm tokens' keys were unwrapped after `since` and before `until`, in every worker."""

    warm: Group
    cold: Group
    since: float
    until: float
    looks: list[Look] = field(default_factory=list)

    def look(self, client: httpx.Client, group: Group) -> None:
        asked, answer = time.monotonic(), None
        with suppress(httpx.TimeoutException):
            answer = reveal(client, group.tokens)
        self.looks.append(Look(group, asked, time.monotonic(), answer))


def store(client: httpx.Client, first: int) -> tuple[Group, Group]:
    """Two groups of new persons: one to be warmed, one to stay cold."""
    made = []
    for begin in (first, first + SIZE):
        numbers = range(begin, begin + SIZE)
        made.append(Group(tokens_of(recovered(lambda: tokenise(client, numbers, f"k{begin}"))), numbers))  # noqa: B023
    return made[0], made[1]


@contextmanager
def each_worker(connect: Callable[[], httpx.Client], workers: int) -> Iterator[list[httpx.Client]]:
    """Clients whose kept connections the vault handed to different workers: it does so in turn."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect()) for _ in range(workers)]
        for client in clients:
            client.timeout = httpx.Timeout(LONGEST_ANSWER)
            client.get("/healthz").raise_for_status()
        yield clients


def watch(
    clients: Sequence[httpx.Client], groups: tuple[Group, Group], *, limit: float, take_away: Callable[[], None]
) -> Watch:
    """Warms the first group in every worker, takes the key service away, and looks until the limit is over."""
    warm, cold = groups
    since = time.monotonic()
    for client in clients:
        assert wrong(reveal(client, warm.tokens), warm.numbers) == []
    seen = Watch(warm, cold, since, time.monotonic())
    take_away()
    over = threading.Event()

    def look_on(client: httpx.Client, group: Group) -> None:
        while not over.is_set():
            seen.look(client, group)
            time.sleep(PAUSE_SECONDS)

    with ThreadPoolExecutor(len(clients) + COLD_CALLERS) as threads:
        done = [threads.submit(look_on, client, warm) for client in clients]
        done += [threads.submit(look_on, clients[0], cold) for _ in range(COLD_CALLERS)]
        time.sleep(max(0.0, seen.until + limit + AFTER_SECONDS - time.monotonic()))
        over.set()
        for each in done:
            each.result()
        for each in [threads.submit(seen.look, client, warm) for client in clients]:  # certainly after the limit
            each.result()
    return seen


def faults(seen: Watch, *, limit: float) -> list[str]:
    """What is wrong with what the vault answered; also that it was not asked enough to tell."""
    found = [fault for look in seen.looks for fault in _faults(seen, look, limit)]
    served = sum(_must_serve(seen, look, limit) for look in seen.looks)
    if served < LOOKS:
        found.append(f"only {served} looks at warm tokens within the limit")
    found += [
        f"no look at {name} tokens that had to be refused"
        for name, group in (("warm", seen.warm), ("cold", seen.cold))
        if not any(look.group is group and _must_refuse(seen, look, limit) for look in seen.looks)
    ]
    return found


def told(seen: Watch) -> str:
    """How many looks were served and refused, and how long the longest of each took."""
    served = [look for look in seen.looks if look.answer is not None and look.answer.is_success]
    refused = [look for look in seen.looks if look not in served]
    return ", ".join(
        f"{len(looks)} {what} in {max((look.answered - look.asked for look in looks), default=0):.2f} s at most"
        for what, looks in (("served", served), ("refused", refused))
    )


def _must_serve(seen: Watch, look: Look, limit: float) -> bool:
    return look.group is seen.warm and look.asked + GRACE_SECONDS < seen.since + limit


def _must_refuse(seen: Watch, look: Look, limit: float) -> bool:
    return look.group is seen.cold or look.asked > seen.until + limit


def _faults(seen: Watch, look: Look, limit: float) -> Iterator[str]:
    kind, age = "warm" if look.group is seen.warm else "cold", look.asked - seen.since
    told = f"{kind} tokens, {age:.1f} s after the first reveal"
    seconds = look.answered - look.asked
    if look.answer is None or seconds >= LONGEST_ANSWER:
        yield f"{told}: waited for {seconds:.1f} s"
        return
    try:
        refused = refused_well(look.answer, seconds)
    except (AssertionError, ValueError, KeyError):
        yield f"{told}: a bad answer, {look.answer.status_code}"
        return
    if not refused and wrong(look.answer, look.group.numbers):
        yield f"{told}: a wrong value"
    if _must_serve(seen, look, limit):
        if refused:
            yield f"{told}: refused within the limit"
        elif seconds > PROMPT_SECONDS:
            yield f"{told}: served after {seconds:.1f} s"
    if _must_refuse(seen, look, limit) and not refused:
        yield f"{told}: served" + (" past the limit" if kind == "warm" else " without a key service")

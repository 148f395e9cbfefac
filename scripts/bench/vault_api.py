"""Tokenise and reveal over TLS, in rounds: the limit, then the vault, then the limit again."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from scripts.bench.client import Load, run_load
from scripts.bench.cpu import Meter
from scripts.bench.figures import Figure, Round, from_rounds
from scripts.bench.limits import PROCESSES, Bare, Limit
from scripts.bench.persons import retokenise_requests, reveal_requests, tokenise_requests
from scripts.bench.rivals import Rival
from scripts.bench.stage import Stage
from scripts.local.instance import InstanceProblem
from scripts.voice import say

ROUNDS: Final = 5
WARM_VALUES: Final = 20_000
KNOWN_VALUES: Final = 20_000
COLD_VALUES: Final = 20_000  # a round; each key is met once
# Connections by size of batch: enough that no worker waits for a client, few enough that latency means something.
CONNECTIONS: Final = {1: 16, 100: 8, 1000: 4}
# More than either side can do, so that nobody runs out of ready-made work within a round.
MOST_PER_SECOND: Final = {1: 10_000, 100: 120_000, 1000: 160_000}
WARM_UP_SECONDS: Final = 1.0


@dataclass(slots=True)
class VaultBench:
    """The figures of the vault's API."""

    stage: Stage
    limit: Limit
    meter: Meter
    seconds: float
    rival: Rival | None = None
    _seed: int = 1000
    _warm: list[str] = field(default_factory=list)
    _limit_populated: bool = False

    def tokenise(self, size: int) -> Figure:
        self.load(self.tokenise_requests(size, WARM_UP_SECONDS), size, seconds=WARM_UP_SECONDS)
        return self._figure(
            f"tokenise_{size}",
            lambda seconds: self._limit_writes(size, seconds),
            lambda seconds: self.load(self.tokenise_requests(size, seconds), size, seconds=seconds),
            size,
            lambda rival, seconds: rival.write(size, count=_batches(size, seconds) // PROCESSES, seconds=seconds),
        )

    def retokenise(self, size: int) -> Figure:
        """Known values asked for by deterministic tokens. Its limit is the random path: new persons, as above."""
        requests = retokenise_requests(KNOWN_VALUES, batch=size, headers=self.stage.headers)
        self.load(requests, size)
        return self._figure(
            f"retokenise_{size}",
            lambda seconds: self._random_path(size, seconds),
            lambda seconds: self.load(requests, size, seconds=seconds, repeat=True),
            size,
        )

    def _random_path(self, size: int, seconds: float) -> Bare:
        before = self.meter.read()
        seen = self.load(self.tokenise_requests(size, seconds), size, seconds=seconds)
        spent = seen.processor_seconds + self.meter.read().since(before).vault
        return Bare(size * seen.answers / seen.seconds, size * seen.answers, spent)

    def reveal(self, size: int) -> Figure:
        """Every worker holds every key."""
        tokens = self.warm_tokens()
        requests = reveal_requests(tokens, batch=size, headers=self.stage.headers)
        self.load(requests, size, seconds=WARM_UP_SECONDS, repeat=True)
        return self._figure(
            f"reveal_{size}",
            lambda seconds: self._limit_fetches(size, seconds, cold=False),
            lambda seconds: self.load(requests, size, seconds=seconds, repeat=True),
            size,
            lambda rival, seconds: rival.fetch(size, count=WARM_VALUES, seconds=seconds),
        )

    def reveal_cold(self, size: int) -> Figure:
        """No worker holds any key: each round meets persons that nobody has looked at since the vault started."""
        warm, fresh = self.warm_tokens(), self._tokens(COLD_VALUES * ROUNDS)
        self.stage.restart_vault()
        self.make_warm(warm)
        slices = iter([fresh[at : at + COLD_VALUES] for at in range(0, len(fresh), COLD_VALUES)])

        def next_slice(_seconds: float) -> Load:
            requests = reveal_requests(next(slices), batch=size, headers=self.stage.headers)
            return self.load(requests, size)

        return self._figure(
            f"reveal_{size}_cold", lambda seconds: self._limit_fetches(size, seconds, cold=True), next_slice, size
        )

    def _figure(
        self,
        name: str,
        limit: Callable[[float], Bare],
        load: Callable[[float], Load],
        size: int,
        rival: Callable[[Rival, float], Bare] | None = None,
    ) -> Figure:
        turn = self.seconds / ROUNDS
        rounds = []
        limit(turn / 2)
        before = self._metered_limit(limit, turn / 2)
        for _ in range(ROUNDS):
            seen, spent = self._metered_load(load, turn, size)
            after = self._metered_limit(limit, turn / 2)
            # The limit stands on both sides of the figure in time: a drift of the machine cancels.
            rate = (before[0] + after[0]) / 2
            other, its = self._metered_rival(rival, turn) if rival and self.rival else (None, {})
            own = size * seen.answers / seen.seconds
            rounds.append(Round(own, rate, seen.took_ns, seen.failures, spent | after[1] | its, other))
            before = after
        figure = from_rounds(name, rounds)
        ratios = " ".join(f"{round_.rate / round_.limit:.2f}" for round_ in rounds)
        say(f"  {name}: {figure.value:,.0f} values/s, {ratios} of the limit")
        return figure

    def _metered_limit(self, limit: Callable[[float], Bare], seconds: float) -> tuple[float, dict[str, float]]:
        before = self.meter.read()
        seen = limit(seconds)
        spent = {"limit": seen.processor_seconds, "limit_postgres": self.meter.read().since(before).postgres}
        return seen.rate, _per_value(spent, seen.rows)

    def _metered_rival(self, rival: Callable[[Rival, float], Bare], seconds: float) -> tuple[float, dict[str, float]]:
        if self.rival is None:
            raise RuntimeError("internal error: no rival is open")
        before, engine = self.meter.read(), self.rival.engine_seconds()
        seen = rival(self.rival, seconds)
        spent = {
            "rival": seen.processor_seconds,
            "rival_engine": self.rival.engine_seconds() - engine,
            "rival_postgres": self.meter.read().since(before).postgres,
        }
        return seen.rate, _per_value(spent, seen.rows)

    def _metered_load(self, load: Callable[[float], Load], seconds: float, size: int) -> tuple[Load, dict[str, float]]:
        before = self.meter.read()
        seen = load(seconds)
        spent = self.meter.read().since(before)
        by_whom = {"vault": spent.vault, "postgres": spent.postgres, "client": seen.processor_seconds}
        return seen, _per_value(by_whom, size * seen.answers)

    def _limit_writes(self, size: int, seconds: float) -> Bare:
        count = _batches(size, seconds) // PROCESSES
        return self.limit.write(size, count=count, connections=_limit_connections(size), seconds=seconds)

    def _limit_fetches(self, size: int, seconds: float, *, cold: bool) -> Bare:
        if not self._limit_populated:
            self.limit.populate(WARM_VALUES)
            self._limit_populated = True
        return self.limit.fetch(size, connections=_limit_connections(size), seconds=seconds, cold=cold)

    def tokenise_requests(self, size: int, seconds: float) -> list[bytes]:
        """More requests of new persons than can be served in this time."""
        self._seed += 1
        return tokenise_requests(_batches(size, seconds), batch=size, seed=self._seed, headers=self.stage.headers)

    def load(
        self,
        requests: list[bytes],
        size: int,
        *,
        seconds: float = 0,
        rate: float = 0,
        repeat: bool = False,
        keep_answers: bool = False,
    ) -> Load:
        """One turn of the load client with the connections that go with this size of batch."""
        return run_load(
            self.stage.service,
            requests,
            connections=CONNECTIONS[size],
            seconds=seconds,
            rate=rate,
            repeat=repeat,
            keep_answers=keep_answers,
        )

    def _tokens(self, count: int) -> list[str]:
        """Tokens of new persons, stored through the API."""
        self._seed += 1
        size = 1000
        requests = tokenise_requests(count // size, batch=size, seed=self._seed, headers=self.stage.headers)
        seen = run_load(self.stage.service, requests, connections=CONNECTIONS[size], keep_answers=True)
        if seen.failures:
            raise InstanceProblem(f"{seen.failures} of {seen.answers} requests failed while persons were stored")
        return [item["token"] for body in seen.bodies for item in json.loads(body)["items"]]

    def warm_tokens(self) -> list[str]:
        """Persons whose keys every worker holds."""
        if not self._warm:
            self._warm = self._tokens(WARM_VALUES)
            self.make_warm(self._warm)
        return self._warm

    def make_warm(self, tokens: list[str]) -> None:
        """Lets every worker load the keys of these persons."""
        requests = reveal_requests(tokens, batch=1000, headers=self.stage.headers)
        run_load(self.stage.service, requests, connections=CONNECTIONS[1], each=True)


def _batches(size: int, seconds: float) -> int:
    return int(MOST_PER_SECOND[size] * seconds / size) + 10


def _per_value(seconds: dict[str, float], count: float) -> dict[str, float]:
    return {who: spent * 1e6 / max(1, count) for who, spent in seconds.items()}


def _limit_connections(size: int) -> int:
    """Per process: as many as the vault's clients for single values, one for batches, which fill it alone."""
    return CONNECTIONS[1] // PROCESSES if size == 1 else 1

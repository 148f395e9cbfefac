"""A standby that does not answer is left alone for longer and longer, and comes back by itself."""

import pytest

from pii_vault.replicas import metrics
from pii_vault.replicas.fence import FETCH_FENCE, Fence
from pii_vault.replicas.standby import FIRST_PAUSE_SECONDS, PAUSE_SECONDS, Standby

HERE = Fence(b"m" * 16, 10)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Server(Standby):
    """Answers with `fence`, or not at all where that is None."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(9, "postgresql://nowhere/vault", monotonic=clock)
        self.has: Fence | None = HERE
        self.asked = 0
        self._pool = object()

    async def fetch(self, statement: str, *arguments: object) -> list[Fence]:
        assert (statement, arguments) == (FETCH_FENCE, ())
        self.asked += 1
        if self.has is None:
            raise ConnectionRefusedError
        return [self.has]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


def lag() -> float:
    return float(metrics.LAG_SECONDS.labels("9")._value.get())


async def test_it_is_asked_once_it_was_seen(server: Server) -> None:
    assert [server.fence] == [None]
    await server.look(HERE)
    assert server.fence == HERE
    assert metrics.USABLE.labels("9")._value.get() == 1


async def test_who_failed_rests_longer_each_time(server: Server, clock: Clock) -> None:
    server.has = None
    pause = FIRST_PAUSE_SECONDS
    for _ in range(8):
        asked = server.asked
        await server.look(HERE)
        assert server.asked == asked + 1
        clock.now += pause - 0.01
        await server.look(HERE)
        assert server.asked == asked + 1  # it still rests
        clock.now += 0.02
        pause = min(2 * pause, PAUSE_SECONDS)
    assert metrics.USABLE.labels("9")._value.get() == 0
    clock.now += PAUSE_SECONDS
    server.has = HERE
    await server.look(HERE)
    assert server.fence == HERE


async def test_who_answers_looks_but_no_requests_rests_longer_still(server: Server, clock: Clock) -> None:
    for pause in (1.0, 2.0, 4.0):
        await server.look(HERE)
        server.failed(TimeoutError())
        clock.now += pause - 0.01
        await server.look(HERE)
        assert server.fence is None
        clock.now += 0.02
    await server.look(HERE)
    server.answered()
    server.failed(TimeoutError())
    clock.now += 1.01
    await server.look(HERE)
    assert server.fence == HERE


async def test_the_lag_is_how_long_ago_the_primary_had_what_it_lacks(server: Server, clock: Clock) -> None:
    await server.look(HERE)
    assert lag() == 0
    for size in (11, 12):
        await server.look(Fence(HERE.mark, size))
        clock.now += 3
    await server.look(Fence(HERE.mark, 12))
    assert lag() == 6
    server.has = Fence(HERE.mark, 11)
    await server.look(Fence(HERE.mark, 12))
    assert lag() == 3
    server.has = Fence(HERE.mark, 12)
    await server.look(Fence(HERE.mark, 12))
    assert lag() == 0

"""One running instance and one browser for all end-to-end tests: a single worker of the test run owns both
(tests/support/scheduling.py).
"""

import inspect
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from scripts.leakcheck.canaries import Canaries
from scripts.leakcheck.messages import Partner, partner
from scripts.local.browser import launch
from tests.e2e.desk import Desk
from tests.support.instance import World, running_world


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser lives on the session's event loop, and so do the tests that use it."""
    for item in items:
        if "tests/e2e/" in item.nodeid and inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with running_world() as started:
        yield started


@pytest.fixture(scope="session")
def courier(world: World) -> Iterator[Partner]:
    """A partner of the demo shop that receives what the relay sends."""
    with partner(world.instance, "demo", Canaries().person("courier")) as received:
        yield received


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_desk(world: World) -> AsyncIterator[Desk]:
    async with launch() as browser:
        yield Desk(world, browser)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shared_desk: Desk) -> AsyncIterator[Desk]:
    yield shared_desk
    await shared_desk.clear()

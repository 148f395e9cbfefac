"""One instance of both contours for the tests that need a whole one; it starts with the first of them."""

from collections.abc import Iterator

import pytest

from tests.support.instance import World, running_world


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with running_world() as started:
        yield started

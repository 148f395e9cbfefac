"""What reaches the log of a process: types and places, never the text of an exception."""

import asyncio
import gc
import io
import logging
from collections.abc import Iterator

import pytest

from pii_vault import logs

VALUE = "+79161234567"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """The log as `configure` sets it up, in memory; the process's own set-up comes back afterwards."""
    root, loop = logging.getLogger(), logging.getLogger("asyncio")
    before = (root.handlers[:], root.level, loop.filters[:])
    logs.configure("INFO")
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:], loop.filters[:] = before[0], before[2]
    root.setLevel(before[1])


def test_an_exception_is_named_without_its_text(written: io.StringIO) -> None:
    def fail() -> None:
        try:
            int(VALUE, 99)
        except ValueError as error:
            raise RuntimeError(VALUE) from error

    try:
        fail()
    except RuntimeError:
        logging.getLogger("pii_vault.some").exception("it failed")
    assert "RuntimeError" in written.getvalue()
    assert "ValueError" in written.getvalue()
    assert VALUE not in written.getvalue()


def test_a_task_that_nobody_awaited_is_named_without_its_error(written: io.StringIO) -> None:
    async def fail() -> None:
        raise ValueError(VALUE)

    async def forget() -> None:
        task = asyncio.get_running_loop().create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()

    asyncio.run(forget())
    assert "Task exception was never retrieved" in written.getvalue()
    assert VALUE not in written.getvalue()


def test_a_failed_callback_is_named_without_its_arguments(written: io.StringIO) -> None:
    async def fail_in_a_callback() -> None:
        asyncio.get_running_loop().call_soon(int, VALUE, 99)
        await asyncio.sleep(0)

    asyncio.run(fail_in_a_callback())
    assert "Exception in callback" in written.getvalue()
    assert VALUE not in written.getvalue()

"""`python -m scripts.rehearse.deep.probe`: run in a pod's network, it says which targets can be reached from there.

    probe connect     standard input: JSON list of [address, port]; answer: JSON list of booleans, in that order
    probe listen PORT…     accepts and closes until it is ended; says "listening" when it can be reached
    probe relay SOCKET ADDRESS PORT     what comes to the socket goes on to there, from this network

It uses the standard library alone, for it has the network of a pod and nothing else of one.
"""

import asyncio
import json
import sys
from typing import Final

SECONDS: Final = 3.0
AT_ONCE: Final = 96  # of a silent target each takes the whole time


async def _reaches(address: str, port: int, limit: asyncio.Semaphore) -> bool:
    async with limit:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), SECONDS)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True


async def connect(targets: list[tuple[str, int]]) -> list[bool]:
    """A refusal and silence are the same: nobody was reached."""
    limit = asyncio.Semaphore(AT_ONCE)
    return list(await asyncio.gather(*(_reaches(address, port, limit) for address, port in targets)))


async def listen(ports: list[int]) -> None:
    """At all addresses of this network, for ever."""
    for port in ports:
        await asyncio.start_server(_close, "0.0.0.0", port)  # noqa: S104  the pod's own network
    print("listening", flush=True)
    await asyncio.Event().wait()


async def relay(socket: str, address: str, port: int) -> None:
    """For ever; each connection to the socket is one to there."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(address, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))

    await asyncio.start_unix_server(serve, socket)
    print("listening", flush=True)
    await asyncio.Event().wait()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    writer.close()


def main() -> None:
    if sys.argv[1] == "listen":
        asyncio.run(listen([int(port) for port in sys.argv[2:]]))
    elif sys.argv[1] == "relay":
        asyncio.run(relay(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    else:
        targets = [(str(address), int(port)) for address, port in json.load(sys.stdin)]
        print(json.dumps(asyncio.run(connect(targets))))


if __name__ == "__main__":
    main()

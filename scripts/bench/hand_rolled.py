"""The hand-rolled alternative: values sealed by a transit engine through hvac, ciphertexts in a table of PostgreSQL.

`python -m scripts.bench.hand_rolled` is one of its processes and understands the orders of `bare.py`. It does what a
team without a vault would write, and no more: no class, no index, no subject, no policy, no record of its own; the
engine keeps an audit log in a file, as it should in production. hvac blocks, so connections are threads.
"""

import base64
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import hvac
import psycopg
import requests

from scripts.bench.persons import values

KEY: Final = "hand-rolled"
INSERT: Final = "INSERT INTO rival_value (id, ciphertext) SELECT * FROM unnest(%s::uuid[], %s::text[])"
FETCH: Final = "SELECT id, ciphertext FROM rival_value WHERE id = ANY(%s::uuid[])"


@dataclass
class Connection:
    """A thread's own: an HTTP connection that stays open, and one of the database."""

    transit: Any
    database: "psycopg.Connection[tuple[uuid.UUID, str]]"

    def write(self, texts: list[str]) -> list[uuid.UUID]:
        plain = [{"plaintext": base64.b64encode(text.encode()).decode()} for text in texts]
        answer = self.transit.encrypt_data(KEY, plaintext="", batch_input=plain)
        ids = [uuid.uuid4() for _ in texts]
        self.database.execute(INSERT, (ids, [each["ciphertext"] for each in answer["data"]["batch_results"]]))
        return ids

    def fetch(self, ids: list[uuid.UUID]) -> int:
        rows = self.database.execute(FETCH, (ids,)).fetchall()
        sealed = [{"ciphertext": ciphertext} for _, ciphertext in rows]
        answer = self.transit.decrypt_data(KEY, ciphertext="", batch_input=sealed)
        opened = [base64.b64decode(each["plaintext"]).decode() for each in answer["data"]["batch_results"]]
        return len(opened)


@dataclass
class HandRolled:
    """One process."""

    url: str
    engine: str
    token: str
    ready: list[list[str]] = field(default_factory=list)
    ids: list[uuid.UUID] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self) -> Connection:
        client = hvac.Client(url=self.engine, token=self.token, session=requests.Session())
        database = psycopg.connect(self.url, autocommit=True)
        return Connection(client.secrets.transit, database)

    def prepare(self, *, count: int, size: int, seed: int, classes: Sequence[int] = ()) -> None:
        """`classes` are told as they are told to the limit; here a value is a value."""
        del classes
        drawn = values(count * size, seed=seed)
        self.ready = [drawn[at : at + size] for at in range(0, len(drawn), size)]

    def populate(self, *, count: int, seed: int, classes: Sequence[int] = ()) -> None:
        del classes
        connection = self.connect()
        drawn = values(count, seed=seed)
        for at in range(0, count, 500):
            self.ids += connection.write(drawn[at : at + 500])

    def write(self, connection: Connection) -> int:
        with self._lock:
            texts = self.ready.pop() if self.ready else []
        return len(connection.write(texts)) if texts else 0

    def fetcher(self, size: int) -> Callable[[Connection], int]:
        at = 0

        def fetch(connection: Connection) -> int:
            nonlocal at
            with self._lock:
                at = (at + size) % (len(self.ids) - size + 1)
                wanted = self.ids[at : at + size]
            return connection.fetch(wanted)

        return fetch

    def drive(self, turn: Callable[[Connection], int], *, connections: int, seconds: float) -> dict[str, float]:
        opened = [self.connect() for _ in range(connections)]
        done = [0] * connections
        started, spent = time.perf_counter(), time.process_time()

        def one(number: int) -> None:
            while time.perf_counter() < started + seconds:
                rows = turn(opened[number])
                if not rows:
                    return
                done[number] += rows

        threads = [threading.Thread(target=one, args=(number,)) for number in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took, used = time.perf_counter() - started, time.process_time() - spent
        for each in opened:
            each.database.close()
        return {"rows": sum(done), "seconds": took, "processor_seconds": used}


def answer_to(rival: HandRolled, order: dict[str, Any]) -> dict[str, float]:
    """Does one order of the parent."""
    match order.pop("do"):
        case "prepare":
            rival.prepare(**order)
        case "populate":
            rival.populate(**order)
        case "write":
            return rival.drive(rival.write, **order)
        case "fetch":
            fetch = rival.fetcher(order["size"])
            return rival.drive(fetch, connections=order["connections"], seconds=order["seconds"])
        case unknown:
            raise ValueError(f"unknown order {unknown}")
    return {}


def main() -> None:
    opening = json.loads(sys.stdin.readline())
    rival = HandRolled(opening["url"], opening["engine"], os.environ["RIVAL_TOKEN"])
    for line in sys.stdin:
        print(json.dumps(answer_to(rival, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

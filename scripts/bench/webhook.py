"""How long an order takes from the shop's webhook to its card in the public contour, at a steady rate."""

import threading
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import psycopg

from scripts.bench.client import Target, http_request, run_load
from scripts.bench.figures import Figure, from_latencies
from scripts.bench.stage import Stage
from scripts.local.demo import shop_of
from scripts.local.shop import Shop, buyer, encode, order
from scripts.voice import say

RATE: Final = 50
LEAST_SECONDS: Final = 20
LEAD_ORDERS: Final = 100  # before the measured ones, at the same rate: connections open, statements are prepared
FIRST_NUMBER: Final = 5_000_000
CONNECTIONS: Final = 16
POLL_SECONDS: Final = 0.004
PATIENCE_SECONDS: Final = 30.0
LOOKED_FOR: Final = 200  # the next orders that have not been seen: one short query, whatever has come so far
_SEEN: Final = "SELECT external_id FROM orders WHERE external_id = ANY(%s)"


@dataclass(slots=True)
class Watch:
    """Notes when each order can first be read from the public database: from outside, after its COMMIT."""

    url: str
    expected: int
    seen_ns: dict[int, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            unseen = [str(number) for number in range(FIRST_NUMBER, FIRST_NUMBER + self.expected)]
            while unseen and not self._stop.is_set():
                found = {row[0] for row in connection.execute(_SEEN, (unseen[:LOOKED_FOR],), prepare=True)}
                now = time.time_ns()
                self.seen_ns.update(dict.fromkeys(map(int, found), now))
                unseen = [number for number in unseen if number not in found]
                self._stop.wait(POLL_SECONDS)

    def stop(self) -> None:
        self._stop.set()


def webhook_requests(shop: Shop, count: int) -> list[bytes]:
    """Whole signed `order.created` deliveries, numbered from FIRST_NUMBER, each of a person of its own."""
    path = urlsplit(shop.url).path
    made = []
    for number in range(FIRST_NUMBER, FIRST_NUMBER + count):
        body = encode(order(number, buyer=buyer(number)))
        made.append(http_request(path, body, shop.headers("order.created", body)))
    return made


def webhook_to_card(stage: Stage, *, seconds: float) -> Figure:
    """Value: the 95th percentile. Clocks: the client's and the watcher's, which are this machine's."""
    count = LEAD_ORDERS + int(RATE * max(seconds, LEAST_SECONDS))
    requests = webhook_requests(shop_of(stage.instance, stage.demo), count)
    watch = Watch(stage.instance.superuser_url("public"), count)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        target = Target(f"127.0.0.1:{stage.instance.ports.vault}")
        seen = run_load(target, requests, connections=CONNECTIONS, rate=RATE)
        thread.join(PATIENCE_SECONDS)
    finally:
        watch.stop()
        thread.join()
    first = min(seen.sent_ns)
    took = []
    for sent in seen.sent_ns:
        place = round((sent - first) * RATE / 1e9)  # requests are due by the clock, so the time tells the number
        if place >= LEAD_ORDERS and FIRST_NUMBER + place in watch.seen_ns:
            took.append((watch.seen_ns[FIRST_NUMBER + place] - sent) / 1e6)
    lost = count - LEAD_ORDERS - len(took)
    figure = from_latencies("webhook_to_card", took or [float("inf")], failures=lost + seen.failures)
    say(f"  webhook_to_card: p95 {figure.p95_ms:.0f} ms at {RATE} orders/s, {lost} lost")
    return figure

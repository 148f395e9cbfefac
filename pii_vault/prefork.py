"""A parent that forks workers, accepts for them, and starts those again that die.

The parent accepts and passes each connection to the next worker, because a shared listening socket would give
most of a client's few long-lived connections to whichever process woke up first. It has no threads and no event
loop, so a fork is safe at any time. A worker whose parent is gone reads the end of its channel and drains.
"""

import array
import contextlib
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE, _STABLE_SECONDS = 0.2, 30.0, 60.0


@dataclass(slots=True)
class _Child:
    pid: int
    channel: socket.socket
    started: float = field(default_factory=time.monotonic)


class Parent:
    """Accepts, hands out, restarts."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        run_worker: Callable[[socket.socket], None],
        *,
        workers: int,
        before_fork: Callable[[int], None] | None,
        drain_seconds: float,
    ) -> None:
        self._sockets = sockets
        self._run_worker = run_worker
        self._drain_seconds = drain_seconds
        self._before_fork = before_fork or (lambda _number: None)
        self._children: list[_Child | None] = [None] * workers
        self._restart_at = [0.0] * workers
        self._pauses = [_FIRST_PAUSE] * workers
        self._next = 0
        self._stopping = False

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        wake, woken = socket.socketpair()
        for end in (wake, woken):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(wake, selectors.EVENT_READ)
            for number, bound in enumerate(self._sockets):
                bound.setblocking(False)
                selector.register(bound, selectors.EVENT_READ, number)
            while not self._stopping:
                self._start_missing()
                for key, _ in selector.select(timeout=0.5):
                    if key.data is None:
                        wake.recv(1024)
                    else:
                        self._accept(key.data)
                self._reap()
        self._drain()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _start_missing(self) -> None:
        now = time.monotonic()
        for number, child in enumerate(self._children):
            if child is None and self._restart_at[number] <= now:
                self._before_fork(number)
                self._children[number] = self._fork()

    def _fork(self) -> _Child:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid:
            theirs.close()
            ours.setblocking(False)
            return _Child(pid, ours)
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            ours.close()
            for other in self._children:
                if other is not None:
                    other.channel.close()
            for bound in self._sockets:
                bound.close()
            theirs.setblocking(False)
            self._run_worker(theirs)
            code = 0
        except Exception:
            logger.exception("worker %d cannot go on", os.getpid())
        finally:
            logging.shutdown()
            os._exit(code)

    def _accept(self, listener: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    accepted, _ = self._sockets[listener].accept()
                except ConnectionError:
                    continue
                with accepted:
                    self._hand_over(accepted, listener)

    def _hand_over(self, accepted: socket.socket, listener: int) -> None:
        """To the next worker whose channel takes it; if none does, the connection is closed."""
        rights = array.array("i", [accepted.fileno()])
        for _ in self._children:
            self._next = (self._next + 1) % len(self._children)
            child = self._children[self._next]
            if child is None:
                continue
            with contextlib.suppress(OSError):
                child.channel.sendmsg([bytes([listener])], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                return

    def _reap(self) -> None:
        for number, child in enumerate(self._children):
            if child is None:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if not pid:
                continue
            child.channel.close()
            self._children[number] = None
            lasted = time.monotonic() - child.started
            pause = _FIRST_PAUSE if lasted > _STABLE_SECONDS else self._pauses[number]
            self._pauses[number] = min(pause * 2, _LONGEST_PAUSE)
            self._restart_at[number] = time.monotonic() + pause
            if not self._stopping:
                logger.error("worker %d died (%s); again in %.1f s", pid, status, pause)

    def _drain(self) -> None:
        for bound in self._sockets:
            bound.close()
        alive = [child for child in self._children if child is not None]
        for child in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._drain_seconds
        while alive and time.monotonic() < deadline:
            alive = [child for child in alive if not os.waitpid(child.pid, os.WNOHANG)[0]]
            time.sleep(0.05)
        for child in alive:
            logger.error("worker %d did not stop in time and is killed", child.pid)
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)

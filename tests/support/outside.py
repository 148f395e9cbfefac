"""The world outside of the tests: a mail server and a web service on loopback, which keep what they were sent."""

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from scripts.local.sockets import free_ports


@dataclass
class Mailbox:
    port: int
    mails: list[tuple[list[str], bytes]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)  # answers to give before the next mail is taken
    seconds: float = 0.0  # before it answers that it took one
    hangs_up: bool = False  # takes the mail, and the line goes dead before it says so

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        if self.refusals:
            return self.refusals.pop(0)
        self.mails.append((list(envelope.rcpt_tos), envelope.content))
        await asyncio.sleep(self.seconds)
        if self.hangs_up:
            server.transport.abort()
        return "250 taken"


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """With `tls` it offers STARTTLS, as the processes insist on."""
    (port,) = free_ports(1)
    mailbox = Mailbox(port)
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, tls_context=tls)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@dataclass
class WebService:
    port: int
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)  # the last one repeats

    def answer(self, status: int, body: object, **headers: str) -> None:
        self.answers.append((status, headers, json.dumps(body).encode()))


@contextmanager
def web_service() -> Iterator[WebService]:
    (port,) = free_ports(1)
    service = WebService(port)

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.requests.append((self.command, self.path, headers, body))
            status, extra, content = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_PATCH = do_GET = _take  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

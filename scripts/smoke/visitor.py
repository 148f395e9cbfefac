"""A member of staff as their browser shows them to the edges: cookies per host, forms of the pages, one-time codes."""

import re
import secrets
import time
from collections.abc import Mapping
from html import unescape
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx
import pyotp

from scripts.smoke.doors import Doors
from scripts.smoke.stand import StandProblem

_HIDDEN: Final = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')
_KEY: Final = re.compile(r'<p class="enrolment-key"><code>([A-Z2-7 ]+)</code></p>')
_PROBLEM: Final = re.compile(r'role="alert"')
MOST_STEPS: Final = 12
STEP: Final = 30  # of one-time codes, RFC 6238
MARGIN: Final = 8
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# What a browser says of a followed link, of one of its pages' forms, and of their scripts.
_VISIT: Final = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
_FORM: Final = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
_SCRIPT: Final = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}


class Visitor:
    """One browser of one person."""

    def __init__(self, doors: Doors, *, login: str) -> None:
        self._doors = doors
        self._login = login
        self._password = secrets.token_urlsafe(24)
        self._totp = ""
        self._cookies: dict[str, dict[str, str]] = {}

    # -- pages ---------------------------------------------------------------------------------------------------
    def visit(self, url: str) -> httpx.Response:
        """Follow a link and what it redirects to, over all hosts that have a door. Raises StandProblem."""
        answer = self._send("GET", url, headers=_VISIT)
        return self._followed(url, answer)

    def submit(self, url: str, page: httpx.Response, **typed: str) -> httpx.Response:
        """Send a page's form to `url` with what was typed."""
        hidden = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
        origin = _origin(url)
        answer = self._send("POST", url, headers={**_FORM, "origin": origin}, data=hidden | typed)
        return self._followed(url, answer)

    def ask(
        self, method: str, url: str, *, headers_too: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        """As a script of the page of that origin does."""
        return self._send(method, url, headers={**_SCRIPT, "origin": _origin(url), **(headers_too or {})}, **content)

    def stranger(self) -> "Visitor":
        """Somebody else's browser, at the same doors."""
        return Visitor(self._doors, login="")

    def signed(self, origin: str) -> dict[str, str]:
        """The headers by which that origin knows this browser's scripts."""
        kept = self._cookies.get(urlsplit(origin).netloc, {})
        return {**_SCRIPT, "origin": origin, "cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}

    def _followed(self, url: str, answer: httpx.Response) -> httpx.Response:
        for _ in range(MOST_STEPS):
            if answer.status_code not in REDIRECTS:
                return answer
            url = urljoin(url, answer.headers["location"])
            if (urlsplit(url).hostname or "") not in self._doors.doors:
                raise StandProblem("a page of this environment leads to a host that is not its own")
            answer = self._send("GET", url, headers=_VISIT)
        raise StandProblem("the pages of the sign-in lead in a circle")

    def _send(self, method: str, url: str, *, headers: Mapping[str, str], **content: Any) -> httpx.Response:
        parts = urlsplit(url)
        kept = self._cookies.setdefault(parts.netloc, {})
        cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in kept.items())} if kept else {}
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        answer = self._doors.client(_origin(url)).request(method, path, headers={**headers, **cookie}, **content)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            kept.pop(name, None)
            if value.strip('"'):
                kept[name] = value
        return answer

    # -- signing in ----------------------------------------------------------------------------------------------
    def enrol(self, link: str) -> None:
        """Open an invitation, choose a password and enrol a second factor. Raises StandProblem."""
        page = self.visit(link)
        found = _KEY.search(page.text)
        if page.status_code != httpx.codes.OK or found is None:
            raise StandProblem(f"the invitation's page answered {page.status_code} and shows no key")
        self._totp = found[1].replace(" ", "")
        # A code is good once: with the one before, the one of now is left for the sign-in.
        _in_good_time()
        before = pyotp.TOTP(self._totp).at(int(time.time()) - STEP)
        done = self.submit(link, page, password=self._password, again=self._password, code=before)
        if done.status_code != httpx.codes.OK or "recovery-codes" not in done.text:
            raise StandProblem(f"the invitation was not accepted: {_said(done)}")

    def sign_in(self, page: httpx.Response, vault: str) -> httpx.Response:
        """From the sign-in page to where it leads. Raises StandProblem."""
        second = self.submit(f"{vault}/identity/signin", page, login=self._login, password=self._password)
        if 'name="code"' not in second.text:
            raise StandProblem(f"the password was not accepted: {_said(second)}")
        _in_good_time()
        done = self.submit(f"{vault}/identity/second-factor", second, code=pyotp.TOTP(self._totp).now())
        if 'name="code"' in done.text or done.status_code >= httpx.codes.BAD_REQUEST:
            raise StandProblem(f"the sign-in did not end: {_said(done)}")
        return done

    def proofs(self) -> tuple[str, str]:
        """Password and code, as they are typed where a person proves who they are; the code is good for seconds."""
        _in_good_time()
        return self._password, pyotp.TOTP(self._totp).now()


def _in_good_time() -> None:
    """Not at the end of a code's time: it would be over before it is looked at."""
    left = STEP - time.time() % STEP
    if left < MARGIN:
        time.sleep(left)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _said(answer: httpx.Response) -> str:
    """The status, and whether the page tells of a problem; its text is not repeated."""
    return f"status {answer.status_code}" + (", with a problem on the page" if _PROBLEM.search(answer.text) else "")

"""Ending sessions, by the person or by a client that sends the browser here (RP-initiated logout)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from joserfc.errors import JoseError

from pii_vault.errors import Unauthenticated
from pii_vault.identity import store
from pii_vault.identity.clients import Client, known_clients
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.models import StaffSession
from pii_vault.identity.record import Person


@dataclass(frozen=True, slots=True)
class SignoutRequest:
    """`back_to` is the client's registered address with its state, or None. `sid` comes from a genuine ID token."""

    back_to: str | None
    sid: str | None


def read_signout(issuer: OpenIdentity, query: Mapping[str, str]) -> SignoutRequest:
    """What a client asks for. What cannot be trusted is left out: then the browser simply stays here."""
    hint = _hinted(issuer, query.get("id_token_hint"))
    client_id = query.get("client_id") or (hint.get("aud") if hint else None)
    client: Client | None = known_clients(issuer.settings).get(str(client_id))
    asked = query.get("post_logout_redirect_uri")
    back_to = asked if client is not None and asked in client.signed_out_uris else None
    if back_to and query.get("state"):
        back_to = f"{back_to}?{urlencode({'state': query['state']})}"
    return SignoutRequest(back_to, str(hint["sid"]) if hint and "sid" in hint else None)


def end_own(issuer: OpenIdentity, *, cookie: str | None, sid: str = "", others: bool = False) -> None:
    """Ends one session (the present one, unless named), or all but the present one, of whoever holds this cookie.

    Raises:
        Unauthenticated: the cookie is nobody's (any more).
        AuditUnavailable: nothing was ended.
    """
    now = issuer.now()
    with issuer.sessions.begin() as db:
        mine = store.by_cookie(db, cookie, audience="vault", policy=issuer.policy, now=now)
        if mine is None:
            raise Unauthenticated
        person = Person(mine.staff_id, mine.staff.tenant.id)
        target = db.get(StaffSession, sid or mine.sid)
        if others:
            ended = len(store.end_all(db, mine.staff_id, reason="ended_by_person", now=now, but=mine.sid))
        elif target is not None and target.staff_id == mine.staff_id:
            ended = int(store.end(db, target.sid, reason="ended_by_person", now=now))
        else:
            ended = 0
        for _ in range(ended):
            issuer.record(db, person, "session_end")


def _hinted(issuer: OpenIdentity, token: str | None) -> dict[str, object] | None:
    """Claims of an ID token of ours; its age does not matter here."""
    if not token:
        return None
    try:
        claims = issuer.signing.verify(token, token_type="JWT")  # noqa: S106  a type, not a secret
    except (Unauthenticated, JoseError):
        return None
    return claims if claims.get("iss") == issuer.issuer else None

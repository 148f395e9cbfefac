"""What the tests of the public contour share: tokens of the right form, an issuer of their own, order events."""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from app.errors import IssuerUnavailable
from app.intake.schemas import Taken
from app.kit.staff import Staff
from app.signin.issuer import Refused
from pii_vault.client import OfferedParameter, OfferedTemplate, RelayRequest, VaultRefused, VaultUnreachable
from pii_vault.core.tokens import new_id, new_subject_text, new_token_text

Call = Callable[..., Awaitable[httpx.Response]]
Take = Callable[..., Awaitable[Taken]]

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
CRM = "https://crm.larets.localhost"
VAULT = "https://vault.larets.localhost"
TENANT, OTHER = "demo", "other-shop"


def token(class_id: str, seed: int, *, tenant: str = TENANT) -> str:
    return new_token_text(class_id, tenant=tenant, bits=random.Random(f"{class_id}{seed}").randbytes(16))


def subject(seed: int, *, tenant: str = TENANT) -> str:
    return new_subject_text(random.Random(f"subject{seed}").randbytes(16), tenant=tenant)


def staff(role: str = "sales", *, tenant: str = TENANT) -> Staff:
    return Staff(id=new_id("stf"), alias=f"{role} 1", tenant=tenant, roles=(role,))


def party(seed: int, *, tenant: str = TENANT) -> dict[str, Any]:
    tokens = {name: [token(name, seed, tenant=tenant)] for name in ("name", "phone", "email", "address")}
    return {"subject": subject(seed, tenant=tenant), "tokens": tokens}


def order_data(seed: int = 1, *, tenant: str = TENANT, **changes: Any) -> dict[str, Any]:
    return {
        "number": str(1000 + seed),
        "status": "processing",
        "currency": "RUB",
        "total": "3980.00",
        "shipping_total": "290.00",
        "discount_total": "0.00",
        "created_at": "2026-11-20T08:00:00Z",
        "modified_at": "2026-11-20T08:00:05Z",
        "source": {"utm_source": "yandex", "utm_campaign": "autumn"},
        "payment_method": {"code": "sbp", "title": "СБП"},
        "delivery_method": {"code": "cdek", "title": "СДЭК, до пункта выдачи"},
        "city": "Тверь",
        "items": [
            {
                "external_id": "1",
                "product_id": "77",
                "sku": "TEA-100",
                "title": "Чай травяной, 100 г",
                "quantity": "2",
                "price": "1845.00",
                "total": "3690.00",
            }
        ],
        "contact": party(seed, tenant=tenant),
        "recipient": None,
        "note_token": token("text", seed, tenant=tenant),
        "rest_token": None,
    } | changes


def order_event(
    seed: int = 1, *, sequence: int = 1, tenant: str = TENANT, kind: str = "order.upserted", **changes: Any
) -> dict[str, Any]:
    data = order_data(seed, tenant=tenant, **changes) if kind == "order.upserted" else {}
    return {
        "id": new_id("evt"),
        "tenant": tenant,
        "connector": "woocommerce",
        "connection": "con_" + "0" * 26,
        "object": "order",
        "external_id": str(seed),
        "sequence": sequence,
        "type": kind,
        "occurred_at": (NOW + timedelta(seconds=sequence)).isoformat(),
        "data": data,
    }


KINDS = {"number": OfferedParameter("order_number")}


def template(id_: str = "order-sent", **changes: Any) -> OfferedTemplate:
    stated: dict[str, Any] = {
        "id": id_, "version": 1, "digest": "d" * 64, "title": "Заказ отправлен", "purpose": "delivery",
        "channel": "email", "parameters": ["number"], "consent_needed": False, "kinds": KINDS,
    }  # fmt: skip
    return OfferedTemplate(**stated | changes)


class FakeRelay:
    """Offers what it is given and notes what it is asked to send, by key. `fails`: what the next sending raises."""

    def __init__(self) -> None:
        self.offers = [template()]
        self.sent: dict[str, tuple[str, RelayRequest]] = {}
        self.fails: Exception | None = None
        self.chokes_on: set[str] = set()
        self.tried = 0
        self.away = False

    async def templates(self, tenant: str) -> list[OfferedTemplate]:
        del tenant
        if self.away:
            raise VaultUnreachable
        return self.offers

    async def send(self, tenant: str, request: RelayRequest, *, key: str) -> str:
        self.tried += 1
        if self.fails is not None:
            raise self.fails
        if key in self.chokes_on:
            raise VaultRefused(500, "internal_error", "x")
        self.sent[key] = (tenant, request)
        return f"dsp_{key.removeprefix('msg_')}"

    async def close(self) -> None: ...


class FakeIssuer:
    """Signs as the real one does. `away` and `refusing` are how the tests take it down."""

    def __init__(self) -> None:
        self.origin = VAULT
        self.key = ECKey.generate_key("P-256", {"kid": "k1"})
        self.away = False
        self.refusing = False
        self.forms: list[dict[str, str]] = []
        self.revoked: list[str] = []
        self.answer: dict[str, Any] = {}
        self.now = NOW
        self.shop = "Tea & Teapots"

    async def discovery(self, *, fresh: bool = False) -> dict[str, Any]:
        del fresh
        self._reached()
        return {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/identity/authorize",
            "end_session_endpoint": f"{self.origin}/identity/signout",
        }

    async def keys(self, *, fresh: bool = False) -> KeySet:
        del fresh
        return KeySet([self.key])

    async def token(self, form: dict[str, str]) -> dict[str, Any]:
        self._reached()
        self.forms.append(form)
        if self.refusing:
            raise Refused
        return self.answer

    async def revoke(self, refresh_token: str) -> None:
        self.revoked.append(refresh_token)

    async def close(self) -> None:
        return

    def _reached(self) -> None:
        if self.away:
            raise IssuerUnavailable

    def access(self, person: Staff, *, typ: str = "at+jwt", key: ECKey | None = None, **claims: Any) -> str:
        full = {
            "iss": self.origin,
            "sub": person.id,
            "aud": "crm",
            "iat": int(self.now.timestamp()),
            "exp": int((self.now + timedelta(minutes=5)).timestamp()),
            "tenant": person.tenant,
            "roles": list(person.roles),
            "alias": person.alias,
            "shop": self.shop,
            "sid": "ses_1",
        } | claims
        signer = key or self.key
        return jwt.encode({"alg": "ES256", "kid": signer.kid, "typ": typ}, full, signer)

    def identity(self, person: Staff, *, nonce: str) -> str:
        claims = {
            "iss": self.origin,
            "sub": person.id,
            "aud": "crm",
            "nonce": nonce,
            "iat": int(self.now.timestamp()),
            "exp": int((self.now + timedelta(minutes=5)).timestamp()),
        }
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)

    def will_issue(self, person: Staff, *, nonce: str = "", refresh: str = "refresh-1") -> None:
        self.answer = {
            "access_token": self.access(person),
            "id_token": self.identity(person, nonce=nonce),
            "refresh_token": refresh,
        }


class Clock:
    """A clock the test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def turn(self, step: timedelta) -> None:
        self.now += step


def ids(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]

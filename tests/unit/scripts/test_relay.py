"""What the list of templates says of those that were approved before parameters had kinds."""

import json
from typing import Any

from pii_vault.relay.template import Template
from scripts.relay import kinds_of

CONTENT: dict[str, Any] = {
    "id": "order-sent", "version": 1, "title": "Заказ", "purpose": "delivery", "destination": "web",
    "sms": {"text": "Заказ {{given.number}}"},
}  # fmt: skip


def row(**changes: Any) -> dict[str, str]:
    content = CONTENT | changes
    return {"content": json.dumps(content), "digest": Template.model_validate(content).digest}


def test_a_version_without_kinds_is_named() -> None:
    assert kinds_of(row()) == {"kinds": "missing"}


def test_others_are_not() -> None:
    assert kinds_of(row(parameters={"number": "order_number"})) == {}
    assert kinds_of(row(sms={"text": "Заказ в пути"})) == {}
    assert kinds_of(row() | {"digest": "0" * 64}) == {}  # that it was changed is said elsewhere

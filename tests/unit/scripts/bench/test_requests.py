import json

import pytest

from scripts.bench.client import frames, http_request, read_frames
from scripts.bench.persons import CLASS_KEYS, CLASSES, INDEXED, tokenise_body, tokenise_requests, values
from scripts.bench.webhook import FIRST_NUMBER, webhook_requests
from scripts.local.instance import ROOT
from scripts.local.shop import Shop, sign


def body_of(request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.split(b"\r\n")
    return body


def test_frames_give_back_what_was_framed() -> None:
    messages = [b"", b"one", b"\x00\x00\x00\x01" * 3]
    assert list(read_frames(frames(messages))) == messages


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_cut_off_frames_are_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="cut off"):
        list(read_frames(frames([b"message"])[:cut]))


def test_a_request_is_whole_http() -> None:
    request = http_request("/v1/reveal", b"{}", {"host": "a"})
    assert request == b"POST /v1/reveal HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"


def test_the_values_of_one_person_share_a_subject() -> None:
    items = json.loads(tokenise_body(values(8, seed=1), first=0))["items"]
    assert [item["class"] for item in items] == [*CLASSES, *CLASSES]
    assert [item["subject"] for item in items] == ["@0"] * 4 + ["@1"] * 4


def test_a_lone_value_opens_a_subject_of_its_own() -> None:
    requests = tokenise_requests(5, batch=1, seed=1, headers={})
    items = [json.loads(body_of(request))["items"] for request in requests]
    assert [item["class"] for (item,) in items] == [*CLASSES, CLASSES[0]]
    assert all("subject" not in item for (item,) in items)


def test_values_are_new_by_seed_and_the_same_by_the_same_seed() -> None:
    assert values(40, seed=1) == values(40, seed=1)
    assert not set(values(400, seed=1)) & set(values(400, seed=2))


def test_the_limit_indexes_the_classes_that_the_vault_indexes() -> None:
    from pii_vault.core.classes import load_classes  # noqa: PLC0415  the registry is compared, not used

    known = load_classes(ROOT / "policies" / "classes.yaml")
    assert tuple(known.get(name).key for name in CLASSES) == CLASS_KEYS
    assert [known.get(name).indexed for name in CLASSES] == [key <= INDEXED for key in CLASS_KEYS]


def test_webhooks_are_signed_and_numbered() -> None:
    shop = Shop("http://127.0.0.1:1/in/woocommerce/demo/con_1", "secret", host="hooks.larets.localhost")
    first, second = webhook_requests(shop, 2)
    assert first.startswith(b"POST /in/woocommerce/demo/con_1 HTTP/1.1\r\n")
    assert f"x-wc-webhook-signature: {sign('secret', body_of(first))}".encode() in first
    assert [json.loads(body_of(each))["id"] for each in (first, second)] == [FIRST_NUMBER, FIRST_NUMBER + 1]

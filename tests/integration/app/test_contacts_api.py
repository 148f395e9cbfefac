"""Contacts over the API: anonymous, wrong tenant, wrong role, happy; corrections reach the orders."""

from typing import Any

import pytest

from tests.integration.app.support import OTHER, Call, Take, ids, subject, token
from tests.support.persons import person

NEW: dict[str, Any] = {"subject": subject(40), "tokens": {"name": token("name", 40), "phone": token("phone", 40)}}
PATCH = {"correct": [{"old": token("phone", 1), "new": token("phone", 50)}]}
READERS = ("marketer", "warehouse", "officer")


async def _contact(call: Call, tenant: str = "demo") -> str:
    return str((await call("GET", "/contacts", tenant=tenant)).json()["data"][0]["id"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/contacts", None),
        ("GET", "/contacts/{id}", None),
        ("GET", "/contacts/{id}/timeline", None),
        ("POST", "/contacts", NEW),
        ("PATCH", "/contacts/{id}", PATCH),
    ],
)
async def test_anonymous_is_refused(call: Call, take: Take, method: str, path: str, body: Any) -> None:
    await take()
    answer = await call(method, path.format(id=await _contact(call)), role=None, json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/contacts/{id}", None), ("GET", "/contacts/{id}/timeline", None), ("PATCH", "/contacts/{id}", PATCH)],
)
async def test_another_shops_contact_is_not_found(call: Call, take: Take, method: str, path: str, body: Any) -> None:
    await take(tenant=OTHER)
    contact = await _contact(call, tenant=OTHER)
    answer = await call(method, path.format(id=contact), json=body, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("role", READERS)
async def test_readers_read_and_may_not_change(call: Call, take: Take, role: str) -> None:
    await take()
    contact = await _contact(call)
    for path in ("/contacts", f"/contacts/{contact}", f"/contacts/{contact}/timeline"):
        assert (await call("GET", path, role=role)).status_code == 200
    change = await call("PATCH", f"/contacts/{contact}", role=role, json=PATCH, headers={"if-match": '"1"'})
    create = await call("POST", "/contacts", role=role, json=NEW)
    assert (change.status_code, create.status_code) == (403, 403)


async def test_a_contact_is_created_from_collected_tokens(call: Call) -> None:
    answer = await call("POST", "/contacts", json=NEW)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert answer.json()["tokens"] == {name: [value] for name, value in NEW["tokens"].items()}
    again = await call("POST", "/contacts", json=NEW)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    history = (await call("GET", f"/contacts/{answer.json()['id']}/timeline")).json()["data"]
    assert [event["kind"] for event in history] == ["contact_created"]


@pytest.mark.parametrize(
    "change",
    [
        {"subject": person(1).name},
        {"tokens": {"name": person(1).name}},
        {"tokens": {"name": token("phone", 1)}},
        {"tokens": {}},
        {"comment": "x"},
    ],
)
async def test_only_tokens_make_a_contact(call: Call, change: Any) -> None:
    answer = await call("POST", "/contacts", json=NEW | change)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert person(1).name not in answer.text
    assert (await call("GET", "/contacts")).json()["data"] == []


async def test_a_correction_reaches_the_contact_and_its_orders(call: Call, take: Take) -> None:
    order = (await take()).order
    contact = await _contact(call)
    answer = await call("PATCH", f"/contacts/{contact}", json=PATCH, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert answer.json()["tokens"]["phone"] == [token("phone", 50)]
    card = await call("GET", f"/orders/{order}")
    assert card.json()["contact_tokens"]["phone"] == [token("phone", 50)]
    assert card.headers["etag"] == '"2"'
    history = (await call("GET", f"/contacts/{contact}/timeline")).json()["data"]
    assert [(event["kind"], event["data"]) for event in history if event["kind"] == "contact_corrected"] == [
        ("contact_corrected", {"class": "phone"})
    ]


async def test_a_correction_stays_first_when_the_shop_sends_the_old_one_again(call: Call, take: Take) -> None:
    await take()
    contact = await _contact(call)
    await call("PATCH", f"/contacts/{contact}", json=PATCH, headers={"if-match": '"1"'})
    await take(sequence=2)
    phones = (await call("GET", f"/contacts/{contact}")).json()["tokens"]["phone"]
    assert phones == [token("phone", 50), token("phone", 1)]


async def test_a_token_is_added_and_a_note_set(call: Call, take: Take) -> None:
    await take()
    contact = await _contact(call)
    body = {"correct": [{"new": token("handle", 3)}], "note_token": token("text", 4)}
    answer = await call("PATCH", f"/contacts/{contact}", json=body, headers={"if-match": '"1"'})
    assert answer.json()["tokens"]["handle"] == [token("handle", 3)]
    assert answer.json()["note_token"] == token("text", 4)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"correct": [{"old": token("phone", 1), "new": token("email", 50)}]},
        {"correct": [{"old": token("phone", 99), "new": token("phone", 50)}]},
        {"note_token": token("phone", 4)},
        {"correct": [{"new": "просто слова"}]},
    ],
)
async def test_a_wrong_correction_is_refused_and_changes_nothing(call: Call, take: Take, body: Any) -> None:
    await take()
    contact = await _contact(call)
    answer = await call("PATCH", f"/contacts/{contact}", json=body, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert (await call("GET", f"/contacts/{contact}")).headers["etag"] == '"1"'


async def test_a_correction_to_a_token_the_contact_has_already_does_not_double_it(call: Call, take: Take) -> None:
    await take()
    contact = await _contact(call)
    added = {"correct": [{"new": token("phone", 50)}]}
    await call("PATCH", f"/contacts/{contact}", json=added, headers={"if-match": '"1"'})
    answer = await call("PATCH", f"/contacts/{contact}", json=PATCH, headers={"if-match": '"2"'})
    assert answer.json()["tokens"]["phone"] == [token("phone", 50)]


async def test_a_change_must_name_its_version(call: Call, take: Take) -> None:
    await take()
    contact = await _contact(call)
    assert (await call("PATCH", f"/contacts/{contact}", json=PATCH)).status_code == 428
    late = await call("PATCH", f"/contacts/{contact}", json=PATCH, headers={"if-match": '"7"'})
    assert late.status_code == 412


async def test_contacts_are_found_by_subject_and_token(call: Call, take: Take) -> None:
    await take(seed=1)
    await take(seed=2)

    async def found(**params: Any) -> list[str]:
        return ids((await call("GET", "/contacts", params=params)).json()["data"])

    one = await found(subject=subject(1))
    assert len(one) == 1
    assert await found(token=token("email", 1)) == one
    assert len(await found(subject=[subject(1), subject(2)])) == 2
    assert await found(subject=subject(3)) == []


async def test_contacts_and_their_timeline_are_walked_by_cursor(call: Call, take: Take) -> None:
    for seed in range(1, 4):
        await take(seed=seed)
    first = (await call("GET", "/contacts?limit=2")).json()
    rest = (await call("GET", "/contacts", params={"cursor": first["next_cursor"]})).json()
    assert len({*ids(first["data"]), *ids(rest["data"])}) == 3
    contact = (await call("GET", "/contacts", params={"subject": subject(3)})).json()["data"][0]["id"]
    await take(seed=3, sequence=2, status="completed")
    await take(seed=3, sequence=3, status="refunded")
    page = (await call("GET", f"/contacts/{contact}/timeline?limit=2")).json()
    tail = (await call("GET", f"/contacts/{contact}/timeline", params={"cursor": page["next_cursor"]})).json()
    assert len({*ids(page["data"]), *ids(tail["data"])}) == 3

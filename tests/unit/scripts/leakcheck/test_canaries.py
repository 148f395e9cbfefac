"""The planted persons: unlike anything, found by what is looked for, and silent about themselves."""

import hashlib

from pii_vault.client import find_personal_data
from scripts.leakcheck.canaries import Canaries, new_person
from scripts.leakcheck.edge import EdgeResult, prepare, requests, values
from scripts.leakcheck.scan import Hit, Scanner


def test_two_persons_share_nothing() -> None:
    one, other = new_person(), new_person()
    assert not set(one.values.values()) & set(other.values.values())


def test_a_person_does_not_show_itself() -> None:
    person = new_person()
    assert all(value not in repr(person) for value in person.values.values())


def test_the_text_about_a_person_holds_everything_that_is_looked_for() -> None:
    person = new_person()
    missing = [what for what, value in person.values.items() if value not in person.text]
    assert missing == ["IP address"]


def test_each_value_is_found_under_its_own_label() -> None:
    canaries = Canaries()
    person = canaries.person("entry")
    canaries.person("another entry")
    hits = Scanner(canaries.forms).bytes(f"{person.text} {person.ip}".encode(), channel="log", place="here")
    assert {hit.canary for hit in hits} == {f"entry: {what}" for what in person.values}


def test_a_hashed_email_is_found_though_only_its_local_part_is_looked_for() -> None:
    canaries = Canaries()
    person = canaries.person("entry")
    digest = hashlib.sha256(person.email.encode()).hexdigest().encode()
    assert [hit.canary for hit in Scanner(canaries.forms).bytes(digest, channel="log", place="here")] == [
        "entry: email, digest"
    ]


def test_the_guards_own_detectors_know_every_value_for_the_edge() -> None:
    assert all(find_personal_data(f"x: {value}") for value in values().values())


def test_every_way_to_the_edge_gets_values_of_its_own() -> None:
    canaries = Canaries()
    prepared = prepare(canaries, signed={"authorization": "Bearer token"})
    assert len({label for label, _ in prepared}) == len(prepared) == len(canaries.forms)
    assert len(prepared) == len(values()) * len(list(requests("", signed={})))


def hit(place: str) -> Hit:
    return Hit("edge, phone in path", "plain", "wire crm received", place, 0)


def test_an_edge_value_may_stand_in_its_own_connection_only() -> None:
    result = EdgeResult(1, 1, {"edge, phone in path": "crm-5.received"}, [])
    assert result.at_home(hit("crm-5.received"))
    assert result.at_home(hit("crm-5.received (decoded)"))
    assert not result.at_home(hit("crm-5.sent"))
    assert not result.at_home(hit("crm-6.received"))
    assert result.recorded([hit("crm-5.received")]) == "caught"
    assert result.recorded([hit("crm-6.received")]) == "missed"


def test_every_value_for_the_edge_is_found_in_the_request_that_carries_it() -> None:
    canaries = Canaries()
    prepared = prepare(canaries, signed={"authorization": "Bearer token"})
    scanner = Scanner(canaries.forms)
    for label, request in prepared:
        fields = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
        sent = f"{request.method} {request.path}\n{fields}\n\n{request.body}".encode()
        assert label in {hit.canary for hit in scanner.bytes(sent, channel="wire", place="request")}, label

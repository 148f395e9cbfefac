import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scripts.env.inputs import (
    MARK,
    SECRET,
    UNKNOWN,
    agrees,
    canonical,
    closed,
    opened,
    secret_paths,
    unknown,
    unknown_paths,
)

KEY = b"of this contour"
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def secret(value: Any) -> dict[str, Any]:
    return {MARK: SECRET, "value": value}


def test_a_secret_enters_as_hmac_and_its_plaintext_stands_nowhere() -> None:
    held = closed({"env": [{"name": "P", "value": secret("correct horse")}]}, KEY)
    assert "correct horse" not in json.dumps(held)
    assert held != closed({"env": [{"name": "P", "value": secret("battery staple")}]}, KEY)


def test_the_same_secret_seals_differently_for_another_contour() -> None:
    assert closed(secret("one"), KEY) != closed(secret("one"), b"of the other contour")


def test_the_content_of_a_secret_object_is_sealed_even_where_nobody_marked_it() -> None:
    held = closed({"kind": "Secret", "stringData": {"password": "unmarked canary"}}, KEY)
    assert "unmarked canary" not in json.dumps(held)
    # The twin: the same field of a ConfigMap is for everybody to read.
    assert "unmarked canary" in json.dumps(closed({"kind": "ConfigMap", "stringData": {"p": "unmarked canary"}}, KEY))


def test_unknowns_are_named_and_never_replaced() -> None:
    held = closed({"spec": {"host": UNKNOWN, "ports": [{"port": UNKNOWN}]}, "key": secret(UNKNOWN)}, KEY)
    assert list(unknown_paths(held)) == ["key", "spec.host", "spec.ports[0].port"]


def test_what_was_unknown_may_become_anything_and_nothing_else_may() -> None:
    planned = {"host": unknown(), "port": 443}
    assert agrees(planned, {"host": "10.0.0.1", "port": 443})
    assert not agrees(planned, {"host": "10.0.0.1", "port": 80})
    assert not agrees(planned, {"host": "10.0.0.1", "port": 443, "extra": 1})
    assert not agrees({"host": "10.0.0.1"}, {"host": unknown()})


def test_a_list_that_grew_is_not_what_was_planned() -> None:
    assert not agrees(["a"], ["a", "b"])


@given(PLAIN)
def test_what_is_plain_stays_as_it_is(value: Any) -> None:
    whole = {"kind": "Other", "spec": value}
    if UNKNOWN not in json.dumps(whole) and MARK not in json.dumps(whole):
        assert canonical(closed(whole, KEY)) == canonical(opened(whole)) == canonical(whole)


def test_whole_numbers_come_back_whole() -> None:
    assert opened({"replicas": 3.0}) == {"replicas": 3}
    assert isinstance(closed(3.0, KEY), int)


def test_a_list_with_a_secret_is_secret_as_a_whole() -> None:
    inputs = {"spec": {"env": [{"value": secret("x")}], "image": "i"}}
    assert list(secret_paths(inputs)) == [("spec", "env")]

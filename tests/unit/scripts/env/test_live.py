"""The dry run by which a live object is compared, and how it is put back: what is tried, and again, and what then."""

from typing import Any

import pytest

from scripts.env.errors import ClusterRefused
from scripts.env.inputs import UNKNOWN
from scripts.env.kube import Cluster, Manifest
from scripts.env.live import TRIES, compare, put_back

ASKED: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"ours": "1"}}


class Server(Cluster):
    """One object; refuses replacements with these statuses, one after the other, before it takes one."""

    def __init__(self, data: dict[str, str] | None, *refusals: int) -> None:
        super().__init__("", pool=None, headers={})  # type: ignore[arg-type]
        self.data = data
        self.refusals = list(refusals)
        self.said: list[str] = []

    def read(self, manifest: Any) -> Manifest | None:
        self.said.append("read")
        held = {**manifest, "metadata": {"name": "c", "resourceVersion": "1"}, "data": self.data}
        return None if self.data is None else held

    def apply(self, manifest: Any, *, manager: str = "", dry_run: bool = False, force: bool = True) -> Manifest:
        del manager, force
        self.said.append(f"apply{' dry' * dry_run}")
        merged = {**(self.data or {}), **manifest["data"]}
        if not dry_run:
            self.data = merged
        return {**manifest, "metadata": {"name": "c", "resourceVersion": "1"}, "data": merged}

    def replace(self, manifest: Any, *, manager: str = "", dry_run: bool = False) -> Manifest:
        del manager
        self.said.append(f"replace{' dry' * dry_run}")
        if self.refusals:
            raise ClusterRefused("no", status=self.refusals.pop(0), reason="Reason")
        if not dry_run:
            self.data = manifest["data"]
        return dict(manifest)


def told(server: Server, inputs: Manifest = ASKED) -> list[tuple[str, Any, Any]]:
    [one] = compare(server, [inputs], b"key")
    return [(change.path, change.before, change.after) for change in one.changes]


def test_what_was_added_is_told_and_what_is_as_asked_is_not() -> None:
    assert told(Server({"ours": "1", "more": "2"})) == [("data.more", "2", "(absent)")]
    assert told(Server({"ours": "1"})) == []


def test_a_controller_that_writes_in_between_is_no_reason_to_give_up() -> None:
    server = Server({"ours": "1", "more": "2"}, 409, 409)
    assert told(server) == [("data.more", "2", "(absent)")]
    assert server.said == ["read", "replace dry"] * 3
    busy = Server({"ours": "1"}, *[409] * 9)
    assert told(busy) == []
    assert busy.said[-1] == "apply dry"
    assert busy.said.count("replace dry") == TRIES


def test_an_immutable_field_is_left_to_the_word_of_apply() -> None:
    server = Server({"ours": "2"}, 422)
    assert told(server) == [("data.ours", "2", "1")]
    assert server.said == ["read", "replace dry", "apply dry"]


def test_any_other_refusal_is_told() -> None:
    [one] = compare(Server({"ours": "2"}, 403), [ASKED], b"key")
    assert one.refused == "no"


def test_what_is_not_known_yet_is_not_taken_for_nothing() -> None:
    inputs = {**ASKED, "data": {"ours": "1", "more": UNKNOWN}}
    assert told(Server({"ours": "1", "more": "2"}), inputs) == []


def test_an_absent_object_is_asked_for_by_apply() -> None:
    server = Server(None)
    [one] = compare(server, [ASKED], b"key")
    assert one.state == "absent"
    assert server.said == ["read", "apply dry"]


def test_what_was_added_goes_and_nothing_is_replaced_without_need() -> None:
    server = Server({"ours": "2", "more": "2"})
    put_back(server, ASKED)
    assert server.data == {"ours": "1"}
    clean = Server({"ours": "2"})
    put_back(clean, ASKED)
    assert clean.data == {"ours": "1"}
    assert "replace" not in clean.said


def test_putting_back_goes_on_after_a_conflict_and_ends_where_there_is_no_end() -> None:
    server = Server({"ours": "1", "more": "2"}, 409, 409)
    put_back(server, ASKED)
    assert server.data == {"ours": "1"}
    with pytest.raises(ClusterRefused):
        put_back(Server({"ours": "1", "more": "2"}, *[409] * 9), ASKED)


def test_an_immutable_object_is_left_as_apply_left_it() -> None:
    server = Server({"ours": "2"}, 422)
    put_back(server, ASKED)
    assert server.data == {"ours": "1"}

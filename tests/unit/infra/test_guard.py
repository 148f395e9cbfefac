"""The wrong cluster is refused before anything is touched."""

import pytest

from infra.errors import WrongCluster
from infra.guard import check_cluster, uid_of
from tests.support.stacks import settings

OWN = settings("private")


def test_the_cluster_of_the_settings_is_let_through() -> None:
    check_cluster(OWN, lambda _: OWN.cluster.identifier)


@pytest.mark.parametrize("found", ["0c0c0c0c-0000-4000-8000-000000000002", ""])
def test_another_cluster_behind_the_same_context_is_refused(found: str) -> None:
    with pytest.raises(WrongCluster, match="nothing was touched"):
        check_cluster(OWN, lambda _: found)


def test_without_an_identifier_nobody_is_asked() -> None:
    unnamed = OWN.model_copy(update={"cluster": OWN.cluster.model_copy(update={"identifier": ""})})
    with pytest.raises(WrongCluster, match="cannot be checked"):
        check_cluster(unnamed, lambda _: pytest.fail("asked"))


def test_a_cluster_that_cannot_be_asked_is_not_taken_for_the_right_one() -> None:
    with pytest.raises(WrongCluster, match="cannot be asked"):
        uid_of(OWN)

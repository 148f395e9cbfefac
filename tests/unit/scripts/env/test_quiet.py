"""Processes at rest: none of them stays so because another could not be called back."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.env.environment import Environment
from scripts.env.errors import ClusterRefused
from scripts.env.quiet import resting

BEFORE = {"edge": 2, "vault": 3, "worker": 1}


@dataclass
class Deployments:
    """Keeps how many processes each has; `refuses` are those that are not called back."""

    refuses: tuple[str, ...] = ()
    now: dict[str, int] = field(default_factory=lambda: dict(BEFORE))

    def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> Any:
        if method == "PATCH":
            name, replicas = path.split("/")[-2], body["spec"]["replicas"]
            if replicas and name in self.refuses:
                raise ClusterRefused(f"{name} is not scaled", status=403)
            self.now[name] = replicas
            return {}
        if path.endswith("/pods"):
            return {"items": []}
        return {"items": [{"metadata": {"name": name}, "spec": {"replicas": now}} for name, now in self.now.items()]}

    def of(self) -> Environment:
        named = SimpleNamespace(vault_namespace="vault")
        made = SimpleNamespace(settings=named, contour=SimpleNamespace(side="private"), cluster=lambda: self)
        return cast("Environment", made)


def test_all_rest_and_all_come_back() -> None:
    cluster = Deployments()
    with resting(cluster.of()):
        assert set(cluster.now.values()) == {0}
    assert cluster.now == BEFORE


def test_one_that_cannot_be_called_back_keeps_no_other_at_rest(capsys: pytest.CaptureFixture[str]) -> None:
    cluster = Deployments(("edge", "vault"))
    with pytest.raises(ClusterRefused, match="edge is not scaled"), resting(cluster.of()):
        pass
    assert cluster.now == {"edge": 0, "vault": 0, "worker": 1}
    told = capsys.readouterr().err
    assert "edge is still at rest, and had 2" in told
    assert "vault is still at rest, and had 3" in told

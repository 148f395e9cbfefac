"""Bad input is found before anything changes, with the line and what to do."""

import shutil
from collections.abc import Callable
from typing import Any, Final

import yaml

from scripts.env.place import SIDES
from scripts.rehearse.stage import NAME, CheckFailed, Stage

Settings = dict[str, Any]
DIGEST: Final = "sha256:" + "a" * 64


def _tag(content: Settings) -> None:
    content["images"]["larets"] = "registry.rehearsal.internal/larets/vault:latest"


def _unknown(content: Settings) -> None:
    content["colour"] = "green"


def _secret(content: Settings) -> None:
    content["database"]["password"] = "hunter2-canary"  # noqa: S105  the very mistake that must be found


def _other_site(content: Settings) -> None:
    content["hosts"]["vault"] = "vault.elsewhere.example"


def _missing(content: Settings) -> None:
    del content["cluster"]["context"]


def _shared_state(content: Settings) -> None:
    content["state"]["backend"] = content["state"]["backend"].replace("/private/", "/public/")


def _foreign_registry(content: Settings) -> None:
    content["images"]["larets"] = f"docker.example.org/vault@{DIGEST}"


# what is spoilt → how, and a word the refusal must hold
SPOILT: Final[dict[str, tuple[Callable[[Settings], None], str]]] = {
    "a tag instead of a digest": (_tag, "images.larets"),
    "an unknown setting": (_unknown, "colour"),
    "a secret where none belongs": (_secret, "secret"),
    "a CRM and a vault of two sites": (_other_site, "hosts.vault"),
    "a missing setting": (_missing, "cluster.context"),
    "two halves with one state": (_shared_state, "state"),
    "a registry that is not listed": (_foreign_registry, "registry"),
}


def refused(stage: Stage) -> dict[str, str]:
    """Each mistake in turn, in the private half's settings; the cluster is never asked to change."""
    path = stage.contour("private").settings
    whole = path.read_text()
    told = {}
    try:
        for what, (spoil, word) in SPOILT.items():
            content = yaml.safe_load(whole)
            spoil(content)
            path.write_text(yaml.safe_dump(content, sort_keys=False))
            said = stage.run("plan", "private")
            if said.code == 0:
                raise CheckFailed(f"{what} was taken")
            if word not in said.err or "hunter2-canary" in said.err + said.out:
                raise CheckFailed(f"{what} was refused without saying what to do: {said.error}")
            told[what] = said.error
    finally:
        path.write_text(whole)
    return told


def missing_rights(stage: Stage) -> None:
    """An account without rights is told which ones it lacks."""
    kubeconfig = stage.folder / "private.kubeconfig"
    whole = kubeconfig.read_text()
    try:
        kubeconfig.write_text(stage.planes["private"].kubeconfig("stranger"))
        said = stage.run("check", "private", "--json")
    finally:
        kubeconfig.write_text(whole)
    if said.code == 0:
        raise CheckFailed("an account without rights passed the check")


def small_quota(stage: Stage) -> None:
    """Workloads larger than the cluster are refused by the check."""
    path = stage.contour("public").settings
    whole = path.read_text()
    try:
        stage.change("public", "sizes", web={"replicas": 4, "max_replicas": 4, "cpu": "10", "cpu_limit": "10"})
        said = stage.run("check", "public", "--json")
    finally:
        path.write_text(whole)
    lacking = {one["name"] for one in said.json["checks"] if not one["ok"]}
    if "capacity" not in lacking and "quotas" not in lacking:
        raise CheckFailed(f"workloads larger than the cluster passed the check: {sorted(lacking)}")


def unreachable(stage: Stage) -> None:
    """A cluster that does not answer is told as such, in seconds."""
    kubeconfig = stage.folder / "public.kubeconfig"
    whole = kubeconfig.read_text()
    try:
        kubeconfig.write_text(whole.replace(f":{stage.planes['public'].port}", ":1"))
        said = stage.run("plan", "public")
    finally:
        kubeconfig.write_text(whole)
    if said.code == 0 or "does not answer" not in said.err:
        raise CheckFailed(f"a cluster that is away was not told: {said.error}")


def two_environments_one_state(stage: Stage) -> None:
    """Another environment that names this one's state is refused."""
    other = stage.environments / "other" / "private"
    other.mkdir(parents=True)
    try:
        content = yaml.safe_load(stage.contour("private").settings.read_text())
        (other / "settings.yaml").write_text(yaml.safe_dump(content | {"environment": "other"}))
        said = stage.run("plan", "private", env="other")
        if said.code == 0 or "state" not in said.err:
            raise CheckFailed("two environments with one state were taken")
    finally:
        shutil.rmtree(other.parent)


def all_of(stage: Stage) -> dict[str, str]:
    told = refused(stage)
    for check in (missing_rights, small_quota, unreachable, two_environments_one_state):
        check(stage)
    for side in SIDES:
        if any(one["metadata"]["name"] == "edge" for one in _namespaces(stage, side)):
            raise CheckFailed(f"bad input changed the {side} cluster of {NAME}")
    return told


def _namespaces(stage: Stage, side: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.cluster(side).request("GET", "/api/v1/namespaces")["items"]
    return found

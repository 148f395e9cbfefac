"""Destroy needs the name typed, names what is lost, and leaves nothing."""

from typing import Any, Final

from scripts.env.place import SIDES, Side
from scripts.rehearse.stage import NAME, CheckFailed, Stage

OURS: Final = "app.kubernetes.io/part-of=larets"
EVERYWHERE: Final = (
    "/api/v1/namespaces",
    "/api/v1/pods",
    "/api/v1/secrets",
    "/api/v1/configmaps",
    "/api/v1/services",
    "/api/v1/persistentvolumeclaims",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
)


def leaves_nothing(stage: Stage) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for side in SIDES:
        if not _ours(stage, side):
            raise CheckFailed(f"nothing of ours is in the {side} cluster: its removal would prove nothing")
        said = stage.run("destroy", side, "--confirm", "something/else")
        if said.code == 0 or "Namespace" not in said.err:
            raise CheckFailed("destroy went on without the name, or did not say what is lost")
        if len(_ours(stage, side)) == 0:
            raise CheckFailed("a refused destroy removed something")
        answers[side] = stage.must("destroy", side, "--with-data", "--confirm", f"{NAME}/{side}")
        left = _ours(stage, side)
        if left:
            raise CheckFailed(f"left in the {side} cluster: {', '.join(left[:8])}")
        if list(stage.contour(side).state.rglob(f"{stage.contour(side).stack}.json")):
            raise CheckFailed(f"the state of the {side} contour still names a stack")
    return answers


def _ours(stage: Stage, side: Side) -> list[str]:
    return [
        f"{path.rsplit('/', 1)[-1]} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
        for path in EVERYWHERE
        for item in stage.cluster(side).request("GET", path, query={"labelSelector": OURS})["items"]
    ]

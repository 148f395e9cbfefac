"""What breaks under load: pods, kubelet and containerd, whole nodes, the key service. No accepted order is lost."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

import hvac
import hvac.exceptions

from scripts.env.place import Side
from scripts.rehearse.deep.checks import bringing
from scripts.rehearse.deep.checks.load import Load, ask_database, under_load
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import CheckFailed

PATIENCE: Final = 180.0
A_WHILE: Final = 5.0
ENOUGH: Final = 4
READY_KEYS: Final = 60.0  # how long a worker may go on with keys it fetched before the key service went away
ROWS: Final[dict[Side, str]] = {
    "private": "SELECT count(*) FROM audit_log",
    "public": "SELECT count(*) FROM orders",
}
VICTIMS: Final[dict[Side, tuple[tuple[str, str], ...]]] = {
    "private": (("vault", "vault"), ("vault", "vault-worker"), ("edge", "edge"), ("data", "postgres")),
    "public": (("app", "app"), ("app", "app-worker"), ("edge", "edge"), ("data", "postgres")),
}


def pods_killed(stage: DeepStage) -> dict[str, Any]:
    """A pod of every workload, one after the other, without being told, while orders come."""
    with under_load(stage) as load:
        for side, victims in VICTIMS.items():
            for namespace, name in victims:
                time.sleep(A_WHILE / 2)
                kill_pod(stage, side, namespace, name)
                _all_ready(stage, side)
    return _told(load)


def kill_pod(stage: DeepStage, side: Side, namespace: str, name: str) -> None:
    """At once: the API server forgets it and its successor starts, perhaps before the kubelet has killed it."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    chosen = {"labelSelector": f"app.kubernetes.io/name={name}"}
    found = stage.cluster(side).request("GET", path, query=chosen)["items"]
    victim = found[0]["metadata"]["name"]
    stage.cluster(side).request("DELETE", f"{path}/{victim}", body={"gracePeriodSeconds": 0})


def programs_restarted(stage: DeepStage) -> dict[str, Any]:
    """Without kubelet and containerd the pods serve on; once these are back, no container was started anew."""
    node = stage.nodes["private"]
    before = _containers(stage, "private")
    with under_load(stage) as load:
        time.sleep(A_WHILE)
        for program in ("kubelet", "containerd"):
            node.end(program)
        load.wait_for(ENOUGH)
        back = datetime.now(UTC)
        for program in ("containerd", "kubelet"):
            node.run(program)
        node.await_ready(back)
        _all_ready(stage, "private")
    after = _containers(stage, "private")
    if after != before:
        raise CheckFailed(f"containers were started anew: {sorted(after ^ before)[:4]}")
    return _told(load)


def power_lost(stage: DeepStage) -> dict[str, Any]:
    """Both nodes lose their power in the middle of the work, and come up on what their disks hold."""
    with under_load(stage) as load:
        time.sleep(A_WHILE)
        held = {side: _rows(stage, side) for side in VICTIMS}
        began = time.monotonic()
        for side in VICTIMS:
            stage.nodes[side].cut_power()
        for side in VICTIMS:
            stage.nodes[side].unlock()  # a room ends with the thread that opened it
        with ThreadPoolExecutor() as both:
            seconds = dict(zip(VICTIMS, both.map(lambda side: _up_again(stage, side, began), VICTIMS), strict=True))
        for side, before in held.items():
            if _rows(stage, side) < before:
                raise CheckFailed(f"the {side} database has lost rows")
    return _told(load) | {"ready again after": seconds}


def _up_again(stage: DeepStage, side: Side, began: float) -> float:
    """Seconds since `began`, when the node serves again."""
    back = _now()
    stage.nodes[side].boot()
    _all_ready(stage, side, since=back)
    return round(time.monotonic() - began, 1)


def key_service_sealed(stage: DeepStage) -> dict[str, Any]:
    """Sealed: after the ready keys are used up orders are refused with 503, and accepted again once it is unsealed."""
    with under_load(stage) as load:
        time.sleep(A_WHILE)
        if load.refused:
            raise CheckFailed(f"orders were refused before it was sealed: {load.refused}")
        stage.keys.seal()
        try:
            _await(lambda: "503" in load.refused, READY_KEYS + PATIENCE, "a sealed key service refused no order")
            others = {code: times for code, times in load.refused.items() if code != "503"}
        finally:
            stage.keys.unseal()
        load.wait_for(ENOUGH)
    if others:
        raise CheckFailed(f"sealed, it was answered otherwise than 503: {others}")
    return _told(load)


def keys_rotated(stage: DeepStage) -> dict[str, Any]:
    """Rotate → rewrap → trim inside, by the operator's role, while orders come; the vault's own may not rotate."""
    if _may_rotate(stage, "vault") or not _may_rotate(stage, "operator"):
        raise CheckFailed("the roles at the key service do not differ as docs/transit has them")
    with under_load(stage) as load:
        stage.must_exec("private", "keys", "rotate", "--json")
        _trimmed(stage)
        status = stage.exec("private", "keys", "status", "--json").json
        kept = {each["tenant"]: each["kek"] for each in status["tenants"]}
        behind = {name for name, kek in kept.items() if (kek["current"], kek["oldest"], kek["older"]) != (2, 2, 0)}
        if behind or not kept:
            raise CheckFailed(f"versions are not as after one rotation: {kept}")
    if load.refused:
        raise CheckFailed(f"orders were refused during the rotation: {load.refused}")
    return _told(load)


def _trimmed(stage: DeepStage) -> None:
    """Keys that workers had ready for new persons are of the old version for a minute more: until then trim refuses."""
    until = time.monotonic() + READY_KEYS + PATIENCE
    while True:
        stage.must_exec("private", "keys", "rewrap", "--json")
        said = stage.exec("private", "keys", "trim", "--json")
        if said.code == 0:
            return
        if "rewrap" not in said.err or time.monotonic() > until:
            raise CheckFailed(f"larets keys trim: {said.error}")


def _may_rotate(stage: DeepStage, role: str) -> bool:
    """Tried on a key of its own, so that no shop's is touched."""
    key = "kek-nobody"
    stage.keys.client().secrets.transit.create_key(key, mount_point="larets")
    options = stage.keys.options(role)
    client = hvac.Client(url=options.url, verify=str(options.ca))
    client.auth.approle.login(options.role, options.secret_file.read_text())
    try:
        client.secrets.transit.rotate_key(key, mount_point="larets")
    except hvac.exceptions.Forbidden:
        return False
    return True


def _containers(stage: DeepStage, side: Side) -> set[str]:
    pods = stage.cluster(side).request("GET", "/api/v1/pods")["items"]
    return {one["containerID"] for pod in pods for one in pod["status"].get("containerStatuses", []) if one["ready"]}


def _rows(stage: DeepStage, side: Side) -> int:
    return int(ask_database(stage.nodes[side], side, ROWS[side])[0][0])


def _now() -> datetime:
    """Kubernetes tells whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def _all_ready(stage: DeepStage, side: Side, *, since: datetime | None = None) -> None:
    """Raises CheckFailed: the last reason why they are not."""
    bringing.patiently(lambda: bringing.pods_ready(stage, side, since=since), PATIENCE)


def _await(holds: Callable[[], bool], patience: float, otherwise: str) -> None:
    until = time.monotonic() + patience
    while not holds():
        if time.monotonic() > until:
            raise CheckFailed(otherwise)
        time.sleep(0.5)


def _told(load: Load) -> dict[str, Any]:
    return {"orders": len(load.accepted), "sent again after": dict(load.refused)}

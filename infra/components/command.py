"""Commands of an administrator inside a contour: one Job per command, beside the contour's own processes.

The Job is the same for every command: what is asked comes in a Secret of the Job's name, and what is answered leaves
sealed in the pod's log. So neither the API server's records nor whoever gathers logs holds an argument or a result, and
nobody needs the right to open a shell. The Job is made suspended, so that its Secret is there and belongs to it first.
"""

from infra.components.objects import Manifest, metadata
from infra.components.workload import WorkloadArgs
from infra.lib.labels import labels
from infra.lib.names import Contour
from infra.lib.parts import WorkloadSize
from infra.lib.pods import RUN, Container, Mount, Pod

COMMAND = "command"
REQUEST = "request"
KEPT_SECONDS = 600
_SIZE = WorkloadSize(replicas=1, max_replicas=1, cpu="100m", cpu_limit="2", memory="1Gi")


def account(namespace: str, contour: Contour, worker: WorkloadArgs) -> Manifest:
    """Known to the key service where pods sign in to it by their account."""
    own = labels(COMMAND, contour=contour, data_class=worker.data_class)
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(COMMAND, namespace, own),
        "automountServiceAccountToken": False,
    }


def job(name: str, contour: Contour, worker: WorkloadArgs, *, seconds: int) -> Manifest:
    """A Job with what the `worker` has, and the database's owner: some commands do what no running process may."""
    own = labels(COMMAND, contour=contour, data_class=worker.data_class)
    mounts = (
        *worker.mounts,
        Mount("owner", f"{RUN}/owner", secret="migration", items={"owner_url": "owner_url"}),  # noqa: S106  names
        Mount(COMMAND, f"{RUN}/{COMMAND}", secret=name),
    )
    container = Container(
        COMMAND,
        worker.image,
        ("python", "-m", "scripts.inside", f"{RUN}/{COMMAND}/{REQUEST}"),
        _SIZE,
        env={**worker.env, "LARETS_OWNER_URL_FILE": f"{RUN}/owner/owner_url"},
        mounts=mounts,
    )
    pod = Pod(container, own, aliases=worker.aliases, account=COMMAND, restart="Never", grace_seconds=5)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(name, worker.namespace, own),
        "spec": {
            "suspend": True,
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": pod.template(),
        },
    }


def request(name: str, contour: Contour, worker: WorkloadArgs, content: str, *, owner: Manifest) -> Manifest:
    """The Secret with what is asked, in base64. It goes with its Job, whoever removes that."""
    own = labels(COMMAND, contour=contour, data_class=worker.data_class)
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": owner["metadata"]["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(name, worker.namespace, own, ownerReferences=[reference]),
        "type": "Opaque",
        "immutable": True,
        "data": {REQUEST: content},
    }

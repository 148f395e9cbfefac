"""The wrong cluster is refused before anything is touched: by what no two clusters share, the UID of kube-system."""

from collections.abc import Callable
from pathlib import Path

from infra.errors import WrongCluster
from infra.lib.settings import StackSettings


def check_cluster(settings: StackSettings, ask: Callable[[StackSettings], str]) -> None:
    """Raises WrongCluster: the cluster behind file and context says another UID than the settings, or none."""
    expected = settings.cluster.identifier
    if not expected:
        raise WrongCluster(
            "cluster.identifier is empty: which cluster this is cannot be checked",
            hint="kubectl get namespace kube-system -o jsonpath={.metadata.uid}",
        )
    if ask(settings) != expected:
        raise WrongCluster(
            f"the context {settings.cluster.context} leads to another cluster than cluster.identifier names; "
            "nothing was touched",
            hint="compare kubeconfig, context and identifier in the settings with the cluster you mean",
        )


def uid_of(settings: StackSettings) -> str:
    """Asks the cluster. Raises WrongCluster: it does not answer, or not to these credentials."""
    from kubernetes import client, config  # noqa: PLC0415  slow to import, and rendering needs none

    path = Path(settings.folder, settings.cluster.kubeconfig)
    try:
        reached = config.new_client_from_config(  # type: ignore[no-untyped-call]
            str(path), context=settings.cluster.context
        )
        found = client.CoreV1Api(reached).read_namespace("kube-system", _request_timeout=10)
    except Exception as error:
        raise WrongCluster(
            f"the cluster of the context {settings.cluster.context} cannot be asked ({type(error).__name__})",
            hint="`larets env check` says what is missing",
        ) from error
    return str(found.metadata.uid if found.metadata else "")

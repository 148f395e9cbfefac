"""The platform of a contour: namespaces that deny by default, rights, admission rules; once per contour.

Where an adapter makes the cluster, that comes first and alone: what is to stand in it can be held against the API
server only when somebody has written down how it is reached, and which one it is.
"""

from typing import Final

import pulumi

from infra.clouds.choose import handle_of
from infra.components.access import Access, AccessArgs
from infra.components.admission import Admission, AdmissionArgs
from infra.components.namespace import Namespace, NamespaceArgs
from infra.lib.names import EDGE, NAMESPACES
from infra.lib.settings import StackSettings
from infra.programs.common import open_place
from infra.values import Values

KUBECONFIG: Final = "kubeconfig"
CONTEXT: Final = "context"


def build(settings: StackSettings, values: Values) -> None:
    del values  # a platform holds no secret
    handle = handle_of(settings)
    if settings.cluster.adapter != "kubeconfig":
        pulumi.export(KUBECONFIG, handle.kubeconfig)
        pulumi.export(CONTEXT, handle.context)
    if settings.cluster.awaited:
        return
    place = open_place(settings, made=handle.made)
    inside = NAMESPACES[settings.contour]
    admission = Admission(AdmissionArgs(settings.images.registries, tuple(inside)), place)
    namespaces = [
        Namespace(
            NamespaceArgs(name, kind, settings.cluster.kubernetes, load_balancers=1 if name == EDGE else 0),
            place,
            after=[admission],
        )
        for name, kind in inside.items()
    ]
    access = AccessArgs(settings.access.operators, settings.access.officers, tuple(inside))
    Access(access, place, after=namespaces)
    pulumi.export("namespaces", sorted(inside))

"""The platform of a contour: namespaces that deny by default, rights, admission rules. Deployed once per contour."""

import pulumi

from infra.clouds.choose import handle_of
from infra.components.access import Access, AccessArgs
from infra.components.admission import Admission, AdmissionArgs
from infra.components.namespace import Namespace, NamespaceArgs
from infra.lib.names import EDGE, NAMESPACES
from infra.lib.settings import StackSettings
from infra.programs.common import open_place
from infra.values import Values


def build(settings: StackSettings, values: Values) -> None:
    del values  # a platform holds no secret
    handle = handle_of(settings)
    place = open_place(settings, handle)
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
    if settings.cluster.adapter != "kubeconfig":
        pulumi.export("kubeconfig", handle.kubeconfig)
        pulumi.export("context", handle.context)

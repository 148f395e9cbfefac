"""The platform of a contour: namespaces that deny by default, rights, admission rules. Deployed once per contour."""

import pulumi

from infra.components.namespace import Namespace, NamespaceArgs
from infra.lib.names import EDGE, NAMESPACES
from infra.lib.settings import StackSettings
from infra.programs.common import open_place
from infra.values import Values


def build(settings: StackSettings, values: Values) -> None:
    del values  # a platform holds no secret
    place = open_place(settings)
    for name, data_class in NAMESPACES[settings.contour].items():
        args = NamespaceArgs(name, data_class, settings.cluster.kubernetes, load_balancers=1 if name == EDGE else 0)
        Namespace(args, place)
    pulumi.export("namespaces", sorted(NAMESPACES[settings.contour]))

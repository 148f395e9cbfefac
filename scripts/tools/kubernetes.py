"""Kubernetes' own programs: the control planes of both rehearsals, kubectl, and the node's two for the deep one."""

from typing import Final

from scripts.tools.tool import GoBuild, Tool

VERSION: Final = "1.36.3"
_STAMP: Final = "k8s.io/component-base/version"
# Without these kubectl and the version checks cannot parse what the server says of itself.
LDFLAGS: Final = (
    *("-X", f"{_STAMP}.gitVersion=v{VERSION}"),
    *("-X", f"{_STAMP}.gitMajor=1"),
    *("-X", f"{_STAMP}.gitMinor=36"),
    *("-X", f"{_STAMP}.gitTreeState=clean"),
)
SOURCES: Final = ("tools/kubernetes/go.mod", "tools/kubernetes/go.sum")


def _program(name: str) -> GoBuild:
    return GoBuild("tools/kubernetes", f"k8s.io/kubernetes/cmd/{name}", name, ldflags=LDFLAGS)


CONTROL_PLANE: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
NODE: Final = ("kubelet", "kube-proxy")

TOOLS = (
    Tool(
        "kubernetes",
        version=VERSION,
        sources=SOURCES,
        leaves=tuple(f"bin/{name}" for name in CONTROL_PLANE),
        takes="6 min",
        steps=tuple(_program(name) for name in CONTROL_PLANE),
    ),
    Tool(
        "kubernetes-node",
        version=VERSION,
        sources=SOURCES,
        leaves=tuple(f"bin/{name}" for name in NODE),
        takes="1 min",
        steps=tuple(_program(name) for name in NODE),
    ),
)

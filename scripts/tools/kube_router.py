"""kube-router, of which the deep rehearsal runs the network-policy controller alone."""

from scripts.tools.tool import GoBuild, Tool

TOOLS = (
    Tool(
        "kube-router",
        version="1.5.1",
        sources=("tools/kube-router/go.mod", "tools/kube-router/go.sum"),
        leaves=("bin/kube-router",),
        takes="2 min",
        steps=(GoBuild("tools/kube-router", "github.com/cloudnativelabs/kube-router/cmd/kube-router", "kube-router"),),
    ),
)

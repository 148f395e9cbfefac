"""CoreDNS, the resolver of the deep rehearsal's clusters."""

from scripts.tools.tool import GoBuild, Tool

TOOLS = (
    Tool(
        "coredns",
        version="1.14.3",
        sources=("tools/coredns/go.mod", "tools/coredns/go.sum"),
        leaves=("bin/coredns",),
        takes="2 min",
        steps=(GoBuild("tools/coredns", "github.com/coredns/coredns", "coredns"),),
    ),
)

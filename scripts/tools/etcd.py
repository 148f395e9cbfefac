"""etcd, the store of the rehearsal's API servers. Debian's 3.4 and the wheel of 3.5 are too old for Kubernetes 1.36."""

from scripts.tools.tool import GoBuild, Tool

TOOLS = (
    Tool(
        "etcd",
        version="3.6.13",
        sources=("tools/etcd/go.mod", "tools/etcd/go.sum"),
        leaves=("bin/etcd",),
        takes="1 min",
        steps=(GoBuild("tools/etcd", "go.etcd.io/etcd/server/v3", "etcd"),),
    ),
)

"""HashiCorp Vault, whose transit engine stands for that of OpenBao and Stronghold in the tests: one API.

Business Source Licence: a tool for tests here, never shipped. Version 1.21.4 does not compile against any published
sdk, so 1.21.0 it is.
"""

from scripts.tools.tool import GoBuild, Tool

TOOLS = (
    Tool(
        "vault",
        version="1.21.0",
        sources=("tools/vault/go.mod", "tools/vault/go.sum"),
        leaves=("bin/vault",),
        takes="6 min",
        steps=(GoBuild("tools/vault", "github.com/hashicorp/vault", "vault", env=()),),
    ),
)

"""The deployment engine with its command line. Programs are served to it by the Python process itself, so its language
host (which the module proxy does not hold) is not needed.
"""

from typing import Final

from scripts.tools.tool import GoBuild, Tool

VERSION: Final = "3.259.0"  # newer ones were not to be had from the module proxy; it serves the pip package of 3.272

TOOLS = (
    Tool(
        "pulumi",
        version=VERSION,
        sources=("tools/pulumi/go.mod", "tools/pulumi/go.sum"),
        leaves=("bin/pulumi",),
        takes="5 min",
        steps=(
            GoBuild(
                "tools/pulumi",
                "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
                "pulumi",
                ldflags=("-X", f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"),
            ),
        ),
    ),
)

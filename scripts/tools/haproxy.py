"""HAProxy, which the edge's image holds: for the tests that run its configuration."""

import sysconfig
from typing import Final

from scripts.tools.tool import DebianUnpack, Tool

PROGRAM: Final = "haproxy/usr/sbin/haproxy"
LIBRARIES: Final = f"haproxy/usr/lib/{sysconfig.get_config_var('MULTIARCH') or ''}"

TOOLS = (
    Tool(
        "haproxy",
        version="2.6",
        leaves=(PROGRAM,),
        takes="5 s",
        steps=(
            DebianUnpack(
                ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1", "libpcre2-8-0"), "haproxy"
            ),
        ),
    ),
)

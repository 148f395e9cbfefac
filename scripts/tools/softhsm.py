"""SoftHSM2: a PKCS#11 token in software, on which the tests try what a hardware one does in production."""

from scripts.tools.tool import DebianUnpack, Tool

TOOLS = (
    Tool(
        "softhsm2",
        version="2.6",
        leaves=("softhsm2/usr/lib/softhsm/libsofthsm2.so", "softhsm2/usr/bin/softhsm2-util"),
        takes="5 s",
        steps=(DebianUnpack(("softhsm2", "libsofthsm2"), "softhsm2"),),
    ),
)

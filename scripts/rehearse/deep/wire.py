"""The internet of the deep rehearsal, a bridge in the rehearsal's own room, and what each contour lets in from it."""

import subprocess
from pathlib import Path
from typing import Final

from infra.lib.names import LINK_PORT, PUBLIC_PORT
from scripts.env.place import Side
from scripts.rehearse.deep.addresses import ADMINISTRATOR, API_PORT, HOSTS, LENGTH, METADATA, OF
from scripts.rehearse.deep.room import Room
from scripts.rehearse.plane import PlaneProblem

BRIDGE: Final = "internet"
OUTER: Final = "wan"  # the interface of a contour that leads to it
# Forward pods' packets, and let packet filters see those between pods of one bridge as well.
SETTINGS: Final = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")


def lay() -> None:
    """The bridge and the hosts on it, all of them this process's. Raises PlaneProblem."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", BRIDGE, "type", "bridge")
    for host in HOSTS:
        _ip("address", "add", f"{host}/{LENGTH}", "dev", BRIDGE)
    _ip("address", "add", f"{METADATA}/32", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")


def attach(room: Room, side: Side) -> None:
    """A contour on the wire, with its fence. Raises PlaneProblem."""
    own = OF[side]
    # The kernel takes a while to clear away the interfaces of a room that has ended.
    subprocess.run(["ip", "link", "delete", side], capture_output=True, check=False)
    _ip("link", "add", side, "type", "veth", "peer", "name", OUTER, "netns", str(room.pid))
    _ip("link", "set", side, "master", BRIDGE, "up")
    room.run("ip", "link", "set", "lo", "up")
    for address in (own.node, own.edge):
        room.run("ip", "address", "add", f"{address}/{LENGTH}", "dev", OUTER)
    room.run("ip", "link", "set", OUTER, "up")
    room.run("ip", "route", "add", "default", "via", ADMINISTRATOR)
    for name in SETTINGS:
        room.run("sh", "-c", f"echo 1 > /proc/sys/{name}")


def fence(side: Side) -> str:
    """Rules of nftables: into the contour by its edge's two ports alone; the API server for its administrator.

    What may come to the edge's second port, and where pods may go, is for the network policies to say: the
    fence lets it pass, so that it is they which are tried.
    """
    edge, node = OF[side].edge, OF[side].node
    return f"""\
table inet fence {{
  chain node {{
    type filter hook input priority -50; policy accept;
    iifname != "{OUTER}" accept
    ct state established,related accept
    ip saddr {ADMINISTRATOR} ip daddr {node} tcp dport {API_PORT} accept
    counter drop
  }}
  chain pods {{
    type filter hook forward priority -50; policy accept;
    iifname != "{OUTER}" accept
    ct state established,related accept
    meta l4proto tcp ct original ip daddr {edge} ct original proto-dst {{ {PUBLIC_PORT}, {LINK_PORT} }} accept
    counter drop
  }}
}}
"""


def bridge_filters_there() -> bool:
    return Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists()


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlaneProblem(f"ip {' '.join(arguments)}: {done.stderr.strip()}", hint="install iproute2")

"""The deep rehearsal's stage: both nodes on one wire, images loaded, the key service on its own machine."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.env.place import SIDES, Side
from scripts.images.build import Built
from scripts.local.instance import ROOT
from scripts.local.shop import Shop
from scripts.rehearse.deep import static_image, system, wire
from scripts.rehearse.deep.addresses import KEY_SERVICE, OF
from scripts.rehearse.deep.answers import KEY_HOST, KEY_PORT, REGISTRY, images_of
from scripts.rehearse.deep.balancer import Balancer
from scripts.rehearse.deep.node import Node
from scripts.rehearse.deep.runtime import PAUSE
from scripts.rehearse.real_vault import RealVault, real_vault
from scripts.rehearse.stage import CheckFailed, Said, Stage
from scripts.smoke.doors import Doors
from scripts.smoke.visitor import Visitor
from scripts.tools.tool import BIN
from scripts.voice import say

PATIENCE: Final = 420.0  # of a single command: pods with real processes take their time on two cores


@dataclass(slots=True)
class DeepStage(Stage):
    """Both clusters up. `key_service` can be sealed, stopped and asked; `images` are those that were loaded."""

    nodes: dict[Side, Node] = field(default_factory=dict)
    images: Mapping[str, Built] = field(default_factory=dict)
    key_service: RealVault | None = None
    shop: Shop | None = None
    orders: int = 0  # numbers of a load begin above it
    balancers: dict[Side, Balancer] = field(default_factory=dict)
    staff: dict[str, Visitor] = field(default_factory=dict)  # of the shop, by login
    doors: Doors | None = None  # theirs

    @property
    def trust(self) -> Path:
        """The private contour's authority, which signs what browsers and shops see in a rehearsal."""
        return self.folder / "private-authority.crt"

    @property
    def keys(self) -> RealVault:
        if self.key_service is None:
            raise LookupError("the key service is not there")
        return self.key_service

    def exec(self, side: Side, *words: str) -> Said:
        """`larets env exec`: a command inside a contour, with how it ended."""
        return self.run("exec", side, "--", *words)

    def must_exec(self, side: Side, *words: str) -> Said:
        """Raises CheckFailed: it did not end well."""
        said = self.exec(side, *words)
        if said.code:
            raise CheckFailed(f"larets {' '.join(words[:2])} inside {side} ended with {said.code}: {said.error}")
        return said

    def start_anew(self, side: Side) -> None:
        """Another cluster in the place of one whose node was lost: what every cluster brings, and nothing of ours.

        Raises:
            PlaneProblem: it did not start.
        """
        node = self.nodes[side]
        node.unlock()
        node.start()
        furnish(node, self.folder, self.images)
        self.planes[side] = node.plane
        self.balancers[side].cluster = node.plane.cluster()


@contextmanager
def staged(folder: Path, images: Mapping[str, Built]) -> Iterator[DeepStage]:
    """Everything started, and ended again; files stay in `folder`. To be called in a room of its own.

    Raises:
        PlaneProblem: what did not start, and where its logs are.
    """
    wire.lay()
    nodes = {side: Node(side, folder / "nodes" / side, users=("stranger",)) for side in SIDES}
    with ExitStack() as ending:
        for node in nodes.values():
            ending.callback(node.cut_power)
            node.unlock()
        with ThreadPoolExecutor() as both:
            list(both.map(lambda node: node.start(), nodes.values()))
            say("  two nodes are ready")
            list(both.map(lambda node: furnish(node, folder, images), nodes.values()))
            say("  images are loaded, resolvers run")
        keys = folder / "key-service"
        keys.mkdir()
        vault = ending.enter_context(real_vault(keys, host=KEY_SERVICE, port=KEY_PORT, name=KEY_HOST))
        vault.fresh_mount()
        balancers = {side: Balancer(node.plane.cluster(), OF[side].edge).start() for side, node in nodes.items()}
        for balancer in balancers.values():
            ending.callback(balancer.stop)
        yield DeepStage(
            folder, {side: node.plane for side, node in nodes.items()},
            patience=PATIENCE, nodes=nodes, images=images, key_service=vault, balancers=balancers,
        )  # fmt: skip


def furnish(node: Node, folder: Path, images: Mapping[str, Built]) -> None:
    """Images, resolver and volumes: what a cluster has before anybody deploys to it."""
    own = {PAUSE: BIN / "pause", system.DNS_IMAGE: BIN / "coredns"}
    for reference, program in own.items():
        archive = folder / f"{node.side}-{program.name}.tar"
        static_image.write(program, reference, archive)
        node.ctr("images", "import", str(archive))
        archive.unlink()
    volumes = node.folder / "volumes"
    for number in range(system.VOLUMES):
        (volumes / str(number)).mkdir()
    for manifest in system.manifests(node.side, volumes):
        node.plane.cluster().apply(manifest)
    for name in images_of(node.side):
        archive = ROOT / images[name].archive
        node.ctr("images", "import", "--digests", f"--base-name={REGISTRY}/{name}", str(archive))


def hosts_file(folder: Path, text: str) -> None:
    """Names as this room alone knows them. Raises CalledProcessError."""
    own = folder / "hosts"
    own.write_text(text)
    program = shutil.which("mount") or "mount"
    subprocess.run([program, "--bind", str(own), "/etc/hosts"], check=True, capture_output=True)

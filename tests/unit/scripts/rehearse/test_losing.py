"""The rehearsal's check of a lost passphrase, shown to see what it guards against."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra import pki
from scripts.env.errors import LOST, OtherPassphrase
from scripts.env.place import Contour, Side
from scripts.rehearse.checks import losing
from scripts.rehearse.stage import CheckFailed
from tests.unit.scripts.rehearse.play import play, refusal

CHECKED = (losing.passphrase_lost,)
NOW = datetime.now(UTC)
OLD, NEW = (pki.make_authority("Larets private contour", now=NOW) for _ in range(2))
READY = {"vault/vault": {"ready": True}}
MADE = ["authority-crt", "authority-key"]
ONLY_TRUST = [{"path": "data.ca.crt"}]
REPLACED: dict[str, Any] = {"op": "create-replacement"}
MOVED: dict[str, Any] = {"changes": [{"path": "spec.template"}]}


@dataclass
class Living:
    """A contour that runs, and `larets env` over it. `breach` names what goes wrong."""

    breach: str = ""
    contour: Contour | None = None
    taken: bool = False
    uid: str = "1"
    data: dict[str, str] = field(
        default_factory=lambda: {
            "tls.crt": pki.issue(OLD, "vault", now=NOW).certificate,
            "tls.key": "key",
            "ca.crt": OLD.certificate,
        }
    )

    def request(self, _: str, path: str, **__: Any) -> Any:
        meta = {"name": "tls-vault", "namespace": "vault", "uid": self.uid}
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in self.data.items()}
        if self.breach == "pod gone" and path.endswith("/pods") and self.taken:
            return {"items": []}
        return {"items": [{"metadata": meta, "data": encoded}] if path.endswith(("/secrets", "/pods")) else []}

    def script(self, verb: str, side: Side, arguments: tuple[str, ...]) -> Any:
        return getattr(self, f"on_{verb}", lambda *_: {"workloads": READY})(side, arguments)

    def on_status(self, *_: Any) -> Any:
        return {"workloads": READY, "outputs": {"link": "closed" if self.breach == "link closed" else "open"}}

    def on_export(self, *_: Any) -> Any:
        assert self.contour
        path = self.contour.folder / "contract.json"
        path.write_text(json.dumps({"by another key": self.taken}))
        return {"contract": str(path), "fingerprint": "new" if self.taken and self.breach != "old key" else "old"}

    def on_init(self, _: Side, arguments: tuple[str, ...]) -> Any:
        assert self.contour
        self.contour.passphrase.write_text("fresh")
        if "--take-over" not in arguments:
            return {}
        self.taken = True
        return {"taken": ["keyring"], "made": [] if self.breach == "key in cluster" else MADE}

    def on_plan(self, side: Side, arguments: tuple[str, ...]) -> Any:
        assert self.contour
        if "--json" in arguments:
            step: dict[str, Any] = {"type": "kubernetes:core/v1:Secret", "object": "Secret vault/x", "op": "adopt"}
            step |= {"changes": ONLY_TRUST} | {"replaced": REPLACED, "moved": MOVED}.get(self.breach, {})
            drifts = {"private": "not as said", "public": "other half changes"}
            steps = [] if self.breach == "nothing" else [step]
            return {"plan": "p", "steps": steps, "empty": self.breach != drifts[side]}
        if side == losing.OTHER:
            return {} if self.breach == "unaccepted" else refusal("accept it")
        if not self.contour.passphrase.exists():
            if self.breach == "fresh one":
                self.contour.passphrase.write_text("made up")
            return refusal(LOST)
        if self.contour.passphrase.read_text() == "another one\n":
            return {} if self.breach == "another opens" else refusal(str(OtherPassphrase()))
        if self.breach == "refused and changed":
            self.uid = "2"
        return {} if self.breach == "made anew" else refusal("--take-over")

    def on_apply(self, *_: Any) -> Any:
        if self.taken and OLD.certificate == self.data["ca.crt"]:
            self.data["ca.crt"] = NEW.certificate + OLD.certificate
            self.data |= {"other value": {"tls.key": "other"}, "distrusts": {"ca.crt": NEW.certificate}}.get(
                self.breach, {}
            )
            self.uid = "2" if self.breach == "another object" else self.uid
        return {"steps": {}}

    def on_drift(self, *_: Any) -> Any:
        return refusal(code=3) if self.breach == "drifts" else {}

    def on_rotate(self, *_: Any) -> Any:
        signer = OLD if self.breach == "signs nothing" else NEW
        self.data["tls.crt"] = pki.issue(signer, "vault", now=NOW).certificate
        if self.breach == "forgets":
            self.data["ca.crt"] = NEW.certificate
        return {}


def lose(folder: Path, living: Living) -> Any:
    staged = play(folder, living.script, api=living)
    living.contour = staged.contour(losing.LOSER)
    for name in losing.UNREADABLE:
        (living.contour.folder / name).mkdir(exist_ok=True)
    (staged.contour(losing.OTHER).folder / "peer.json").write_text("{}")
    return losing.passphrase_lost(staged)


def test_a_contour_that_goes_on_passes(tmp_path: Path) -> None:
    assert lose(tmp_path, Living()) == {"undisturbed": 2, "taken": 1, "made": MADE}
    assert (tmp_path / "lost" / "state").is_dir()


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ("fresh one", "without its passphrase was not refused"),
        ("another opens", "another passphrase was taken"),
        ("made anew", "made anew for a cluster that holds them"),
        ("refused and changed", "a refused plan changed the cluster"),
        ("replaced", "is not adopted: create-replacement"),
        ("moved", "would change: spec.template"),
        ("nothing", "nothing is adopted"),
        ("pod gone", "objects came or went: pods vault/tls-vault"),
        ("another object", "is another object than before"),
        ("other value", "holds other values than before"),
        ("distrusts", "no longer trusts what it trusted"),
        ("drifts", "is not what the new state says"),
        ("not as said", "is not what the new state says"),
        ("old key", "its key is lost"),
        ("unaccepted", "without being accepted"),
        ("other half changes", "before it has accepted anything"),
        ("link closed", "did not outlive"),
        ("key in cluster", "where it has no place"),
        ("signs nothing", "signed nothing"),
        ("forgets", "is forgotten before"),
    ],
)
def test_a_contour_that_loses_or_makes_anew_is_seen(breach: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=told):
        lose(tmp_path, Living(breach))

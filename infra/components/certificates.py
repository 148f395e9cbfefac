"""Certificates of a contour: asked from cert-manager, or issued by `larets` and put in once. The Secrets are alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from infra.components.objects import Component, Manifest, Place, metadata
from infra.components.secrets import SecretArgs, SecretSet
from infra.lib.labels import labels
from infra.lib.names import Contour, DataClass
from infra.lib.parts import Certificates, Secrets
from infra.values import Values

LIFE: Final = "2160h"
RENEW_BEFORE: Final = "720h"


@dataclass(frozen=True, slots=True)
class CertificateArgs:
    """A server's certificate for `hosts`, or a client's known by `common_name`. `name` is the Secret's."""

    name: str
    namespace: str
    data_class: DataClass
    hosts: tuple[str, ...] = ()
    common_name: str = ""
    issuer: str = ""


class CertificateSet(Component):
    """The certificates of a contour and, for cert-manager, the issuer that signs them."""

    def __init__(
        self,
        args: tuple[CertificateArgs, ...],
        place: Place,
        *,
        how: Certificates,
        secrets: Secrets,
        environment: str,
        values: Values,
    ) -> None:
        super().__init__("CertificateSet", "certificates", place)
        wanted = args if how.kind == "issued" else ()
        made = tuple(_issued(one) for one in wanted)
        if how.kind == "cert-manager":
            made = (_authority(how.namespace),)
        SecretSet("certificates", made, place, how=secrets, environment=environment, values=values, parent=self)
        if how.kind == "cert-manager":
            issuer = self.add(_issuer(place.contour))
            self._after.append(issuer)
            for one in args:
                own = labels(one.name, contour=place.contour, data_class=one.data_class, component="certificate")
                self.add(certificate(one, own, place.contour))
        self.register_outputs({})


def issuer_name(contour: Contour) -> str:
    return f"larets-{contour}"


def _issued(args: CertificateArgs) -> SecretArgs:
    keys = {"tls.crt": f"{{{args.name}-crt}}", "tls.key": f"{{{args.name}-key}}", "ca.crt": "{authority-crt}"}
    return SecretArgs(args.name, args.namespace, args.data_class, keys, "kubernetes.io/tls")


def _authority(namespace: str) -> SecretArgs:
    """The contour's own authority, where cert-manager looks for the keys of cluster-wide issuers."""
    keys = {"tls.crt": "{authority-crt}", "tls.key": "{authority-key}"}
    return SecretArgs("larets-authority", namespace, "keys", keys, "kubernetes.io/tls")


def _issuer(contour: Contour) -> Manifest:
    name = issuer_name(contour)
    own = labels(name, contour=contour, data_class="keys", component="certificate")
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": metadata(name, None, own),
        "spec": {"ca": {"secretName": "larets-authority"}},
    }


def certificate(args: CertificateArgs, own: Mapping[str, str], contour: Contour) -> Manifest:
    names = {"dnsNames": list(args.hosts)} if args.hosts else {}
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": metadata(args.name, args.namespace, own),
        "spec": {
            "secretName": args.name,
            # Issuers of the public web refuse a common name that is no host.
            **({} if args.issuer else {"commonName": args.common_name or args.name.removeprefix("tls-")}),
            **names,
            "duration": LIFE,
            "renewBefore": RENEW_BEFORE,
            "usages": ["digital signature", "server auth" if args.hosts else "client auth"],
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            "issuerRef": {"kind": "ClusterIssuer", "name": args.issuer or issuer_name(contour)},
        },
    }

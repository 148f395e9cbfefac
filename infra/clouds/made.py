"""What the adapters of clouds share: asking for settings, keeping what was made, a kubeconfig from its parts."""

import base64
import json
from collections.abc import Mapping

import pulumi

from infra.errors import SettingsInvalid
from infra.lib.settings import StackSettings


def asked(settings: StackSettings, *names: str) -> Mapping[str, str]:
    """The cloud's own settings. Raises SettingsInvalid: one is missing."""
    given = settings.cluster.cloud
    missing = [f"cluster.cloud.{name}" for name in names if not given.get(name)]
    if missing:
        raise SettingsInvalid(
            f"{', '.join(missing)}: is missing; the adapter {settings.cluster.adapter} needs {', '.join(names)}",
            hint="docs/clouds.md says where each is found",
        )
    return given


def kept(provider: pulumi.ProviderResource, settings: StackSettings) -> pulumi.ResourceOptions:
    """By its own provider; neither removed nor replaced by the way: all data of the contour are in it."""
    return pulumi.ResourceOptions(provider=provider, protect=settings.protect_data)


def kubeconfig(
    name: str, endpoint: pulumi.Input[str], authority: pulumi.Input[str], *, command: str, arguments: list[str]
) -> pulumi.Output[str]:
    """A kubeconfig whose credentials the cloud's own command line makes when they are needed: no token is stored."""
    return pulumi.Output.secret(
        pulumi.Output.all(endpoint, authority).apply(
            lambda known: json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": name,
                    "clusters": [
                        {
                            "name": name,
                            "cluster": {"server": known[0], "certificate-authority-data": _data(known[1])},
                        }
                    ],
                    "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
                    "users": [
                        {
                            "name": name,
                            "user": {
                                "exec": {
                                    "apiVersion": "client.authentication.k8s.io/v1",
                                    "command": command,
                                    "args": arguments,
                                    "interactiveMode": "Never",
                                }
                            },
                        }
                    ],
                }
            )
        )
    )


def _data(authority: str) -> str:
    """Base64, as a kubeconfig wants it; some clouds give PEM."""
    return base64.b64encode(authority.encode()).decode() if authority.startswith("-----") else authority

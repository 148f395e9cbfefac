"""Errors of the deployment. The docstring of a class is its default message and says what to do.

No message repeats a value: a setting may hold by mistake what should have been a secret.
"""

import inspect
from typing import ClassVar


class DeployProblem(Exception):
    """The deployment cannot go on. Read the hint, change the settings and plan again."""

    code: ClassVar[str] = "deploy_problem"
    exit_code: ClassVar[int] = 1

    def __init__(self, detail: str | None = None, *, hint: str = "") -> None:
        super().__init__(detail if detail is not None else " ".join((inspect.getdoc(type(self)) or self.code).split()))
        self.hint = hint

    @property
    def detail(self) -> str:
        return str(self.args[0])


class SettingsInvalid(DeployProblem):
    """The settings file cannot be used. Correct the lines that are named."""

    code = "settings_invalid"
    exit_code = 2


class SharedState(DeployProblem):
    """Two environments keep their state in one place: each would delete what the other made. Give each its own."""

    code = "shared_state"
    exit_code = 2


class WrongCluster(DeployProblem):
    """The cluster behind this context is not the one the settings name. Nothing was touched."""

    code = "wrong_cluster"


class ContractInvalid(DeployProblem):
    """The other contour's contract cannot be used. Ask its administrator to export it again."""

    code = "contract_invalid"


class ContractChanged(ContractInvalid):
    """The other contour's contract is not the one that was accepted. Read it and run `larets env accept` again."""

    code = "contract_changed"


class CertificateExpired(DeployProblem):
    """A certificate is over or about to be. Renew it before anything is deployed with it."""

    code = "certificate_expired"


class MaterialMissing(DeployProblem):
    """A password, key or certificate that this stack needs has not been made. Run `larets env init`."""

    code = "material_missing"


class VendorMissing(DeployProblem):
    """The cloud vendor's Terraform provider is not here. Follow docs/clouds.md, then plan again."""

    code = "vendor_missing"


class RenderedForAnother(DeployProblem):
    """The folder holds the manifests of another contour or environment. Give each a folder of its own."""

    code = "rendered_for_another"
    exit_code = 2

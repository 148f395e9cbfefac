"""What stops an environment's command. The docstring is the message; no value of a setting or object stands in it."""

from typing import Final

from scripts.local.instance import InstanceProblem

LOST: Final = "docs/guide-admin.md, “A lost passphrase”"  # where the steps stand


class EnvProblem(InstanceProblem):
    """The environment cannot do what was asked."""

    hint = "`larets env check` names what is missing"

    def __init__(self, told: str = "", *, hint: str = "") -> None:
        super().__init__(told or (self.__doc__ or "").strip())
        if hint:
            self.hint = hint


class ClusterAway(EnvProblem):
    """The cluster's API server does not answer."""

    hint = "check the address in the kubeconfig and the way there; then run the same command again"


class ClusterUnknown(ClusterAway):
    """Whoever answers in the cluster's place does not show a certificate of the kubeconfig's authority."""

    hint = "a new cluster at the old address has a kubeconfig and an identifier of its own: take them over"


class ClusterRefused(EnvProblem):
    """The API server refused a request."""

    def __init__(self, told: str, *, status: int, reason: str = "", hint: str = "") -> None:
        super().__init__(told, hint=hint)
        self.status = status
        self.reason = reason


class KindUnknown(EnvProblem):
    """The cluster does not know a kind that the stack needs."""

    hint = "install the operator that brings its CRD (docs/clouds.md lists them), then plan again"


class WrongCluster(EnvProblem):
    """The cluster behind the context is not the one this environment was made for; nothing was touched."""

    def __init__(self, *, at: str) -> None:
        super().__init__(hint=f"compare {at} with `kubectl get namespace kube-system -o jsonpath={{.metadata.uid}}`")


class BackupOfAnotherCluster(EnvProblem):
    """The backup's settings and state are of another cluster than the settings that are here; nothing was touched."""

    hint = "a new cluster takes the database alone: --without-files. Is it the old one? Put its identifier back first"


class PlanChanged(EnvProblem):
    """What would be done now is not what the plan shows; nothing was touched."""

    hint = "run `larets env plan` again and read the new plan"


class Blocked(EnvProblem):
    """The rules or the API server refuse what would be done; nothing was touched."""

    hint = "correct what they name and plan again"


class ForeignStep(EnvProblem):
    """The engine was about to take a step that is not in the plan; it was stopped."""

    hint = "`larets env status` shows how far it came; plan again, read it, apply it"


class EngineFailed(EnvProblem):
    """The deployment engine ended with an error."""

    hint = "what was done stands in the state: correct the cause, then plan and apply again"


class OtherPassphrase(EnvProblem):
    """This contour's secrets are encrypted by another passphrase than the one that is here; nothing was touched."""

    hint = f"put the right one there; if it is lost for good: {LOST}"


class Locked(EnvProblem):
    """Another command holds this stack's lock, or one was killed and left it."""

    hint = "if no other command runs, `larets env unlock` says who left the lock and how it is removed"

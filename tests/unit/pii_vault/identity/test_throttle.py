"""How long a pause is."""

from datetime import timedelta

from pii_vault.identity.policy import IdentityPolicy
from pii_vault.identity.throttle import pause

POLICY = IdentityPolicy()


def test_pause_doubles_up_to_the_longest() -> None:
    pauses = [pause(over, policy=POLICY) for over in range(12)]
    assert pauses[0] == POLICY.first_delay
    assert pauses[1] == 2 * pauses[0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == POLICY.longest_delay


def test_pause_stays_bounded_for_absurd_counts() -> None:
    assert pause(10**9, policy=POLICY) == POLICY.longest_delay <= timedelta(hours=1)

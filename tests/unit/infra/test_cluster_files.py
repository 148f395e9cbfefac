"""Files for the API server itself obey the rules of deployment too."""

from pathlib import Path

import pytest
import yaml

from policies.catalogue import rules
from policies.judge import outcome
from policies.rules.model import Facts, Outcome, Resource

POLICY = Path(__file__).resolve().parents[3] / "infra" / "cluster" / "audit-policy.yaml"
RULE = next(rule for rule in rules() if rule.id == "access_recorded")


def test_the_audit_policy_records_acts_and_no_secrets() -> None:
    assert outcome(RULE, [Resource(yaml.safe_load(POLICY.read_text()))], Facts()) is Outcome.PASS


@pytest.mark.parametrize("number", [1, 3])
def test_a_weaker_one_would_be_seen(number: int) -> None:
    policy = yaml.safe_load(POLICY.read_text())
    policy["rules"][number]["level"] = "RequestResponse" if number == 1 else "None"
    assert outcome(RULE, [Resource(policy)], Facts()) is Outcome.FAIL

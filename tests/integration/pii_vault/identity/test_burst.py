"""Many sign-ins at once: each password check costs by design, and must cost nobody else."""

import asyncio
import threading

from tests.integration.pii_vault.identity.stage import Stage


async def test_burst_of_signins_is_told_to_come_again_and_stops_nobody_else(stage: Stage) -> None:
    member, here = stage.member(), stage.browser()
    await stage.sign_in(here, member)
    policy, go_on = stage.issuer.policy, threading.Event()
    burst = policy.password_checks_at_once + policy.password_checks_waiting
    checks = [asyncio.create_task(stage.issuer.identity.password_work.run(go_on.wait)) for _ in range(burst)]
    await asyncio.sleep(0)
    try:
        for _ in range(policy.account_free_failures + 1):  # what was not checked is no failed try either
            refused = await stage.give_password(stage.browser(), member.login)
            assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert "Nothing was checked" in refused.text
        assert (await here.get("/identity/sessions")).status_code == 200
    finally:
        go_on.set()
        await asyncio.gather(*checks)
    assert (await stage.give_password(stage.browser(), member.login)).status_code == 303

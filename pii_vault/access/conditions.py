"""The closed list of conditions a policy may set, and the facts they are held against. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

ConditionKind = Literal["second_factor", "consent", "blocked", "hour", "contour", "break_glass"]
NEVER_MINUTES = 2**31  # the age of a second factor that was never given
MOSCOW = timezone(timedelta(hours=3))
_MINUTE = timedelta(minutes=1)
_CLOCK_SKEW = _MINUTE
_ON_SUBJECT = frozenset(("consent", "blocked"))


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is known of a request besides its principal.

    `break_glass`: a second person has just opened this purpose and class to this principal, and the time is not up.
    """

    now: datetime
    break_glass: bool = False


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """What is known of one subject: consent to the purpose asked for, and processing blocked at its demand."""

    consent: bool = False
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts of one decision, as Cedar's context holds them."""

    second_factor_minutes: int
    hour: int
    contour: str
    consent: bool
    blocked: bool
    break_glass: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the closed list; `holds=False` is its opposite.

    second_factor  not older than `value` minutes
    consent        the subject consented to the purpose
    blocked        the subject's processing is blocked
    hour           Moscow time is `value` o'clock or later
    contour        the caller stands in the contour `value`
    break_glass    a second person opened this purpose and class to the caller for a short time
    """

    kind: ConditionKind
    value: int | str = ""
    holds: bool = True

    @property
    def on_subject(self) -> bool:
        """Whether only the subject's row can tell."""
        return self.kind in _ON_SUBJECT

    def met(self, facts: Facts) -> bool:
        return self._says(facts) is self.holds

    def opposite(self) -> "Condition":
        return Condition(self.kind, self.value, holds=not self.holds)

    def text(self, locale: str) -> str:
        """For the officer's pages."""
        return _TEXTS[self.kind, self.holds][0 if locale == "ru" else 1].format(self.value)

    def _says(self, facts: Facts) -> bool:
        match self.kind:
            case "second_factor":
                return facts.second_factor_minutes <= int(self.value)
            case "consent":
                return facts.consent
            case "blocked":
                return facts.blocked
            case "hour":
                return facts.hour >= int(self.value)
            case "contour":
                return facts.contour == self.value
            case "break_glass":
                return facts.break_glass


_TEXTS: dict[tuple[ConditionKind, bool], tuple[str, str]] = {
    ("second_factor", True): (
        "второй фактор не старше {} мин",
        "second factor not older than {} min",
    ),
    ("second_factor", False): ("второй фактор старше {} мин", "second factor older than {} min"),
    ("consent", True): ("есть согласие субъекта", "the subject consented"),
    ("consent", False): ("согласия субъекта нет", "the subject did not consent"),
    ("blocked", True): ("обработка заблокирована", "processing is blocked"),
    ("blocked", False): ("обработка не заблокирована", "processing is not blocked"),
    ("hour", True): ("с {}:00 по Москве", "from {}:00 Moscow time"),
    ("hour", False): ("до {}:00 по Москве", "before {}:00 Moscow time"),
    ("contour", True): ("из контура {}", "from the {} contour"),
    ("contour", False): ("не из контура {}", "not from the {} contour"),
    ("break_glass", True): ("чрезвычайный доступ открыт вторым человеком", "break-glass opened by a second person"),
    ("break_glass", False): ("без чрезвычайного доступа", "without break-glass"),
}


def second_factor_minutes(given_at: datetime | None, now: datetime) -> int:
    """Whole minutes since, rounded up, so that "not older than N" is never stretched.

    A time in the future, beyond what clocks may differ, is no second factor at all.
    """
    if given_at is None or given_at > now + _CLOCK_SKEW:
        return NEVER_MINUTES
    return max(0, -((given_at - now) // _MINUTE))


def moscow_hour(now: datetime) -> int:
    return now.astimezone(MOSCOW).hour

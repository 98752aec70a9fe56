"""What a profile says to the gate, made ready: limits by tier, the answer without credit, what not knowing means. Pure.

FA-18: the body of a 402 is fixed to the byte; its URL is the profile's. A profile without one gets the same body
without the sentence's address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.profile import Profile, WhenUnknown


@dataclass(frozen=True, slots=True)
class Policy:
    """One profile's rules. `limits`: requests a minute by tier; a tier that is not named has none."""

    profile: str
    limits: Mapping[str, int] = field(default_factory=dict)
    payment_url: str | None = None
    fails_open: bool = False

    @property
    def no_credit(self) -> str:
        """The words of a 402."""
        where = f" at {self.payment_url}" if self.payment_url else ""
        return f"Insufficient credit. Add funds{where} to continue."


def policy_of(profile: Profile) -> Policy:
    """The policy of `profile`."""
    return Policy(
        profile.name,
        {tier.value: limit for tier, limit in profile.keys.requests_per_minute.items()},
        profile.gate.payment_url,
        profile.gate.unknown is WhenUnknown.FAIL_OPEN,
    )


def policies_of(profiles: Iterable[Profile]) -> dict[str, Policy]:
    """The policies of `profiles` by name."""
    return {profile.name: policy_of(profile) for profile in profiles}

"""`POST /v1/admission` and `POST /v1/estimates`: what would happen, asked before it does.

Each is answered by the pipeline's own rules, tried on the account's latest state and thrown away, so the answer and
what then happens are never two opinions. Amounts are strings. What the rules refuse is an answer (`allowed` false,
with the contract's reason), not an error; an account that nothing is known of is 404.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from sinks.http.access import Reader
from sinks.http.ports import Advice, Ports, Row, Unavailable

router = APIRouter(prefix="/v1", tags=["advice"])

Name = Annotated[str, Field(min_length=1, max_length=512)]
# A decimal string or an integer, as in events; the rules look closer.
Amount = Annotated[str, Field(pattern=r"^-?\d{1,26}(\.\d{1,12})?$")] | Annotated[int, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, lt=2**53)]
Term = Literal["daily", "weekly", "monthly"]
Mode = Literal["payg", "spot", "package"]


class Asked(BaseModel):
    """Base: what is not known is a mistake."""

    model_config = ConfigDict(extra="forbid")

    account: Name

    def facts(self) -> dict[str, Any]:
        """What was said, without the account."""
        return self.model_dump(exclude_none=True, exclude={"account"})


class Spec(BaseModel):
    """A machine, as in `instance.requested`."""

    model_config = ConfigDict(extra="forbid")

    gpu: Name
    gpus: Count
    vcpus: Count
    ram_gb: Amount
    disk_gb: Amount


class Admission(Asked):
    """May this instance start? `resource`: one that the account has; left out for a new one."""

    sku: Name
    mode: Mode
    term: Term | None = None
    resource: Name | None = None
    disk_gb: Amount | None = None
    spec: Spec | None = None


class RequestEstimate(Asked):
    """What does this request cost at most? `max_tokens` is what its output may come to (FA-11)."""

    model: Name
    input_tokens: Count | None = None
    max_tokens: Count | None = None
    images: Count | None = None
    videos: Count | None = None
    seconds: Amount | None = None
    characters: Count | None = None

    def facts(self) -> dict[str, Any]:
        """As `request.served` says it."""
        facts = super().facts()
        if "max_tokens" in facts:
            facts["output_tokens"] = facts.pop("max_tokens")
        return facts


class ModeEstimate(Asked):
    """What comes of another way to pay for this resource (GG-17)?"""

    resource: Name
    mode: Mode
    term: Term | None = None


def _advice_of(request: Request) -> Advice:
    ports: Ports = request.app.state.ports
    if ports.advice is None:
        raise Unavailable("this service answers no admissions and estimates")
    return ports.advice


Adviser = Annotated[Advice, Depends(_advice_of)]


def _known(account: str, found: Row | None) -> Row:
    if found is None:
        raise HTTPException(404, f"no account {account!r}")
    return found


@router.post("/admission")
def admission(asked: Admission, advice: Adviser, caller: Reader) -> Row:
    """Whether the instance may start now, and why not."""
    caller.check_account(asked.account)
    return _known(asked.account, advice.admission(asked.account, asked.facts()))


def _about(asked: Any) -> str:
    """Which of the two an estimate is about, so that a mistake is told for that one."""
    of_resource = isinstance(asked, dict) and ("resource" in asked or "mode" in asked)
    return "mode_change" if of_resource or isinstance(asked, ModeEstimate) else "request"


Estimate = Annotated[
    Annotated[RequestEstimate, Tag("request")] | Annotated[ModeEstimate, Tag("mode_change")],
    Discriminator(_about),
    Body(),
]


@router.post("/estimates")
def estimates(asked: Estimate, advice: Adviser, caller: Reader) -> Row:
    """What a request costs at most, or what a change of mode gives back and when it stops to pay."""
    caller.check_account(asked.account)
    ask = advice.request_cost if isinstance(asked, RequestEstimate) else advice.mode_change
    return _known(asked.account, ask(asked.account, asked.facts()))

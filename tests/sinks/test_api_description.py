"""The API does what its OpenAPI description says, for requests that follow it and for requests that do not.

Schemathesis makes both from the description, with a token and without. Left out is its check that everything of the
right form is accepted: a form cannot say which event types there are for which data, or that a cursor is one of ours.
"""

from typing import Any

import schemathesis
from hypothesis import Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from schemas.access import Scope
from schemas.adapters import Checkout, CheckoutRefused, Shelf
from sinks.http.access import hash_of
from sinks.http.app import create_app
from sinks.http.ports import Ports
from tests.sinks.fakes import TEXT, KeptEvents, KnownTokens, token
from tests.sinks.gating import Gated
from tests.sinks.test_advice import FakeAdvice
from tests.sinks.test_http import FakeReports
from tests.sinks.test_http_notices import CODES, FakeNotices


class ClosedDesk:
    """A fake of a checkout desk that sells nothing."""

    def shelf(self, profile: str) -> Shelf:
        raise CheckoutRefused(f"{profile} sells nothing")

    def open(self, account: str, profile: str, **order: Any) -> Checkout:
        del account, order
        raise CheckoutRefused(f"{profile} sells nothing")


OPERATOR = token(hash=hash_of(TEXT), scopes=[Scope.ADMIN])
PORTS = Ports(
    FakeReports,
    events=KeptEvents(),
    advice=FakeAdvice(),
    gate=Gated().gate,
    checkout=ClosedDesk(),
    notices=FakeNotices,
    mail_codes=CODES,
    tokens=KnownTokens(OPERATOR),
    anonymous=False,
)
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", create_app(PORTS))


@SCHEMA.parametrize()
@settings(
    max_examples=15, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate]
)
def test_every_answer_is_one_that_the_description_names(case: Any) -> None:
    case.call_and_validate(
        headers={"Authorization": f"Bearer {TEXT}"}, excluded_checks=[positive_data_acceptance]
    )

"""flex.ai, requests: per million tokens, unrounded, each request by itself (FA-05 … FA-08, FA-10, FA-11)."""

from decimal import Decimal

import pytest

from tests.scenarios.telling import instant, opened, served, tell

OPENED = opened("flexai")


@pytest.mark.req("FA-06")
def test_1200_tokens_in_and_350_out_cost_forty_five_hundred_thousandths() -> None:
    told = tell(OPENED, served("01:00", input_tokens=1200, output_tokens=350, request="r-1", key="k-1"))

    tokens_in, tokens_out = told.charges()
    assert (tokens_in["meter"], tokens_in["amount"], tokens_in["quantity"]) == (
        "tokens_in",
        "0.00024",
        "0.0012",
    )
    assert (tokens_out["meter"], tokens_out["amount"], tokens_out["quantity"]) == (
        "tokens_out",
        "0.00021",
        "0.00035",
    )
    assert {c["unit"] for c in told.charges()} == {"1M tokens"}
    assert {(c["request"], c["model"], c["key"], c["sku"]) for c in told.charges()} == {
        ("r-1", "llama-3.3-70b", "k-1", "llama-3.3-70b")
    }
    assert told.balance() == "9.99955"


@pytest.mark.req("FA-05")
def test_each_request_is_charged_by_itself_at_its_time() -> None:
    told = tell(OPENED, served("01:00", input_tokens=10), served("02:00", input_tokens=10))

    assert [(c["time"], c["start"], c["end"]) for c in told.charges()] == [
        (instant("01:00"),) * 3,
        (instant("02:00"),) * 3,
    ]
    assert told.charges()[0]["currency"] == "USD"


@pytest.mark.req("FA-05")
def test_one_token_is_charged_unrounded() -> None:
    told = tell(OPENED, served("01:00", input_tokens=1))

    assert told.amounts() == ["0.0000002"]
    assert told.balance() == "9.9999998"


@pytest.mark.req("FA-05")
def test_the_name_of_a_request_is_not_its_identity() -> None:
    told = tell(
        OPENED,
        served("01:00", request="same", id="a", input_tokens=1_000_000),
        served("01:00", request="same", id="b", input_tokens=1_000_000),
    )

    assert told.balance() == "9.60"


@pytest.mark.req("FA-07")
def test_embeddings_pay_for_input_tokens_only() -> None:
    told = tell(OPENED, served("01:00", "bge-m3", input_tokens=50_000, output_tokens=7))

    assert [(c["meter"], c["amount"]) for c in told.charges()] == [("tokens_in", "0.001")]


@pytest.mark.req("FA-08")
@pytest.mark.parametrize(
    ("model", "price_in", "price_out"),
    [("llama-3.3-70b", "0.20", "0.60"), ("qwen-vl-72b", "0.40", "1.20"), ("bge-m3", "0.02", None)],
)
def test_prices_are_those_of_the_catalogue(model: str, price_in: str, price_out: str | None) -> None:
    told = tell(OPENED, served("01:00", model, input_tokens=1_000_000, output_tokens=1_000_000))

    assert [(c["unit_price"], c["amount"]) for c in told.charges()] == [
        (p, p) for p in (price_in, price_out) if p
    ]


@pytest.mark.req("FA-08")
def test_a_model_that_is_not_in_the_catalogue_is_not_served_for_free() -> None:
    told = tell(OPENED, served("01:00", "gpt-unknown", input_tokens=5))

    assert told.reasons() == ["unknown_sku"]


@pytest.mark.req("FA-10")
def test_a_stream_closed_early_is_billed_for_what_was_generated() -> None:
    told = tell(OPENED, served("01:00", output_tokens=812, finish="client_closed"))

    assert told.amounts() == ["0.0004872"]


@pytest.mark.req("FA-11")
def test_a_request_that_uses_all_of_max_tokens_costs_the_previewed_worst_case() -> None:
    told = tell(OPENED, served("01:00", output_tokens=4096, finish="length"))

    assert told.amounts() == ["0.0024576"]


@pytest.mark.req("R-FA5")
def test_vision_is_chat_at_its_own_price() -> None:
    told = tell(OPENED, served("01:00", "qwen-vl-72b", input_tokens=1000, output_tokens=100))

    assert told.amounts() == ["0.0004", "0.00012"]


@pytest.mark.req("R-FA5")
def test_images_of_a_vision_model_are_counted_as_tokens_only() -> None:
    told = tell(OPENED, served("01:00", "qwen-vl-72b", input_tokens=1000, images=3))

    assert [c["meter"] for c in told.charges()] == ["tokens_in"]


@pytest.mark.req("FA-06", "X-06")
def test_five_hundred_odd_requests_lose_nothing() -> None:
    lines = [
        served("01:00", request=str(n), id=str(n), input_tokens=n, output_tokens=7) for n in range(1, 501)
    ]

    told = tell(OPENED, *lines)

    tokens_in, tokens_out = sum(range(1, 501)), 500 * 7
    exact = (Decimal("0.20") * tokens_in + Decimal("0.60") * tokens_out).scaleb(-6)
    assert Decimal(told.balance()) == 10 - exact


@pytest.mark.req("FA-06")
def test_a_request_without_counts_is_accepted_and_charges_nothing() -> None:
    told = tell(OPENED, served("01:00"), served("02:00", input_tokens=0, output_tokens=0))

    assert told.reasons() == []
    assert told.charges() == []

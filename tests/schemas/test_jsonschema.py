"""The published JSON Schemas are those of the models, and accept what the engine accepts."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from schemas import jsonschema
from schemas.events import TYPES
from schemas.wire import encode
from streams.core import story
from tests.scenarios.telling import (
    BOOK,
    beat,
    event,
    given_back,
    granted,
    machine,
    opened,
    paid,
    served,
    settings,
    started,
    stopped,
)

STORY = (
    opened("fluxedge", locale="de", zone="Europe/Berlin"),
    settings(
        "00:00",
        low_balance="990",
        runway_alert=True,
        digest="daily",
        spend_limits={"m-1": "0.5"},
        instance_quota=3,
    ),
    paid("00:00", "1000", payment="p", fee=1, bonus="5"),
    granted("00:00", "4"),
    started("10:00", machine(gpus=1125), launch="quick"),
    beat("10:00:37"),
    stopped("10:03:30"),
    event("clock.tick", "10:04"),
    stopped("10:02:30"),
    started("11:00", machine(gpus=1125)),
    given_back("payment.disputed", "11:05", "p", "1000"),
    event("coupon.redeemed", "14:00", {"code": "x"}),
    b"no json",
)


def _validator(name: str) -> Any:
    schema = json.loads((jsonschema.FOLDER / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def test_the_published_schemas_are_those_of_the_models() -> None:
    published = {path.name: path.read_text(encoding="utf-8") for path in jsonschema.FOLDER.glob("*.json")}

    assert published == dict(jsonschema.documents()), "run: python -m schemas.jsonschema"


def test_every_event_type_has_a_schema() -> None:
    assert {f"event.{kind}.json" for kind in TYPES} <= {name for name, _ in jsonschema.documents()}


@pytest.mark.parametrize("line", STORY[:-1], ids=lambda line: json.loads(line)["type"])
def test_an_accepted_event_is_valid(line: bytes) -> None:
    body = json.loads(line)

    _validator(f"event.{body['type']}.json").validate(body)


@pytest.mark.parametrize(
    "line",
    [
        served("01:00", input_tokens=1.5), served("01:00", input_tokens="1e3"), served("01:00", surplus=1),
        event("request.served", "01:00", {"model": "x"}), event("grant.issued", "01:00", {"grant": "g", "amount": 5.5, "bucket": "bonus"}),
        paid("01:00", "5", method="cash"), event("key.created", "01:00", {"key": ""}),
        event("key.created", "01:00", {"key": "k", "tier": None}), event("key.created", "01:00", {"key": "k"}, specversion="0.3"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_not_valid(line: bytes) -> None:
    body = json.loads(line)

    assert not _validator(f"event.{body['type']}.json").is_valid(body)


def test_every_record_is_valid() -> None:
    told = story.run(STORY, BOOK)
    by_name = [(kind, record) for kind, record in story.records_in_order(told.out)]
    by_name += [("balance", record) for record in told.balances()]
    by_name += [("window_costs", record) for record in [*told.out.hourly, *told.out.daily]]

    for name, record in by_name:
        _validator(f"record.{name}.json").validate(json.loads(encode(record)))
    # A sink writes deliveries, not the fold: tests/sinks/test_outbox.py has one.
    assert {name for name, _ in by_name} == set(jsonschema.RECORDS) - {"delivery"}


def test_writing_them_removes_those_of_types_that_are_no_more(tmp_path: Path) -> None:
    (tmp_path / "event.forgotten.json").write_text("{}", encoding="utf-8")

    jsonschema.write(tmp_path)
    jsonschema.write(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {name for name, _ in jsonschema.documents()}

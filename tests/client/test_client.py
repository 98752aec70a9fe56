"""The client of producers against the real application: nothing is lost, whoever goes away and comes back."""

import json
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from meterstream import client as module
from meterstream.client import BufferFull, Client, Unsent
from tests.client.serving import Serving, SomeEvents
from tests.servers import free_port
from tests.waiting import wait_until


def send(client: Client, number: int, **data: object) -> str:
    body = {"request": f"r{number}", "model": "bge-m3", "input_tokens": number} | data
    return client.send("request.served", "acme", body, event_id=f"e{number}", timeout_s=5)


def ids(kept: list[bytes]) -> list[str]:
    return [json.loads(raw)["id"] for raw in kept]


def names(count: int, start: int = 0) -> list[str]:
    return [f"e{number}" for number in range(start, start + count)]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACK_OFF_S", 0.01)
    monkeypatch.setattr(module, "BACK_OFF_S_MAX", 0.05)
    monkeypatch.setattr(module, "LAST_TRIES_S", 0.05)


def away() -> str:
    """The address of a service that is not there."""
    return f"http://127.0.0.1:{free_port()}"


def test_events_arrive_in_their_order_in_batches_and_close_waits_for_them() -> None:
    sink = SomeEvents()
    with Serving(sink) as service:
        with Client(service.url, source="gateway") as client:
            for number in range(1_000):
                send(client, number)

        assert ids(sink.kept) == names(1_000)
    assert 10 <= sink.requests <= 50


def test_an_event_is_as_it_was_given_with_an_id_of_its_own_and_money_as_text() -> None:
    sink = SomeEvents()
    with Serving(sink) as service, Client(service.url, source="pay") as client:
        body = {"grant": "g1", "amount": Decimal("0.10"), "bucket": "bonus"}
        given = [client.send("grant.issued", "café", body) for _ in range(2)]

        assert client.flush(5)
        kept = [json.loads(raw) for raw in sink.kept]

    assert [event["id"] for event in kept] == given
    assert len(set(given)) == 2
    assert {event["subject"] for event in kept} == {"café"}
    assert kept[0]["data"] == {"grant": "g1", "amount": "0.10", "bucket": "bonus"}
    assert kept[0]["time"].endswith("+00:00")


def test_a_batch_that_is_refused_for_now_is_sent_again_with_the_same_ids() -> None:
    sink = SomeEvents(refuses=3)
    with Serving(sink) as service, Client(service.url, source="gateway") as client:
        for number in range(10):
            send(client, number)

        assert client.flush(10)
    assert ids(sink.kept) == names(10)
    assert sink.requests == 4


def test_a_bad_event_is_told_and_holds_up_no_other() -> None:
    sink = SomeEvents()
    told: list[tuple[str, str]] = []
    with Serving(sink) as service:
        client = Client(
            service.url,
            source="gateway",
            on_rejected=lambda raw, why: told.append((json.loads(raw)["id"], why)),
        )
        for number in range(10):
            send(client, number, **({"input_tokens": 1.5} if number in {3, 7} else {}))
        client.close()

    assert ids(sink.kept) == ["e0", "e1", "e2", "e4", "e5", "e6", "e8", "e9"]
    assert [event_id for event_id, _ in told] == ["e3", "e7"]
    assert "data.input_tokens" in told[0][1]


def test_an_event_that_spoils_the_whole_array_is_found_and_told() -> None:
    sink = SomeEvents()
    told: list[str] = []
    deep: object = 0
    for _ in range(900):
        deep = [deep]
    with Serving(sink) as service:
        client = Client(
            service.url, source="g", on_rejected=lambda raw, _: told.append(json.loads(raw)["id"])
        )
        for number in range(8):
            send(client, number, **({"finish": deep} if number == 5 else {}))
        client.close()

    assert ids(sink.kept) == [name for name in names(8) if name != "e5"]
    assert told == ["e5"]


@pytest.mark.parametrize("value", [float("nan"), "\ud800"])
def test_what_json_cannot_say_is_the_callers_error_and_not_queued(value: object) -> None:
    client = Client(away(), source="gateway")

    with pytest.raises(ValueError):  # noqa: PT011 - whatever json says
        send(client, 1, finish=value)

    assert client.waiting == 0
    client.close()


def test_while_the_service_is_away_events_go_to_disk_and_afterwards_all_arrive_in_order(
    tmp_path: Path,
) -> None:
    sink, spill = SomeEvents(), tmp_path / "events.spill"
    with Serving(sink) as service:
        client = Client(service.url, source="gateway", spill=spill, memory_events=50)
        for number in range(100):
            send(client, number)
        assert client.flush(10)
    for number in range(100, 500):
        send(client, number)
    on_disk = spill.stat().st_size
    with Serving(sink, service.port):
        client.close()

    assert on_disk > 0
    assert list(dict.fromkeys(ids(sink.kept))) == names(500)
    assert spill.stat().st_size == 0


def test_what_could_not_be_sent_stays_on_disk_for_the_next_client(tmp_path: Path) -> None:
    sink, spill = SomeEvents(), tmp_path / "events.spill"
    first = Client(away(), source="gateway", spill=spill)
    for number in range(10):
        send(first, number)
    first.close(timeout_s=0)
    with Serving(sink) as service, Client(service.url, source="gateway", spill=spill) as second:
        send(second, 10)

    assert ids(sink.kept) == names(11)


def test_a_line_that_a_dying_process_left_unfinished_is_not_sent(tmp_path: Path) -> None:
    sink, spill = SomeEvents(), tmp_path / "events.spill"
    first = Client(away(), source="gateway", spill=spill)
    send(first, 0)
    first.close(timeout_s=0)
    with spill.open("ab") as file:
        file.write(b'{"specversion": "1.0", "id": "e1", "sou')
    with Serving(sink) as service, Client(service.url, source="gateway", spill=spill) as second:
        send(second, 2)

    assert ids(sink.kept) == ["e0", "e2"]


def test_without_a_disk_close_gives_back_what_it_could_not_send() -> None:
    client = Client(away(), source="gateway")
    for number in range(3):
        send(client, number)

    with pytest.raises(Unsent, match="3 events were not sent") as unsent:
        client.close(timeout_s=0)

    assert ids(unsent.value.events) == names(3)


def test_without_room_send_waits_and_then_says_so() -> None:
    client = Client(away(), source="gateway", memory_events=2)
    send(client, 0)
    send(client, 1)

    with pytest.raises(BufferFull):
        client.send("request.served", "acme", {}, timeout_s=0.01)

    assert client.waiting == 2
    with pytest.raises(Unsent):
        client.close(timeout_s=0)


def test_send_that_waits_goes_on_when_there_is_room_again() -> None:
    sink = SomeEvents()
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", source="gateway", memory_events=2)
    senders = [threading.Thread(target=send, args=(client, number)) for number in range(5)]
    for sender in senders:
        sender.start()
    wait_until(lambda: client.waiting == 2, "the buffer is full")
    with Serving(sink, port):
        for sender in senders:
            sender.join()
        client.close()

    assert sorted(ids(sink.kept)) == names(5)


def test_a_closed_client_takes_nothing() -> None:
    client = Client(away(), source="gateway")
    client.close()

    with pytest.raises(RuntimeError, match="closed"):
        send(client, 1)

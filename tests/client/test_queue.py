"""The queue of the client against a plain list: the same events in the same order, wherever they wait."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from meterstream.queue import Queue

STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "first", "forget", "reopen"]), st.integers(1, 5)), max_size=60
)


@given(STEPS)
def test_what_comes_out_is_what_went_in_in_its_order(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "spill"
        queue, model, number = Queue(3, path, 1 << 20), list[bytes](), 0
        for step, count in steps:
            if step == "put":
                for _ in range(count):
                    number += 1
                    assert queue.put(b"%d" % number)
                    model.append(b"%d" % number)
            elif step == "first":
                assert queue.first(count, 1_000) == model[:count]
            elif step == "forget":
                given_out = queue.first(count, 1_000)
                queue.forget(len(given_out))
                del model[: len(given_out)]
            else:
                # What was sent may come again after that, in its place; nothing is missing.
                assert queue.close() == []
                queue = Queue(3, path, 1 << 20)
                found = queue.first(1_000, 1 << 20)
                assert found[len(found) - len(model) :] == model
                model = found
            assert len(queue) == len(model)
        queue.close()


def test_a_batch_is_as_large_as_fits_and_one_event_at_least(tmp_path: Path) -> None:
    queue = Queue(10, None, 0)
    for event in (b"x" * 30, b"y" * 5, b"z" * 5):
        queue.put(event)

    assert queue.first(10, 20) == [b"x" * 30]
    assert queue.first(10, 37) == [b"x" * 30, b"y" * 5]
    assert queue.first(2, 1_000) == [b"x" * 30, b"y" * 5]


def test_a_full_disk_file_leaves_no_room(tmp_path: Path) -> None:
    queue = Queue(1, tmp_path / "spill", 5)

    taken = [queue.put(b"12345") for _ in range(3)]

    assert taken == [True, True, False]
    assert queue.close() == []

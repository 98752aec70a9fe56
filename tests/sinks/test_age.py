"""How old a view is: silence alone is no news, and no age."""

from collections.abc import Mapping

from sinks.http.age import Age


class Broker:
    """A fake of who knows the ends; None while it is away."""

    def __init__(self) -> None:
        self.ends: Mapping[int, int] | None = {0: 5, 1: 0}
        self.asked = 0

    def __call__(self) -> Mapping[int, int] | None:
        self.asked += 1
        return self.ends


def aged() -> tuple[Age, Broker, list[float]]:
    now_s, broker = [100.0], Broker()
    return Age(broker, lambda: now_s[0]), broker, now_s


def test_a_view_has_no_age_until_all_that_there_was_is_read() -> None:
    age, _, now_s = aged()
    age.look()
    age.reached(0, 4)
    age.look()
    before = age.age_s()

    now_s[0] += 3
    age.reached(0, 5)
    age.look()

    assert (before, age.age_s()) == (float("inf"), 3.0)


def test_an_empty_topic_is_read_at_once() -> None:
    age, broker, _ = aged()
    broker.ends = {0: 0, 1: 0}
    age.look()
    age.look()

    assert age.age_s() == 0


def test_without_the_broker_a_view_grows_old() -> None:
    age, broker, now_s = aged()
    age.reached(0, 5)
    age.look()
    age.look()
    broker.ends = None
    for _ in range(10):
        now_s[0] += 1
        age.look()

    assert age.age_s() == 10


def test_the_ends_are_asked_for_once_a_second_and_not_again_before_they_are_reached() -> None:
    age, broker, now_s = aged()
    for _ in range(20):
        now_s[0] += 0.1
        age.look()
    waiting = broker.asked
    age.reached(0, 5)
    for _ in range(20):
        now_s[0] += 0.1
        age.look()

    assert (waiting, broker.asked) == (1, 3)

"""Counting requests: one contract for this process's counter and for Redis, and what happens without Redis."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sinks.http.gate.windows import MemoryWindows, SharedWindows, Windows
from tests.servers import free_port, redis_server

KEY, OTHER = b"k" * 16, b"o" * 16
Story = Callable[[Windows], Awaitable[list[int]]]


@asynccontextmanager
async def shared(url: str, prefix: str | None = None, **more: Any) -> AsyncIterator[SharedWindows]:
    """A counter in Redis, closed afterwards."""
    windows = SharedWindows(url, prefix or uuid.uuid4().hex, **more)
    yield windows
    await windows.close()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", "redis"])
def counted(request: pytest.FixtureRequest) -> Callable[[Story], list[int]]:
    """Runs a story with a counter of each kind."""

    def run(story: Story) -> list[int]:
        async def told() -> list[int]:
            if request.param == "memory":
                return await story(MemoryWindows())
            async with shared(request.getfixturevalue("redis_url")) as windows:
                counts = await story(windows)
                assert windows.failures == 0
                return counts

        return asyncio.run(told())

    return run


def test_keys_tiers_and_minutes_are_counted_apart(counted: Callable[[Story], list[int]]) -> None:
    async def story(windows: Windows) -> list[int]:
        return [
            await windows.hit(KEY, "free", 1),
            await windows.hit(KEY, "free", 1),
            await windows.hit(OTHER, "free", 1),
            await windows.hit(KEY, "paid", 1),
            await windows.peek(KEY, "free", 1),
            await windows.hit(KEY, "free", 2),
            await windows.peek(OTHER, "free", 2),
        ]

    assert counted(story) == [1, 2, 1, 1, 2, 1, 0]


def test_several_gates_share_what_redis_counts(redis_url: str) -> None:
    async def story() -> list[int]:
        prefix = uuid.uuid4().hex
        async with shared(redis_url, prefix) as one, shared(redis_url, prefix) as two:
            return [await (one, two)[number % 2].hit(KEY, "free", 7) for number in range(6)]

    assert asyncio.run(story()) == [1, 2, 3, 4, 5, 6]


def test_namespaces_share_nothing(redis_url: str) -> None:
    async def story() -> list[int]:
        async with shared(redis_url) as one, shared(redis_url) as two:
            return [await one.hit(KEY, "free", 7), await two.hit(KEY, "free", 7)]

    assert asyncio.run(story()) == [1, 1]


def test_without_redis_a_gate_counts_by_itself_and_asks_again_after_a_second() -> None:
    now_s = [100.0]

    async def story() -> list[int]:
        async with shared(f"redis://127.0.0.1:{free_port()}", now_s=lambda: now_s[0]) as windows:
            counts = [await windows.hit(KEY, "free", 1), await windows.hit(KEY, "free", 1)]
            counts += [await windows.peek(KEY, "free", 1), windows.failures]
            now_s[0] += 1.0
            return [*counts, await windows.hit(KEY, "free", 1), windows.failures]

    assert asyncio.run(story()) == [1, 2, 2, 1, 3, 2]


def test_a_minute_that_is_over_takes_no_memory() -> None:
    windows = MemoryWindows()

    async def story() -> None:
        for number in range(1_000):
            await windows.hit(number.to_bytes(16, "big"), "free", 1)
        await windows.hit(KEY, "free", 2)

    asyncio.run(story())

    assert len(windows._counts) == 1


def test_a_redis_of_the_wrong_kind_is_named(tmp_path: Path) -> None:
    from pydantic import ValidationError

    from tests.servers import own_settings

    with pytest.raises(ValidationError, match="must be redis"):
        own_settings(tmp_path, redis_url="http://127.0.0.1:1")

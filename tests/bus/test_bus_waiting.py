"""Waiting for an event: set in time, too late, and cancelled at the very moment."""

import asyncio

import pytest

from bus.waiting import set_within

LONG_S = 3600.0


def test_an_event_in_time_is_told_and_a_late_one_is_not():
    async def scenario():
        event = asyncio.Event()
        assert not await set_within(event, 0.01)
        asyncio.get_running_loop().call_soon(event.set)
        assert await set_within(event, LONG_S)
        assert await set_within(event, 0.0)
        assert await set_within(event, None)

    asyncio.run(scenario())


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_cancellation_that_comes_with_the_event_is_not_forgotten(turns):
    async def scenario():
        event = asyncio.Event()

        async def again_and_again():
            while True:
                await set_within(event, LONG_S)
                event.clear()

        task = asyncio.create_task(again_and_again())
        await asyncio.sleep(0.01)
        event.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5.0)
        assert done
        assert task.cancelled()

    asyncio.run(scenario())

"""Plain Faust 0.15.3 as its guide teaches it: one event a record, a table for the state, sends to the outputs.

`python -m bench.peers.faust_plain BROKER NAMESPACE PARTITIONS`. At least once, nothing awaited: it counts twice after a
crash. The fold is ours.
"""

from __future__ import annotations

import asyncio
import os
import sys

import faust

from bench.peers.common import Template, new_fold, serve
from schemas.wire import encode
from streams.codec import pack_account, unpack_account


def make_app(broker: str, namespace: str, partitions: int) -> faust.App:
    """The app and its agent."""
    app = faust.App(
        f"{namespace}-faust", broker=f"kafka://{broker}", store="memory://", topic_partitions=partitions, web_enabled=False,
        datadir=f"/tmp/{namespace}-faust", topic_disable_leader=True, table_standby_replicas=0,
    )  # fmt: skip
    raw = {
        "key_type": bytes,
        "value_type": bytes,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "partitions": partitions,
    }
    source = app.topic(f"{namespace}.usage.events", **raw)
    charges = app.topic(f"{namespace}.faust.charges", **raw)
    entries = app.topic(f"{namespace}.faust.entries", **raw)
    accounts = app.Table("accounts", key_type=bytes, value_type=bytes, partitions=partitions)
    balances = app.Table("balances", key_type=bytes, value_type=bytes, partitions=partitions)
    fold = new_fold()
    template = Template(fold)

    @app.agent(source)
    async def bill(stream: faust.Stream[bytes]) -> None:
        async for event in stream.events():
            key = event.key
            known = accounts.get(key)
            account = template.account(key.decode()) if known is None else unpack_account(known)
            out = serve(fold, account, event.value)
            await charges.send(key=key, value=encode(out.charges))
            await entries.send(key=key, value=encode(out.entries))
            accounts[key] = pack_account(account)
            balances[key] = encode(fold.balance_record(account, fold.book))

    return app


if __name__ == "__main__":
    made = make_app(sys.argv[1], sys.argv[2], int(sys.argv[3]))

    async def _main() -> None:
        await made.start()
        await asyncio.Event().wait()

    try:
        asyncio.run(_main())
    finally:
        os._exit(0)

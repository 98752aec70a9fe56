"""quixstreams as its guide teaches it: one event a record, its RocksDB state, two output topics.

`python -m bench.peers.quix BROKER NAMESPACE STATE_DIR`, in its own environment: it pulls confluent-kafka down. The fold is
ours; the state is its bytes.
"""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application

from bench.peers.common import Template, new_fold, serve
from schemas.wire import encode
from streams.codec import pack_account, unpack_account


def main(broker: str, namespace: str, state_dir: str) -> None:
    """Run until it is ended."""
    app = Application(
        broker_address=broker, consumer_group=f"{namespace}-quix", auto_offset_reset="earliest", state_dir=state_dir,
        commit_interval=1.0, loglevel="WARNING",
    )  # fmt: skip
    source = app.topic(f"{namespace}.usage.events", value_deserializer="bytes", key_deserializer="str")
    charges = app.topic(f"{namespace}.quix.charges", value_serializer="bytes")
    entries = app.topic(f"{namespace}.quix.entries", value_serializer="bytes")
    balances = app.topic(f"{namespace}.quix.balances", value_serializer="bytes")
    fold = new_fold()
    template = Template(fold)

    def bill(
        value: bytes, key: str, _timestamp: int, _headers: Any, state: Any
    ) -> tuple[bytes, bytes, bytes]:
        known = state.get_bytes("account")
        account = template.account(key) if known is None else unpack_account(known)
        out = serve(fold, account, value)
        state.set_bytes("account", pack_account(account))
        return encode(out.charges), encode(out.entries), encode(fold.balance_record(account, fold.book))

    billed = app.dataframe(source).apply(bill, stateful=True, metadata=True)
    billed.apply(lambda records: records[0]).to_topic(charges)
    billed.apply(lambda records: records[1]).to_topic(entries)
    billed.apply(lambda records: records[2]).to_topic(balances)
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:4])

"""What one request costs in the pure engine alone: reading, folding, writing. `python -m bench.fold`."""

from __future__ import annotations

import gc
import json
import time

from bench import load
from infra.books import load_book
from schemas.journaled import read_journaled
from schemas.wire import encode
from streams.core import fold
from streams.core.state import Account, Outbox

REQUESTS = 30_000
ACCOUNTS = 1_000
RECORD = 500


def run(rounds: int = 5) -> dict[str, float]:
    """The best of `rounds`, microseconds of processor time a request, so that a busy machine shows less."""
    book = load_book()
    requests = [raw for _, raw in load.requests(REQUESTS, ACCOUNTS)]
    best = {"read_us": 1e9, "fold_us": 1e9, "write_us": 1e9}
    gc.disable()
    for _ in range(rounds):
        accounts: dict[str, Account] = {}
        for _, raw in load.openings(ACCOUNTS):
            event = read_journaled(raw)
            account = accounts.setdefault(event.account, fold.new_account(event.account))
            fold.apply(account, event, 0, book, Outbox())
        spent = _fold_once(accounts, requests, book)
        best = {name: min(best[name], spent[name] / REQUESTS * 1e6) for name in best}
    return {name: round(value, 1) for name, value in best.items()}


def _fold_once(accounts: dict[str, Account], requests: list[bytes], book: fold.Book) -> dict[str, float]:
    spent = {"read_us": 0.0, "fold_us": 0.0, "write_us": 0.0}
    for start in range(0, len(requests), RECORD):
        out = Outbox()
        began = time.process_time()
        events = [read_journaled(raw) for raw in requests[start : start + RECORD]]
        read = time.process_time()
        for event in events:
            fold.apply(accounts[event.account], event, 0, book, out)
        folded = time.process_time()
        encode(out.charges)
        encode(out.entries)
        written = time.process_time()
        spent["read_us"] += read - began
        spent["fold_us"] += folded - read
        spent["write_us"] += written - folded
    return spent


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))

"""More words for stories: instances, packages, disks, models and transfers, as functions that make one event each."""

from __future__ import annotations

from tests.scenarios.telling import ACCOUNT, Record, event


def request(
    time: str, sku: str, resource: str = "i-1", *, mode: str = "payg", id: str = "", **data: object
) -> bytes:  # noqa: A002  # the envelope's own word
    """May this instance start?"""
    return event("instance.requested", time, {"resource": resource, "sku": sku, "mode": mode} | data, id=id)


def start(
    time: str, sku: str, resource: str = "i-1", *, mode: str = "payg", id: str = "", **data: object
) -> bytes:  # noqa: A002
    """An instance, deployment or model runs."""
    return event("instance.started", time, {"resource": resource, "sku": sku, "mode": mode} | data, id=id)


def stop(time: str, resource: str = "i-1", *, reason: str = "user", id: str = "") -> bytes:  # noqa: A002
    """It no longer runs."""
    return event("instance.stopped", time, {"resource": resource, "reason": reason}, id=id)


def release(time: str, resource: str = "i-1", *, id: str = "") -> bytes:  # noqa: A002
    """It and its disk are given back."""
    return event("instance.released", time, {"resource": resource}, id=id)


def alive(time: str, resource: str = "i-1", *, id: str = "") -> bytes:  # noqa: A002
    """It says that it runs."""
    return event("instance.heartbeat", time, {"resource": resource}, id=id)


def change(time: str, mode: str, resource: str = "i-1", **data: object) -> bytes:
    """It is paid in another way from now on."""
    return event("instance.mode_changed", time, {"resource": resource, "mode": mode} | data)


def renew(time: str, resource: str = "i-1", **data: object) -> bytes:
    """One more period, please."""
    return event("term.renewed", time, {"resource": resource} | data)


def auto_renew(time: str, enabled: bool, resource: str = "i-1") -> bytes:  # noqa: FBT001  # the event's own field
    """Auto-renewal is switched."""
    return event("term.auto_renew_set", time, {"resource": resource, "enabled": enabled})


def sample(time: str, gb: str, resource: str = "d-1", sku: str = "cloud-disk", *, id: str = "") -> bytes:  # noqa: A002
    """So much is stored."""
    return event("capacity.sampled", time, {"resource": resource, "sku": sku, "gb": gb}, id=id)


def deletion(time: str, resource: str = "d-1") -> bytes:
    """What was stored is gone."""
    return event("capacity.deleted", time, {"resource": resource})


def state(time: str, what: str, resource: str = "i-1") -> bytes:
    """A model starts, runs, idles or goes cold."""
    return event("model.state_changed", time, {"resource": resource, "state": what})


def replicas(time: str, count: int, resource: str = "i-1", *, id: str = "") -> bytes:  # noqa: A002
    """A deployment now runs so many replicas."""
    return event("deployment.replicas_changed", time, {"resource": resource, "replicas": count}, id=id)


def limits(time: str, least: int, most: int, target: int, resource: str = "i-1") -> bytes:
    """The bounds of scaling."""
    data = {"resource": resource, "min_replicas": least, "max_replicas": most, "target_requests": target}
    return event("deployment.limits_set", time, data)


def topup(
    time: str,
    amount: str,
    *,
    payment: str = "",
    method: str = "alipay",
    account: str = ACCOUNT,
    **data: object,
) -> bytes:
    """Yuan, by a wallet that GPUGEEK and Neolink both take."""
    body = {"payment": payment or f"pay {time}", "method": method, "amount": amount, "currency": "CNY"} | data
    return event("payment.succeeded", time, body, account=account)


def transfer(
    state: str, time: str, amount: str = "1000", *, payment: str = "t-1", id: str = "", **data: object
) -> bytes:  # noqa: A002
    """A bank transfer: `uploaded`, `approved` or `rejected`."""
    body = {"payment": payment, "voucher": "v-1", "amount": amount, "currency": "CNY"} | data
    return event(f"transfer.{state}", time, body, id=id)


def coupon(time: str, code: str, *, id: str = "") -> bytes:  # noqa: A002
    """A promo code is redeemed."""
    return event("coupon.redeemed", time, {"code": code}, id=id)


def refund(time: str, *, refund: str = "", **data: object) -> bytes:
    """Support asks for unused credit back."""
    return event("refund.requested", time, {"refund": refund or f"refund {time}"} | data, id=f"refund {time}")


def shown(notices: list[Record]) -> list[tuple[str, str]]:
    """(time, resource) of notices."""
    return [(n["time"], n.get("resource", "")) for n in notices]

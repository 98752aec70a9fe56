"""A second, naive reading of the contract for models at GPUGEEK: online hours, ten minutes to the cold, replicas, scaling.

As `naive_account.py`: from the contract's sentences alone, for what comes in time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from tests.properties.naive_account import MINUTE, Silent
from tests.properties.naive_gpugeek import Gpugeek
from tests.properties.naive_rental import Resource, Session

PER_HOUR = Decimal(6)
COLD = 10 * MINUTE
WINDOW = 10 * MINUTE
METERS = {"my-private": "duration", "my-deployment": "replica_duration"}


@dataclass
class Model:
    """What a hosted model does beside its sessions."""

    sku: str
    state: str = "starting"
    idle_since: int = 0
    # Gone cold, by itself or by our command: a state warms it up again.
    cold: bool = False
    requests: list[int] = field(default_factory=list)
    limits: tuple[int, int, int] | None = None
    decide_at: int | None = None
    replicas: int = 1

    @property
    def cold_at(self) -> int | None:
        if self.sku != "my-private" or self.state != "idle" or self.cold:
            return None
        return max([self.idle_since, *self.requests[-1:]]) + COLD


class Hosting(Gpugeek):
    """One account's walk."""

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self.models: dict[str, Model] = {}

    def timers(self) -> list[int]:
        times = super().timers()
        for model in self.models.values():
            times += [at for at in (model.cold_at, model.decide_at) if at is not None]
        return times

    def expiries(self) -> None:
        super().expiries()
        for name in sorted(self.models):
            model = self.models[name]
            if model.cold_at == self.now and self.resources[name].running is not None:
                model.cold = True
                self.command("model.cold", name, "idle")
                self.turn(partial(self.end, name, "user", ours=True))

    def after_enforcement(self) -> None:
        super().after_enforcement()
        for name in sorted(self.models):
            if self.models[name].decide_at == self.now:
                self._decide(name, self.models[name])

    def _decide(self, name: str, model: Model) -> None:
        assert model.limits is not None
        least, most, target = model.limits
        asked = len([at for at in model.requests if self.now - WINDOW <= at < self.now])
        wanted = max(least, min(most, -(-asked // target)))
        if wanted != model.replicas and self.resources[name].running is not None:
            self.command("deployment.scale", name, "scaling", replicas=wanted)
            model.replicas = wanted
        model.decide_at = self.now + WINDOW

    def has_data(self, name: str) -> bool:
        return name not in self.models and super().has_data(name)

    # --- events

    def start(self, name: str, sku: str, mode: str = "payg", disk_gb: Decimal | None = None, replicas: int = 1) -> str | None:  # fmt: skip
        if sku not in METERS:
            return super().start(name, sku, mode, disk_gb)
        each = self.resources.setdefault(name, Resource())
        if each.gone or each.running:
            return "resource_state"
        if self.same_again("instance.stop", name, "unpaid"):
            raise Silent
        known = self.models.setdefault(name, Model(sku))
        known.state, known.cold, known.replicas = "starting", False, replicas
        each.running = self._session(sku, replicas)
        each.unconfirmed = False
        return None

    def _session(self, sku: str, replicas: int) -> Session:
        changes = [(self.now, replicas)] if sku == "my-deployment" else []
        return Session(
            sku, "payg", PER_HOUR, self.now, free=False, meter=METERS[sku], replicas=changes, settled=self.now
        )

    def state(self, name: str, state: str) -> str | None:
        model, each = self._model(name)
        if each.gone:
            return "resource_state"
        if model.sku == "my-deployment":
            return None
        if each.running is None and not model.cold:
            raise Silent
        model.state = state
        if state == "idle":
            model.idle_since = self.now
        if state == "cold":
            if each.running is not None:
                model.cold = True
                self.end(name, "user", ours=True)
        elif each.running is None:
            model.cold, each.unconfirmed = False, False
            each.running = self._session(model.sku, 1)
        return None

    def _model(self, name: str) -> tuple[Model, Resource]:
        if name not in self.models:
            raise Silent
        return self.models[name], self.resources[name]

    def replicas(self, name: str, replicas: int) -> str | None:
        model, each = self._model(name)
        if each.gone:
            return "resource_state"
        if each.running is None:
            raise Silent
        each.running.replicas.append((self.now, replicas))
        model.replicas = replicas
        return None

    def limits_set(self, name: str, min_replicas: int, max_replicas: int, target_requests: int) -> str | None:
        model, each = self._model(name)
        if each.gone:
            return "resource_state"
        if model.requests[-1:] == [self.now]:
            raise Silent
        model.limits = (min_replicas, max_replicas, target_requests)
        model.decide_at = self.now + WINDOW
        return None

    def stop(self, name: str, reason: str) -> str | None:
        refusal = super().stop(name, reason)
        if refusal is None:
            self.models[name].cold = False
        return refusal

    def release(self, name: str) -> str | None:
        refusal = super().release(name)
        self.models[name].decide_at = None
        self.models[name].cold = False
        return refusal

    def serve(self, model: str, tokens: dict[str, int], resource: str | None) -> str | None:
        if model in METERS:
            if resource in self.models:
                self.models[resource].requests.append(self.now)
            return None
        return super().serve(model, tokens, resource)

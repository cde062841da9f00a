"""A kind of optimizer over the zoo's weights."""

from __future__ import annotations

from tests.optim.problem import build
from tests.optim.zoo import SETTINGS, Zoo, groups
from whet.base.catalogue import optimizer

HAS_FORMATS = [k for k in SETTINGS if "state" in optimizer.get(k).settings.model_fields]


def made(kind: str, module=None, **facts):
    module = module or Zoo()
    settings = {**SETTINGS[kind], **facts.pop("settings", {})}
    return module, build(kind, groups(module, **facts), **settings)

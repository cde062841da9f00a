"""A dry run: everything that is checked before a run starts, and who of its ranks would hold what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from whet.base import config
from whet.parallel.device import device_of
from whet.parallel.plan import ParallelPlan
from whet.parallel.sizes import asked_ranks, mesh_sizes, num_processes
from whet.parallel.world import World
from whet.train.run.identity import new_identity
from whet.train.setup.models import features_for, head_for, model_on_meta
from whet.train.setup.opening import Opened, prepare
from whet.train.setup.paths import located
from whet.train.setup.precision import with_precision
from whet.train.setup.preflight import check_model, enter
from whet.train.source_kind import source_of


def dry_run(loaded: config.Loaded) -> Iterator[str]:
    """Lines about the ranks that there are, or that the config asks for: the data is read, the model built without
    values, and no folder made. Raises WhetError for all that would refuse the run before its weights are read."""
    run, kind = located(loaded.run), source_of(loaded.run)
    ranks = max(num_processes(), asked_ranks(run.parallel))
    chosen, method = enter(run, kind, is_new=False, ranks=ranks)
    opened = Opened(replace(loaded, run=run), kind, chosen, method, None, None, {}, new_identity(), ())
    material, alone = prepare(opened), World(device_of(run.train.device))
    run, feed = with_precision(material.run, alone, {}), material.feed
    loss = kind.loss(run, chosen)
    head, features = head_for(loss, feed), features_for(run, method, loss)
    check = partial(check_model, run, chosen, feed.data)
    model = model_on_meta(run, alone.device, method, head, features, check=check)
    sizes = mesh_sizes(run.parallel, ranks)
    yield from ParallelPlan.of(model, run.parallel, sizes).lines(model.module)

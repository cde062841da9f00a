"""The API of scripts: init, log, config, summary, finish and the rest, under the names other trackers use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import RunError
from whet.base.paths import file_name, user_path
from whet.track.logs import frames, liveness
from whet.track.logs.claim import claimed
from whet.track.logs.event_log import EventLog
from whet.track.push.start import push_beside
from whet.track.recorded.beside import Recorded
from whet.track.script.artifacts import Artifact
from whet.track.script.mappings import Told, as_mapping
from whet.track.script.script_run import Run

if TYPE_CHECKING:
    from whet.track.follow.order import Order

LOGS = "track"
# Where runs lie, unless `dir` says it; and `disabled`, which records nothing.
ROOT_VARIABLE, MODE_VARIABLE = "WHET_RUNS", "WHET_TRACK_MODE"
# Followers, unless `tee` and `alerts` say them.
TEE_VARIABLE, ALERTS_VARIABLE = "WHET_TEE", "WHET_ALERTS"
_RESUME = (None, False, True, "allow", "must", "never", "auto")


class _Current:
    """The run that the module's functions speak to, and the config that a script sets before `init`."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.early: dict[str, Any] = {}


_current = _Current()


def init(
    project: str | None = None,
    *,
    name: str | None = None,
    config: Any = None,
    dir: Any = None,
    id: str | None = None,
    resume: bool | str | None = None,
    mode: str | None = None,
    tags: Iterable[str] | None = None,
    notes: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    entity: str | None = None,
    reinit: Any = None,
    writer: str | None = None,
    experiment_name: str | None = None,
    description: str | None = None,
    logdir: Any = None,
    workspace: str | None = None,
    tee: Any = None,
    alerts: Any = None,
    plugins: Any = None,
    record: Mapping[str, Any] | None = None,
    **more: Any,
) -> Run:
    """Start recording. Returns the run, which the module's functions speak to until it finishes.

    The run is a folder under `dir` (or `logdir`, the variable WHET_RUNS, `runs`). Its name is `id`, or made of the
    name, else of project and time. With `id` of a run that exists, this is a further attempt of it, unless
    `resume="never"`; `resume="must"` refuses to start a new one. `mode="disabled"` records nothing; all other modes
    are the same here: nothing leaves the machine, unless WHET_SERVER names a server that the run is pushed to.
    `writer` names who writes, by default the rank in RANK; each writer has its own file. Where a run is open already
    it is returned, unless `reinit` says to finish it (`True`) or to leave it open (`"create_new"`).

    `tee` names followers that are given what is logged (a name, `{"kind": "wandb", "project": "mine"}`, or a list),
    `alerts` who is told of what (as the config's `track.alerts`, or a YAML file), `plugins` files that register
    further kinds. Without them the variables WHET_TEE (names, with commas) and WHET_ALERTS count.

    `record` is what is recorded beside: `{"environment": True, "console": True, "hardware_every_s": 5.0}` by default;
    WHET_RECORD=never turns off all three.

    Raises RunError for a folder that cannot be written, that a newer whet has written, or that `resume` rules out;
    ConfigError for followers that cannot be.
    """
    if (left := _left_open(reinit)) is not None:
        return left
    about = _given({
        "project": project, "name": name or experiment_name, "group": group, "job_type": job_type,
        "tags": [str(tag) for tag in ([tags] if isinstance(tags, str) else tags or ())] or None,
        "notes": notes or description, "entity": entity or workspace,
    })  # fmt: skip
    if "disabled" in (mode, os.environ.get(MODE_VARIABLE)):
        from whet.track.script.disabled import disabled_run

        order, run = None, disabled_run(about)
    else:
        order, wanted = _ordered(tee, alerts, plugins), Recorded.of(record).without(more.get("settings"))
        run = _begin(about, dir or logdir, id, resume, writer).recording(wanted)
    return _opened_with(run, {**as_mapping(config), **_current.early}, order, reinit)


def _opened_with(run: Run, config: Mapping[str, Any], order: Order | None, reinit: Any) -> Run:
    """The run with its config and followers, from now on the one that the module's functions speak to."""
    run.config.update(config)
    _current.early.clear()
    run.follow(order)
    if reinit != "create_new" or _current.run is None:
        _current.run = run
    return run


def get_run() -> Run | None:
    """The run that is open, or None."""
    run = _current.run
    return run if run is not None and run.is_open else None


def log(data: Mapping[str, Any], step: Any = None, commit: bool | None = None, **ignored: Any) -> None:
    """`Run.log` of the run that is open. Raises RunError before `init`."""
    (_current.run or _opened()).log(data, step, commit)


def finish(exit_code: Any = None, quiet: bool | None = None, *, state: Any = None, error: Any = None) -> None:
    """`Run.finish` of the run that is open; without one it does nothing."""
    run, _current.run = _current.run, None
    if run is not None:
        run.finish(exit_code, quiet, state=state, error=error)


def alert(title: str, text: str = "", level: Any = "INFO", wait_duration: Any = 0) -> None:
    """`Run.alert` of the run that is open."""
    _opened().alert(title, text, level, wait_duration)


def define_metric(name: str, step_metric: Any = None, **more: Any) -> None:
    """`Run.define_metric` of the run that is open."""
    _opened().define_metric(name, step_metric, **more)


def log_artifact(artifact_or_path: Any, name: str | None = None, type: str | None = None, **more: Any) -> Artifact:
    """`Run.log_artifact` of the run that is open."""
    return _opened().log_artifact(artifact_or_path, name, type, **more)


def use_artifact(artifact_or_name: Any, type: str | None = None, **more: Any) -> Artifact:
    """`Run.use_artifact` of the run that is open."""
    return _opened().use_artifact(artifact_or_name, type, **more)


def save(glob_str: Any = None, base_path: Any = None, policy: str = "live") -> list[str]:
    """`Run.save` of the run that is open."""
    return _opened().save(glob_str, base_path, policy)


def watch(models: Any = None, *more: Any, **ignored: Any) -> None:
    """`Run.watch` of the run that is open."""
    _opened().watch(models)


def unwatch(models: Any = None) -> None:
    """The end of `watch`."""


def login(*ignored: Any, **more: Any) -> bool:
    """Nothing: there is no server to log in to."""
    return True


def setup(*ignored: Any, **more: Any) -> None:
    """Nothing: there is no service to start."""


def teardown(*ignored: Any, **more: Any) -> None:
    """Nothing: there is no service to stop."""


class Settings(dict[str, Any]):
    """Settings of other trackers, taken so that scripts run; none of them means anything here."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(settings)


def config_of_run() -> Told:
    """The config of the run that is open; before `init`, one that it will take over."""
    return _current.run.config if _current.run is not None else Told(_current.early.update, _current.early)


def summary_of_run() -> Told:
    """The summary of the run that is open. Raises RunError before `init`."""
    return _opened().summary


def _opened() -> Run:
    if _current.run is None:
        raise RunError("there is no run to log to", hint='whet.track.init(project="demo") starts one')
    return _current.run


def _begin(about: Mapping[str, Any], root: Any, id: str | None, resume: bool | str | None, writer: str | None) -> Run:
    """The run folder, claimed or found, and a log in it."""
    _check_resume(resume)
    folder_of_runs = user_path(root if root is not None else os.environ.get(ROOT_VARIABLE, "runs"))
    known: Mapping[str, Any] = {}
    if id is not None:
        folder = folder_of_runs / file_name(id, what="run")
        if (folder / LOGS).is_dir():
            if resume == "never":
                raise RunError(f"the run `{id}` exists already", at=str(folder), hint='another `id`, or resume="allow"')
            known = _known(folder)
        elif resume == "must":
            raise RunError(f"there is no run `{id}` to resume", at=str(folder_of_runs), hint='resume="allow"')
    else:
        stem = about.get("name") or f"{about.get('project') or 'run'}-{time.strftime('%m%d-%H%M%S')}"
        folder = claimed(folder_of_runs, str(stem))
    log = EventLog(folder / LOGS, writer or _writer(folder / LOGS))
    push_beside(folder)
    return Run(folder, log, about, known)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _left_open(reinit: Any) -> Run | None:
    """The run that is open already, where it is to be gone on with; one that is to end does so."""
    run = get_run()
    if run is None or reinit == "create_new":
        return None
    if reinit in (None, False, "default", "return_previous"):
        return run
    run.finish()
    return None


def _check_resume(resume: Any) -> None:
    if resume not in _RESUME:
        raise RunError(f"resume={resume!r} is none of {_RESUME[3:]}", hint='resume="allow"')


def _ordered(tee: Any, alerts: Any, plugins: Any) -> Order | None:
    """By whom the run is to be followed, if by anybody: of several processes only the first has a follower."""
    names = [name.strip() for name in os.environ.get(TEE_VARIABLE, "").split(",") if name.strip()]
    tee, alerts = names if tee is None else tee, alerts or os.environ.get(ALERTS_VARIABLE)
    if not (tee or alerts) or os.environ.get("RANK", "0") != "0":
        return None
    from whet.track.follow.order import tracked

    order = tracked(tee, alerts, plugins)
    order.check()
    return order if order.followed else None


def _known(folder: Path) -> dict[str, Any]:
    """What earlier attempts of a run have said."""
    from whet.track.reading.read import History
    from whet.track.script.described import described

    logs = History(folder / LOGS)
    said = described(logs)
    last = logs.last_step
    return {
        "attempts": len(logs.spans), "next_step": 0 if last is None else last + 1,
        "config": said.config, "summary": said.own_summary,
    }  # fmt: skip


def _writer(logs: Path) -> str:
    """The rank of this process; or a name of its own where another process writes as that rank."""
    rank = os.environ.get("RANK", "")
    writer = frames.rank_writer(int(rank) if rank.isdecimal() else 0)
    found = [(w.attempt, path) for path in logs.glob("*.tlog") if (w := frames.parse_name(path)) and w.name == writer]
    is_taken = bool(found) and liveness.is_held(max(found)[1])
    return f"process-{os.getpid()}" if is_taken else writer


Getter = Callable[[], Any]
# Names whose value is that of the run which is open now.
LIVE: dict[str, Getter] = {"run": get_run, "config": config_of_run, "summary": summary_of_run}

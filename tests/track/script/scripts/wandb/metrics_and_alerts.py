"""Metrics with an axis of their own, the summary they ask for, and alerts."""

from datetime import timedelta

import whet.track as wandb

run = wandb.init(project="metrics", settings=wandb.Settings(silent=True, console="off"))
run.define_metric("train/step")
run.define_metric("train/*", step_metric="train/step")
wandb.define_metric("val/acc", summary="max")
for step in range(6):
    run.log({"train/step": step * 10, "train/loss": 1 / (step + 1)})
    if step % 3 == 2:
        run.log({"val/acc": 0.9 - step / 100})
    if step == 4:
        wandb.alert(title="Low accuracy", text="below the mark", level="WARN", wait_duration=timedelta(minutes=5))
assert run.summary["val/acc.max"] == 0.88
run.finish()

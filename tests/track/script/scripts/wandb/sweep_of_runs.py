"""Many short runs in one process, each of its own config, by `reinit`."""

import os

import whet.track as wandb

os.environ["WANDB_SILENT"] = "true"
wandb.login()
for lr in (0.1, 0.01, 0.001):
    run = wandb.init(project="sweep", group="lr", reinit=True, config={"lr": lr}, name=f"lr-{lr}", mode="offline")
    wandb.config.setdefaults({"momentum": 0.9})
    for epoch in range(3):
        wandb.log({"epoch": epoch, "loss": lr * (3 - epoch), "nested": {"a": {"b": epoch}}}, commit=False)
        wandb.log({"val_loss": lr})
    run.tags = (*run.tags, "done")
    run.notes = "nothing special"
    assert wandb.run is run and wandb.run.name == f"lr-{lr}"
    run.finish()

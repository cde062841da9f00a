"""A run as a context manager, with its config in use and a summary of the best value."""

import whet.track as wandb

config = {"epochs": 5, "lr": 0.01}
with wandb.init(project="context", config=config, job_type="train", group="ablation", tags=["baseline", "v1"]) as run:
    best = float("inf")
    for epoch in range(run.config.epochs):
        loss = 1.0 / (epoch + 1)
        best = min(best, loss)
        run.log({"train/loss": loss, "train/epoch": epoch}, step=epoch)
    run.summary["best_loss"] = best
    run.summary.update({"note": "converged"})
    assert run.summary["train/loss"] == 0.2

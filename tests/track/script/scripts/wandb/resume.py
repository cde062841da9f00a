"""A run that is started again by its id, goes back some steps, and is read no later than it was written."""

import whet.track as wandb

run = wandb.init(project="resume", id="resumable", resume="allow", config={"lr": 0.1})
for step in range(10):
    run.log({"loss": 10.0 - step}, step=step)
run.finish()

run = wandb.init(project="resume", id="resumable", resume="must")
assert wandb.run.resumed and wandb.run.step == 10 and wandb.config["lr"] == 0.1
for step in range(6, 12):
    wandb.log({"loss": 20.0 - step}, step=step)
wandb.finish()

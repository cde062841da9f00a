"""Name, description, workspace, tags and folder under SwanLab's words."""

import whet.track as swanlab

run = swanlab.init(
    project="fields",
    workspace="team",
    experiment_name="first",
    description="what it is for",
    tags=["a", "b"],
    mode="local",
    group="g",
    job_type="train",
)
assert run.config == {}
run.config.update({"lr": 0.1})
for step in range(3):
    run.log({"train/loss": 1 / (step + 1)}, step=step)
run.finish()

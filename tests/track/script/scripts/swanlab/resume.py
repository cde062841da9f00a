"""A run that is started again by its id, from an earlier step than its last."""

import whet.track as swanlab

run = swanlab.init(project="resume", id="goes-on", resume="allow")
for step in range(5):
    swanlab.log({"loss": 5.0 - step}, step=step)
swanlab.finish()
run = swanlab.init(project="resume", id="goes-on", resume="must")
for step in range(3, 8):
    run.log({"loss": 9.0 - step}, step=step)
assert swanlab.get_run() is run
swanlab.finish()
assert swanlab.get_run() is None

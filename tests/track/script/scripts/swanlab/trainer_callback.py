"""The form of a trainer's callback: it finds the run, or starts one, and logs what the trainer tells."""

import whet.track as swanlab


class Callback:
    def __init__(self, project):
        self.project = project

    def setup(self, args):
        if swanlab.get_run() is None:
            swanlab.init(project=self.project, experiment_name=args["name"])
        swanlab.config.update(args)

    def on_log(self, logs, step):
        kept = {}
        for name, value in logs.items():
            kept[f"eval/{name[5:]}" if name.startswith("eval_") else f"train/{name}"] = value
        swanlab.log({**kept, "train/global_step": step}, step=step)

    def on_end(self, error=None):
        swanlab.finish(error=error)


callback = Callback("callbacks")
callback.setup({"name": "trainer", "lr": 5e-5, "device": None})
for step in range(1, 5):
    callback.on_log({"loss": 1 / step, "grad_norm": 0.5, "learning_rate": 5e-5, "epoch": step / 4}, step)
callback.on_log({"eval_loss": 0.4, "eval_runtime": 1.25}, 4)
callback.on_end()

"""One run makes a data set, the next uses it by alias and makes a model of it."""

import tempfile
from pathlib import Path

import whet.track as wandb

with tempfile.TemporaryDirectory() as folder:
    Path(folder, "train.csv").write_text("x,y\n1,2\n")
    with wandb.init(project="pipeline", job_type="preprocess") as run:
        data = wandb.Artifact("toy", type="dataset", description="two columns")
        data.add_dir(folder)
        with data.new_file("split.json") as file:
            file.write("{}")
        run.log_artifact(data).wait()
    with wandb.init(project="pipeline", job_type="train") as run:
        found = run.use_artifact("my-team/pipeline/toy:latest", type="dataset")
        path = found.download(root=str(Path(folder, "back")))
        assert Path(path, "train.csv").read_text().startswith("x,y")
        run.log({"rows": 1})
        run.log_artifact(path, name="copy", type="dataset")

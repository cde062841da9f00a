"""A training loop of torch that logs tensors, watches the model and keeps its weights as an artifact."""

import tempfile
from pathlib import Path

import torch

import whet.track as wandb

run = wandb.init(project="torch", config={"hidden": 4})
model = torch.nn.Linear(3, wandb.config.hidden)
wandb.watch(model, log="all", log_freq=10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    loss = model(torch.ones(2, 3)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    wandb.log({"loss": loss, "grad_norm": norm, "weights": wandb.Histogram(model.weight.detach())})
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "model.pt")
    torch.save(model.state_dict(), path)
    artifact = wandb.Artifact(name=f"model-{run.id}", type="model", metadata=dict(run.config))
    artifact.add_file(str(path))
    run.log_artifact(artifact, aliases=["latest", "best"])
wandb.finish()

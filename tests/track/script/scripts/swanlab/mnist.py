"""A classifier of torch on random digits: tensors, a learning rate, images of a batch, accuracy at the end."""

import torch

import whet.track as swanlab

run = swanlab.init(project="mnist", experiment_name="linear", config={"optimizer": "SGD", "lr": 0.1, "epochs": 2})
generator = torch.Generator().manual_seed(0)
images, labels = torch.rand(16, 1, 8, 8, generator=generator), torch.randint(0, 4, (16,), generator=generator)
model = torch.nn.Linear(64, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=run.config.lr)
swanlab.log(
    {
        "examples": [
            swanlab.Image(image, caption=str(int(label))) for image, label in zip(images[:3], labels, strict=False)
        ]
    }
)
for epoch in range(run.config["epochs"]):
    loss = torch.nn.functional.cross_entropy(model(images.flatten(1)), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    swanlab.log({"train/loss": loss.item(), "train/lr": optimizer.param_groups[0]["lr"]}, step=epoch)
accuracy = (model(images.flatten(1)).argmax(1) == labels).float().mean()
swanlab.log({"val/accuracy": accuracy})
swanlab.finish()

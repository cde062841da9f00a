"""The form of a first steps page: init with a config, a loop that logs."""

import random

import whet.track as swanlab

swanlab.init(project="my-project", config={"learning_rate": 0.01, "architecture": "ResNet", "epochs": 10})
offset = random.random() / 5
for epoch in range(2, swanlab.config.epochs):
    acc = 1 - 2**-epoch - random.random() / epoch - offset
    loss = 2**-epoch + random.random() / epoch + offset
    swanlab.log({"loss": loss, "acc": acc})
swanlab.finish()

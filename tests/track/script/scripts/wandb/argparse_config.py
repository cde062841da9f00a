"""Settings of the command line into the config, changed once later on."""

import argparse

import whet.track as wandb

parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--lr", type=float, default=1e-3)
args = parser.parse_args([])

wandb.init(project="argparse", config=args)
wandb.config.update({"lr": 3e-4}, allow_val_change=True)
wandb.config.seed = 7
wandb.config["extra"] = {"a": 1}
assert wandb.config.lr == 3e-4 and wandb.config["batch_size"] == 64 and "seed" in wandb.config
for step in range(3):
    wandb.log({"loss": 1 / (1 + step), "lr": wandb.config.lr})
wandb.finish()

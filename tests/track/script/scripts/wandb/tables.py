"""Tables filled in both ways, and the charts that are drawn from them."""

import whet.track as wandb

wandb.init(project="tables", name="predictions")
table = wandb.Table(columns=["id", "text", "label", "score"])
for number in range(4):
    table.add_data(number, f"sample {number}", number % 2, number / 4)
wandb.log({"predictions": table})
points = wandb.Table(data=[[x, x * x] for x in range(5)], columns=["x", "y"])
wandb.log(
    {
        "line": wandb.plot.line(points, "x", "y", title="squares"),
        "scatter": wandb.plot.scatter(points, "x", "y"),
        "bar": wandb.plot.bar(points, "x", "y", title="bars"),
        "hist": wandb.plot.histogram(points, "y"),
        "confusion": wandb.plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 1, 0], class_names=["cat", "dog"]),
        "roc": wandb.plot.roc_curve([0, 1, 1], [[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], labels=["cat", "dog"]),
        "pr": wandb.plot.pr_curve([0, 1, 1], [[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]),
        "series": wandb.plot.line_series(xs=[0, 1, 2], ys=[[1, 2, 3], [3, 2, 1]], keys=["up", "down"], title="two"),
    }
)
wandb.finish()

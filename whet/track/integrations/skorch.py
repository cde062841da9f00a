"""skorch: `NeuralNet(..., callbacks=[WhetCallback()])`."""

from __future__ import annotations

from typing import Any

from skorch.callbacks import Callback

from whet.track.integrations.joining import joined, numbers


class WhetCallback(Callback):
    """Records the numbers of each epoch of a net's history; steps are epochs.

    `settings` are arguments of `whet.track.init`.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def on_train_begin(self, net: Any, **more: Any) -> None:
        config = {"module": type(net.module_).__name__, "lr": net.lr, "batch_size": net.batch_size}
        self.run_ = joined(self.settings, config)

    def on_epoch_end(self, net: Any, **more: Any) -> None:
        row = {name: value for name, value in net.history[-1].items() if not name.endswith("_best")}
        self.run_.log(numbers(row), step=row["epoch"])

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Settings as skorch asks for them when it makes a copy."""
        return dict(self.settings)

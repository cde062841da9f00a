"""PaddleNLP's Trainer: what is recorded is its own history."""

import numpy as np
import pytest

from tests.track.integrations.test_hub import check_history
from whet.track.script.described import described


@pytest.mark.integration("PaddleNLP Trainer", packages=("paddlenlp",), through="WhetCallback")
def test_paddlenlp_trainer(recorded):
    import paddle
    from paddlenlp.trainer import Trainer, TrainingArguments

    from whet.track.integrations.paddlenlp import WhetCallback

    class Rows(paddle.io.Dataset):
        def __getitem__(self, place):
            drawn = np.random.default_rng(place)
            return {"inputs": drawn.normal(size=4).astype("float32"), "labels": np.zeros(1, "float32")}

        def __len__(self):
            return 16

    class Line(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.layer = paddle.nn.Linear(4, 1)

        def forward(self, inputs, labels):
            found = self.layer(inputs)
            return (found - labels).square().mean(), found

    arguments = TrainingArguments(
        output_dir="out", max_steps=6, logging_steps=2, evaluation_strategy="steps", eval_steps=3, device="cpu",
        per_device_train_batch_size=4, save_strategy="no", report_to=["none"], run_name="line", disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(
        Line(), args=arguments, train_dataset=Rows(), eval_dataset=Rows(), callbacks=[WhetCallback(project="paddle")]
    )
    trainer.train()
    logs = recorded("line")
    check_history(logs, trainer.state.log_history)
    assert described(logs).config["max_steps"] == 6

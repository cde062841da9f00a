"""Further frameworks: what each reports of its epochs is what is recorded."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.track.integrations.conftest import curve, same
from tests.track.integrations.test_torch import lightning_run
from whet.track.script.described import described


@pytest.mark.integration("PyTorch Lightning", packages=("pytorch-lightning",), through="WhetLogger")
def test_pytorch_lightning(torchvision, recorded):
    lightning_run("pytorch_lightning", recorded)


@pytest.mark.integration("spaCy", packages=("spacy",), through='@loggers = "whet.Track.v1"')
def test_spacy(recorded):
    import spacy
    from spacy.language import DEFAULT_CONFIG
    from spacy.training import Example
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train
    from spacy.util import load_config_from_str

    import whet.track.integrations.spacy  # noqa: F401

    config = DEFAULT_CONFIG.merge(load_config_from_str(CONFIG_OF_SPACY))

    @spacy.registry.readers("whet_test_rows")
    def rows():
        def read(nlp):
            for text, kind in (("good day", "yes"), ("bad night", "no")) * 4:
                yield Example.from_dict(nlp.make_doc(text), {"cats": {"yes": kind == "yes", "no": kind == "no"}})

        return read

    told: list[dict] = []

    @spacy.registry.loggers("whet_test_both")
    def both():
        from whet.track.integrations.spacy import logger

        def setup(nlp, stdout=None, stderr=None):
            log_step, finish = logger("spacy")(nlp)
            return lambda info: (info and told.append(dict(info, losses=dict(info["losses"]))), log_step(info)), finish

        return setup

    nlp = init_nlp(config)
    train(nlp, None)
    logs = recorded()
    assert len(told) >= 2
    assert curve(logs, "loss/textcat") == {info["step"]: info["losses"]["textcat"] for info in told}
    assert curve(logs, "score") == {info["step"]: info["score"] for info in told}


CONFIG_OF_SPACY = """
[nlp]
lang = "en"
pipeline = ["textcat"]

[components]

[components.textcat]
factory = "textcat"

[components.textcat.model]
@architectures = "spacy.TextCatBOW.v3"
exclusive_classes = true
length = 128
ngram_size = 1
no_output_layer = false

[corpora]

[corpora.train]
@readers = "whet_test_rows"

[corpora.dev]
@readers = "whet_test_rows"

[training]
train_corpus = "corpora.train"
dev_corpus = "corpora.dev"
max_steps = 6
eval_frequency = 2
seed = 0

[training.optimizer]
@optimizers = "Adam.v1"

[training.batcher]
@batchers = "spacy.batch_by_sequence.v1"
size = 4

[training.logger]
@loggers = "whet_test_both"
"""


@pytest.mark.integration("gensim", packages=("gensim",), through="WhetCallback")
def test_gensim(recorded):
    from gensim.models import Word2Vec

    from whet.track.integrations.gensim import WhetCallback

    lines = [["a", "b", "c", "d"], ["b", "c", "d", "e"]] * 20
    model = Word2Vec(lines, vector_size=4, min_count=1, epochs=3, compute_loss=True, workers=1, seed=0,
                     callbacks=[WhetCallback(project="gensim")])  # fmt: skip
    logs = recorded()
    losses = curve(logs, "loss")
    assert list(losses) == [0, 1, 2] and sum(losses.values()) == model.get_latest_training_loss()
    assert described(logs).config["vector_size"] == 4


@pytest.mark.integration("PyKEEN", packages=("pykeen",), through="WhetResultTracker")
def test_pykeen(torchvision, recorded):
    from pykeen.pipeline import pipeline
    from pykeen.triples import TriplesFactory

    from whet.track.integrations.pykeen import WhetResultTracker

    rng = np.random.default_rng(0)
    triples = np.array([[f"e{a}", f"r{r}", f"e{b}"] for a, r, b in rng.integers(0, 6, (40, 3))])
    factory = TriplesFactory.from_labeled_triples(triples)
    found = pipeline(training=factory, testing=factory, model="TransE", model_kwargs={"embedding_dim": 4}, epochs=3,
                     random_seed=0, device="cpu", result_tracker=WhetResultTracker(project="pykeen"),
                     training_kwargs={"use_tqdm": False}, evaluation_kwargs={"use_tqdm": False})  # fmt: skip
    logs = recorded()
    assert same(curve(logs, "loss").values(), found.losses) and logs.status == "done"


@pytest.mark.integration("pytorch-tabnet", packages=("pytorch-tabnet",), through="WhetCallback")
def test_tabnet(torchvision, recorded):
    from pytorch_tabnet.tab_model import TabNetClassifier

    from whet.track.integrations.pytorch_tabnet import WhetCallback

    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 3)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    model = TabNetClassifier(n_d=4, n_a=4, n_steps=1, verbose=0, seed=0, device_name="cpu")
    model.fit(X, y, eval_set=[(X, y)], eval_metric=["accuracy"], max_epochs=3, batch_size=32, virtual_batch_size=16,
              callbacks=[WhetCallback(project="tabnet")])  # fmt: skip
    logs = recorded()
    assert same(curve(logs, "loss").values(), model.history["loss"])
    assert same(curve(logs, "val_0_accuracy").values(), model.history["val_0_accuracy"])


@pytest.mark.integration("TorchRL", packages=("torchrl",), through="WhetLogger")
def test_torchrl(recorded):
    from torchrl.record.loggers.csv import CSVLogger

    from whet.track.integrations.torchrl import WhetLogger

    loggers = [WhetLogger("agent", project="rl"), CSVLogger("agent", log_dir="csv")]
    for step in range(4):
        for logger in loggers:
            logger.log_scalar("reward", step / 3, step=step)
    loggers[0].log_hparams({"gamma": 0.9})
    (path,) = Path("csv").rglob("reward.csv")
    written = dict(map(float, re.split(r",\s*", line)) for line in path.read_text().splitlines())
    logs = recorded("agent")
    assert curve(logs, "reward") == written and described(logs).config == {"gamma": 0.9}


@pytest.mark.integration("torchtune", packages=("torchtune",), through="WhetLogger")
def test_torchtune(torchvision, recorded):
    from omegaconf import OmegaConf
    from torchtune import config
    from torchtune.training.metric_logging import DiskLogger

    made = OmegaConf.create({"_component_": "whet.track.integrations.torchtune.WhetLogger", "project": "tune"})
    logger, disk = config.instantiate(made), DiskLogger("disk", filename="log.txt")
    logger.log_config(OmegaConf.create({"optimizer": {"lr": 0.1}}))
    for step in range(3):
        for one in (logger, disk):
            one.log_dict({"loss": 1 / (step + 1), "lr": 0.1}, step=step)
    logger.close()
    disk.close()
    lines = [line for line in Path("disk/log.txt").read_text().splitlines() if line.startswith("Step")]
    written = {int(re.search(r"Step (\d+)", line)[1]): float(re.search(r"loss:(\S+)", line)[1]) for line in lines}
    logs = recorded()
    assert curve(logs, "loss") == written and logs.status == "done"
    assert described(logs).config == {"optimizer": {"lr": 0.1}}

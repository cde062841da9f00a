"""What `whet serve` refuses before it loads anything."""

from __future__ import annotations

import pytest
import torch

from whet.base.errors import WhetError
from whet.cli.commands.serve import adapters_of, set_threads
from whet.generate.serving.request import Limits


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["polite"], "`polite` names no adapter"),
        (["=there"], "`=there` names no adapter"),
        (["a=x", "b=y", "a=z"], "two adapters are called `a`: x and z"),
    ],
)
def test_adapters_have_names_of_their_own(given, said):
    with pytest.raises(WhetError, match=said) as refused:
        adapters_of(given)
    assert refused.value.hint.startswith("--adapter ")
    assert adapters_of(["a=x", "b=y=z"]) == {"a": "x", "b": "y=z"}


@pytest.mark.parametrize(
    ("kept", "name", "said", "hint"),
    [
        ({}, "m", "called `m`, as the model is", "--called"),
        ({"1_Pooling/config.json": "{}"}, "a", "makes embeddings", "whet serve"),
    ],
)
def test_adapters_that_would_not_be_heard_are_refused(tmp_path, kept, name, said, hint):
    from safetensors.numpy import save_file

    from whet.server.openai.opening import Opening, opened

    save_file({}, tmp_path / "model.safetensors")
    for file, text in {"config.json": "{}", **kept}.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    asked = Opening(
        model=str(tmp_path), name="m", adapters={name: "runs/other"}, root=tmp_path, limits=Limits(), timeout_s=1.0
    )
    with pytest.raises(WhetError, match=said) as refused:
        opened(asked)
    assert hint in refused.value.hint


def test_a_processor_is_left_to_what_takes_requests_unless_a_number_is_said(monkeypatch):
    before = torch.get_num_threads()
    try:
        for given, said, found, large in ((None, None, 3, 4), (None, "4", 4, 4), (2, None, 2, 2), (2, "4", 2, 2)):
            monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
            if said:
                monkeypatch.setenv("OMP_NUM_THREADS", said)
            torch.set_num_threads(4)
            assert set_threads(given) == large
            assert torch.get_num_threads() == found
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        torch.set_num_threads(1)
        set_threads(None)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)

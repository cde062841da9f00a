"""Stored weights, one at a time: those of the folder, and nothing stays in memory."""

import pytest
import torch

from tests.generate import tiny
from whet.base.errors import ModelError
from whet.models.checkpoints.stored import INDEX, Stored


@pytest.mark.parametrize("shard", ["5GB", "20KB"])
def test_every_tensor_is_the_folders(tmp_path, shard):
    module = tiny.module()
    module.save_pretrained(tmp_path, max_shard_size=shard)
    stored = Stored(tmp_path)
    assert (tmp_path / INDEX).exists() == (shard == "20KB")
    assert set(stored) == set(module.state_dict()) and len(stored) == len(module.state_dict())
    for name, tensor in module.state_dict().items():
        assert torch.equal(stored[name], tensor) and stored.shape(name) == tuple(tensor.shape)
    assert stored["lm_head.weight"].untyped_storage().nbytes() == module.lm_head.weight.numel() * 4


def test_folders_that_lack_files_say_which(tmp_path):
    with pytest.raises(ModelError, match="holds no weights"):
        Stored(tmp_path)
    tiny.module().save_pretrained(tmp_path, max_shard_size="20KB")
    first = sorted(tmp_path.glob("model-*.safetensors"))[0]
    first.unlink()
    with pytest.raises(ModelError, match="lacks .*" + first.name) as error:
        Stored(tmp_path)
    assert error.value.hint

"""ZeRO checkpoints: every weight as it was cut up, on any number of ranks; DeepSpeed's own script where it is there."""

import pytest
import torch

from tests.models.checkpoints.zero_files import write
from whet.base.errors import ModelError
from whet.models.checkpoints.zero import Zero, is_zero


def state():
    generator = torch.Generator().manual_seed(0)
    shapes = {"a.weight": (5, 7), "a.bias": (5,), "b.weight": (3, 5), "norm.weight": (7,), "head.weight": (11, 3)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_weights_come_together_again(tmp_path, stage, world):
    given = state()
    folder = write(tmp_path, given, stage, world, frozen=("norm.weight",))
    for place in (folder, folder / "global_step7"):
        assert is_zero(place)
        found = Zero(place)
        assert set(found) == {*given, "tied.weight"} and len(found) == len(given) + 1
        assert all(torch.equal(found[name], tensor) for name, tensor in given.items())
        assert torch.equal(found["tied.weight"], given["a.weight"])


@pytest.mark.parametrize("stage", [2, 3])
def test_it_is_what_deepspeeds_own_script_gives(tmp_path, stage):
    script = pytest.importorskip("deepspeed.utils.zero_to_fp32", reason="deepspeed is not installed")
    folder = write(tmp_path, state(), stage, 3, frozen=("norm.weight",))
    expected = script.get_fp32_state_dict_from_zero_checkpoint(str(folder))
    found = Zero(folder)
    assert expected.keys() == set(found) and all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_folder_that_is_none_is_none(tmp_path):
    assert not is_zero(tmp_path)
    (tmp_path / "latest").write_text("global_step9")
    assert not is_zero(tmp_path)


def test_a_missing_rank_is_refused(tmp_path):
    folder = write(tmp_path, state(), 3, 3)
    (folder / "global_step7" / "zero_pp_rank_1_mp_rank_00_optim_states.pt").unlink()
    with pytest.raises(ModelError, match="the states of 2 ranks, and 3 wrote it") as error:
        Zero(folder)
    assert error.value.hint


def test_a_vector_that_ends_early_is_refused(tmp_path):
    folder = write(tmp_path, state(), 2, 1)
    file = folder / "global_step7" / "zero_pp_rank_0_mp_rank_00_optim_states.pt"
    content = torch.load(file)
    groups = content["optimizer_state_dict"]["single_partition_of_fp32_groups"]
    groups[0] = groups[0][:20].clone()
    torch.save(content, file)
    with pytest.raises(ModelError, match="ends before"):
        Zero(folder)


class Shout:
    def __reduce__(self):
        return print, ("this must never run",)


def test_code_in_a_pickle_does_not_run(tmp_path, capsys):
    folder = write(tmp_path, state(), 3, 1)
    file = folder / "global_step7" / "zero_pp_rank_0_mp_rank_00_model_states.pt"
    torch.save({**torch.load(file), "extra": Shout()}, file)
    with pytest.raises(ModelError, match="unpickling runs their code") as error:
        Zero(folder)
    assert "zero_to_fp32" in error.value.hint and "never run" not in capsys.readouterr().out


def test_objects_of_deepspeed_stand_for_nothing(tmp_path, monkeypatch):
    """As an optimizer's state has them: an enumeration for the stage, a loss scaler with attributes."""
    import sys
    import types

    module = types.ModuleType("deepspeed.made_up")
    for name in ("Stage", "Scaler"):
        setattr(module, name, type(name, (), {"__module__": "deepspeed.made_up", "__init__": lambda self, *v: None}))
    module.Stage.__reduce__ = lambda self: (module.Stage, (3,))
    monkeypatch.setitem(sys.modules, "deepspeed", types.ModuleType("deepspeed"))
    monkeypatch.setitem(sys.modules, "deepspeed.made_up", module)
    given = state()
    folder = write(tmp_path, given, 3, 1)
    file = folder / "global_step7" / "zero_pp_rank_0_mp_rank_00_optim_states.pt"
    content = torch.load(file)
    scaler = module.Scaler()
    scaler.scale = 2.0
    content["optimizer_state_dict"] |= {"zero_stage": module.Stage(), "loss_scaler": scaler}
    torch.save(content, file)
    assert b"made_up" in file.read_bytes()
    found = Zero(folder)
    assert all(torch.equal(found[name], tensor) for name, tensor in given.items())

"""Promotion: what is required decides, and so does a paired comparison with the version that holds the alias."""

import random
import statistics
import threading

import pytest

from tests.track.registry.models import added, folder, result
from whet.base.errors import RunError
from whet.track.reading.query import bounds, parts
from whet.track.registry import promoting
from whet.track.registry.adding import add
from whet.track.registry.evaluations import figures, paired
from whet.track.registry.pages import told_of
from whet.track.registry.promoting import promote
from whet.track.registry.registry import Registry


@pytest.fixture
def registry(tmp_path):
    registry = Registry(tmp_path / ".registry")
    place = folder(tmp_path / "model")
    added(registry, place), added(registry, place)
    return registry


def measured(registry, number, *results):
    for one in results:
        registry.evaluated(registry.version("chat", number), one)


def test_a_version_that_holds_what_is_required_is_promoted(registry):
    measured(registry, 1, result("classification", accuracy=0.8), result("loss", loss=1.5))
    done = promote(registry, "chat/1", "prod", "accuracy >= 0.8 and loss < 2")
    assert registry.model("chat").aliases == {"prod": 1} and done.before is None
    assert done.figures == {"accuracy": 0.8, "loss": 1.5}
    gate = registry.history("chat")[-1]["gate"]
    assert gate["require"] == "accuracy >= 0.8 and loss < 2" and gate["figures"]["accuracy"] == 0.8


def test_a_refusal_names_every_figure_that_missed_and_no_other(registry):
    measured(registry, 1, result("classification", accuracy=0.7, macro_f1=0.9), result("loss", loss=2.5))
    with pytest.raises(RunError) as refused:
        promote(
            registry, "chat/1", "prod", "accuracy >= 0.8 and macro_f1 > 0.5 and (loss < 2 or loss > 9) and bleu > 3"
        )
    said = refused.value.message
    assert "`accuracy >= 0.8`: accuracy is 0.7" in said and "loss is 2.5" in said
    assert "no evaluation gives `bleu`" in said and "macro_f1 is" not in said
    assert registry.model("chat").aliases == {}


def test_a_version_that_was_never_measured_is_not_promoted_on_a_figure(registry):
    with pytest.raises(RunError, match="none at all"):
        promote(registry, "chat/1", "prod", "not accuracy < 0.8")
    promote(registry, "chat/1", "prod")  # nothing is required
    assert registry.model("chat").aliases == {"prod": 1}


def test_a_figure_of_two_tasks_must_say_whose_it_is(registry):
    measured(registry, 1, result("classification", accuracy=0.9), result("last-word", accuracy=0.1))
    with pytest.raises(RunError, match="no evaluation gives `accuracy`"):
        promote(registry, "chat/1", "prod", "accuracy > 0.8")
    promote(registry, "chat/1", "prod", "classification/accuracy > 0.8")


def test_the_newest_result_of_a_task_counts():
    assert figures([result("loss", loss=9.0), result("loss", loss=1.0), result("eval", loss=5.0)]) == {
        "loss": 1.0, "loss/loss": 1.0, "eval/loss": 5.0,
    }  # fmt: skip


def hits(share: float, n: int = 200) -> list[float]:
    return [1.0 if place < share * n else 0.0 for place in range(n)]


def test_a_step_back_beyond_chance_is_refused_although_the_bound_holds(registry):
    measured(registry, 1, result("t", accuracy=0.95, units={"accuracy": hits(0.95)}))
    measured(registry, 2, result("t", accuracy=0.85, units={"accuracy": hits(0.85)}))
    promote(registry, "chat/1", "prod", "accuracy >= 0.8")
    with pytest.raises(RunError, match=r"accuracy is 0.1 lower than that of chat/1, which is @prod .*200 pairs"):
        promote(registry, "chat/2", "prod", "accuracy >= 0.8")
    registry.alias("chat", "prod", 2)
    done = promote(registry, "chat/1", "prod", "0.8 <= accuracy")  # the other way it is a step forward
    assert done.compared[0].difference == pytest.approx(0.1) and done.compared[0].low > 0


def test_a_lower_loss_is_no_step_back_and_a_higher_one_is(registry):
    measured(registry, 1, result("t", loss=1.0, units={"loss": [1.0, 1.1, 0.9, 1.0]}))
    measured(registry, 2, result("t", loss=1.5, units={"loss": [1.5, 1.6, 1.4, 1.5]}))
    promote(registry, "chat/2", "prod", "loss < 2")
    promote(registry, "chat/1", "prod", "loss < 2")
    with pytest.raises(RunError, match="loss is 0.5 higher"):
        promote(registry, "chat/2", "prod", "loss < 2")


def test_of_two_who_promote_at_once_the_second_is_compared_with_what_the_first_has_left(registry, monkeypatch):
    """The first has looked at the figures and not yet moved the alias when the second comes."""
    measured(registry, 1, result("t", accuracy=0.95, units={"accuracy": hits(0.95)}))
    measured(registry, 2, result("t", accuracy=0.85, units={"accuracy": hits(0.85)}))
    outcomes, real, threads = {}, promoting.row_of, []

    def tried(number: int) -> None:
        try:
            outcomes[number] = promote(Registry(registry.folder), f"chat/{number}", "prod", "accuracy >= 0.8").before
        except RunError as error:
            outcomes[number] = error.message

    def row_of(model, version):
        if not threads:
            threads.append(threading.Thread(target=tried, args=(2,)))
            threads[0].start()
            threads[0].join(0.3)
        return real(model, version)

    monkeypatch.setattr(promoting, "row_of", row_of)
    tried(1)
    threads[0].join()
    assert outcomes[1] is None and "lower than that of chat/1, which is @prod" in outcomes[2]
    assert registry.model("chat").aliases == {"prod": 1}


def test_a_policy_is_required_of_every_promotion_and_passed_by_only_where_that_is_said(registry):
    measured(registry, 1, result("t", accuracy=0.95))
    measured(registry, 2, result("t", accuracy=0.7))
    promote(registry, "chat/1", "prod", "accuracy >= 0.8", keep=True)
    assert Registry(registry.folder).model("chat").policies == {"prod": "accuracy >= 0.8"}
    with pytest.raises(RunError, match="`accuracy >= 0.8`: accuracy is 0.7"):
        promote(registry, "chat/2", "prod", "accuracy > 0")
    with pytest.raises(RunError, match="has a policy"):
        registry.alias("chat", "prod", 2)
    with pytest.raises(RunError, match="has a policy"):
        add(registry, "chat", {}, {}, alias="prod")
    assert sorted(registry.model("chat").versions) == [1, 2]
    registry.alias("chat", "other", 2)  # which has none
    promote(registry, "chat/2", "prod", past_policy=True)
    assert registry.history("chat")[-1]["gate"]["past_policy"] == "accuracy >= 0.8"
    assert "past the policy: accuracy >= 0.8" in told_of(registry.history("chat")[-1])
    registry.policy("chat", "prod", None)
    registry.alias("chat", "prod", 1)
    with pytest.raises(RunError, match="has no policy"):
        registry.policy("chat", "prod", None)


@pytest.mark.parametrize("other", [{"data": "d2"}, {"units": {}}, {"units": {"accuracy": hits(0.8, 100)}}])
def test_what_was_not_measured_alike_is_not_compared(registry, other):
    measured(registry, 1, result("t", accuracy=0.95, units={"accuracy": hits(0.95)}))
    measured(registry, 2, result("t", accuracy=0.85, **{"units": {"accuracy": hits(0.85)}, **other}))
    promote(registry, "chat/1", "prod", "accuracy >= 0.8")
    assert promote(registry, "chat/2", "prod", "accuracy >= 0.8").compared == []


def test_the_paired_interval_is_that_of_the_mean_difference():
    """Against the textbook's paired comparison; the interval of a fair draw holds the truth about 19 times of 20."""
    draw = random.Random(0)
    a, b = [draw.gauss(1, 2) for _ in range(50)], [draw.gauss(0, 2) for _ in range(50)]
    differences = [x - y for x, y in zip(a, b, strict=True)]
    found = paired("x", a, [1.0] * 50, b, [1.0] * 50)
    error = statistics.stdev(differences) / 50**0.5
    assert found.difference == pytest.approx(statistics.mean(differences))
    assert found.high - found.difference == pytest.approx(1.959964 * error)
    assert paired("x", a, [1.0] * 50, b, [2.0] * 50) is None


def test_conditions_are_taken_apart_at_the_outermost_and():
    texts = [one.text for one in parts('a > 1 and (b < 2 and c > 3) and not d == "x and y" and `e and f` >= 0')]
    assert texts == ["a > 1", "(b < 2 and c > 3)", 'not d == "x and y"', "`e and f` >= 0"]
    assert [one.text for one in parts("a > 1 and b > 1 or c > 1")] == ["a > 1 and b > 1 or c > 1"]
    assert bounds("a >= 1 and b < 2 and 3 < c and `d e` <= 0 and x == 1 and y in (1, 2)") == {
        "a": "high", "b": "low", "c": "high", "d e": "low",
    }  # fmt: skip


def test_a_refusal_says_what_to_type(registry):
    measured(registry, 1, result("eval", loss=1.5))
    with pytest.raises(RunError) as refused:
        promote(registry, "chat/1", "prod", "loss < 2")
    assert refused.value.hint == (
        "`eval/loss` in place of `loss`; whet evaluate registry:chat/1 --task loss --file held_out.jsonl"
    )
    registry.policy("chat", "prod", "perplexity < 9")
    with pytest.raises(RunError) as refused:
        promote(registry, "chat/1", "prod")
    assert "--task perplexity --file" in refused.value.hint and "whet registry policy chat prod" in refused.value.hint


def test_an_alias_that_stays_where_it_was_is_not_told_as_a_move(registry):
    for number in (1, 1, 2):
        registry.alias("chat", "prod", number)
    told = [told_of(change, with_origin=False) for change in registry.history("chat")[-3:]]
    assert told == [
        "@prod means version 1", "@prod means version 1 as before", "@prod means version 2 instead of 1",
    ]  # fmt: skip

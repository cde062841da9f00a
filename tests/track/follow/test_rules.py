"""Rules and the outbox: when something is said, how often, and what becomes of it on a bad line."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from whet.base.alerts import AlertRule
from whet.base.errors import ConfigError
from whet.track.follow.message import message
from whet.track.follow.outbox import AGAIN, MOST_TRIES, Outbox
from whet.track.follow.plugin import Ending, Logged
from whet.track.follow.rules import Rules, Seen
from whet.track.follow.undelivered import Undelivered
from whet.track.reading.read import Event
from whet.track.script.plain import to_json


def rules(*given, state=None, config=None):
    return Rules([AlertRule.model_validate(one) for one in given], Seen("run", config or {}, {}), state or {})


def said(found, values, start=0.0, name="loss"):
    """Which of these values, a second apart, make the rules speak."""
    heard = []
    for number, value in enumerate(values):
        row = Logged(start + number, number, "r0", 1, {name: value})
        heard += [(number, one.title) for one in found.on_row(row)]
    return heard


def test_a_threshold_speaks_when_it_is_crossed_and_then_only_after_its_cooldown():
    found = rules({"when": "loss > 2", "cooldown_s": 3})
    assert [number for number, _ in said(found, [1, 3, 3, 3, 3, 1, 3])] == [1, 4]


def test_a_clock_that_goes_back_holds_up_no_rule_and_no_message():
    found = rules({"when": "loss > 2", "cooldown_s": 60})
    assert said(found, [1, 3], start=3600.0) and [number for number, _ in said(found, [1, 3])] == [1]
    box, _ = out(line := Line())
    box.put(note("a"), 3600.0)
    assert box.send_one(0.0) and line.sent == ["a"]


def test_what_a_sampler_says_is_not_told_of_a_run():
    found = rules({"on": "end"})
    list(found.on_row(Logged(0.0, 1, "machine", 1, {"memory": 1.0})))
    list(found.on_row(Logged(0.0, 1, "r0", 1, {"loss": 2.0})))
    [told] = found.on_end(Ending("done", "", 1), 0.0)
    assert "loss 2" in told.text and "memory" not in told.text


def test_several_steps_in_a_row_are_asked_for():
    found = rules({"when": "loss > 2", "in_a_row": 3, "cooldown_s": 0})
    assert [number for number, _ in said(found, [3, 3, 1, 3, 3, 3, 3])] == [5, 6]


def test_a_filter_may_ask_for_config_and_step_and_other_figures():
    found = rules('loss > 2 and optimizer.kind == "muon" and step >= 2', config={"optimizer.kind": "muon"})
    assert [number for number, _ in said(found, [3, 3, 3])] == [2]
    assert said(rules('loss > 2 and optimizer.kind == "adam"', config={"optimizer.kind": "muon"}), [3]) == []


def test_a_row_without_the_metric_asks_nothing():
    found = rules({"when": "loss > 2", "cooldown_s": 0})
    assert said(found, [3]) and not said(found, [1.0], name="lr")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_told(value):
    assert said(rules("nan"), [1.0, value]) == [(1, "loss is no finite number")]


def test_a_stall_is_told_once_until_a_step_comes():
    found = rules({"on": "stall", "after_s": 10, "cooldown_s": 0})
    said(found, [1.0], start=100.0)
    heard = [now for now in (105.0, 111.0, 150.0) for _ in found.on_clock(now)]
    said(found, [1.0], start=160.0)
    assert heard + [now for now in (165.0, 171.0) for _ in found.on_clock(now)] == [111.0, 171.0]


def test_figures_of_a_sampler_are_no_step_and_have_names_of_their_own():
    found = rules({"on": "stall", "after_s": 10}, {"when": "machine/load > 2"}, "load > 2")
    said(found, [1.0], start=100.0)
    (heard,) = found.on_row(Logged(120.0, 1, "machine", 1, {"load": 3.0}))
    assert heard.title == "machine/load > 2" and found.seen.step == 0
    assert [one.title for one in found.on_clock(121.0)] == ["no step for 21s"]


@pytest.mark.parametrize(
    ("status", "rule"), [("done", "end"), ("stopped", "end"), ("failed", "failure"), ("killed", "failure")]
)
def test_an_end_and_a_failure_are_told_apart(status, rule):
    ending = Ending(status, "signal SIGKILL", 7)
    heard = {one: list(rules(one).on_end(ending, 1.0)) for one in ("end", "failure")}
    (message,) = heard.pop(rule)
    assert message.title == f"{status} at step 7" and "SIGKILL" in message.text
    assert list(heard.values()) == [[]]
    assert message.level == {"end": "info", "failure": "error"}[rule]


def test_an_end_may_be_told_under_a_condition():
    found = rules({"on": "end", "when": "loss > 2"})
    said(found, [1.0])
    assert list(found.on_end(Ending("done", "", 1), 1.0)) == []


def test_an_alarm_of_the_watchdog_is_told_and_other_notices_are_not():
    found = rules("alarm")
    heard = [
        one.text
        for level in ("info", "warning", "alarm")
        for one in found.on_event(Event("notice", 1, 1.0, "r0", 1, {"level": level, "text": level}))
    ]
    assert heard == ["alarm"]


def test_the_end_of_each_attempt_is_told_however_soon_it_comes():
    found = rules("failure")
    ends = [one.title for moment in (1.0, 2.0) for one in found.on_end(Ending("failed", "", 7), moment)]
    assert ends == ["failed at step 7"] * 2


def test_what_rules_remember_outlives_them_as_json():
    import json

    first = rules({"when": "loss > 2", "cooldown_s": 100}, "nan")
    said(first, [3.0, math.nan])
    state = json.loads(to_json(first.state()))
    second = rules({"when": "loss > 2", "cooldown_s": 100}, "nan", state=state)
    assert said(second, [3.0, math.nan]) == [] and second.seen.step == 1


def test_a_rule_that_cannot_be_asked_is_refused_at_the_door():
    from whet.track.follow.order import tracked

    for rule, words in (("loss >", "filter"), ({"on": "step"}, "says `when`"), ({"on": "sunday"}, "rules")):
        with pytest.raises(ConfigError, match=words):
            tracked(alerts={"channels": [{"kind": "slack"}], "rules": [rule]})


class Line:
    """A channel that does to each message what it is told."""

    def __init__(self, *answers):
        self.answers, self.sent = list(answers), []

    def send(self, message):
        if self.answers and (answer := self.answers.pop(0)) is not None:
            raise answer
        self.sent.append(message.title)


def out(line, most=100, state=None):
    told = []
    return Outbox(line, most, told.append, state or {}), told


def note(title):
    return message("run", "info", title, "", 1, 0.0)


def test_a_bad_line_is_tried_again_with_growing_pauses():
    line = Line(*[Undelivered("500")] * 4)
    box, told = out(line)
    box.put(note("a"), 0.0)
    tried = [now for now in range(40) if box.send_one(now)]
    assert tried == [0, 1, 3, 7, 15] and line.sent == ["a"] and told == []


def test_the_servers_wish_to_wait_is_heeded():
    line = Line(Undelivered("429", retry_after_s=20.0))
    box, _ = out(line)
    box.put(note("a"), 0.0)
    assert [now for now in range(40) if box.send_one(now)] == [0, 20]


def test_a_message_that_waits_does_not_hold_up_the_next():
    line = Line(Undelivered("500"))
    box, _ = out(line)
    box.put(note("a"), 0.0)
    box.put(note("b"), 0.0)
    box.send_one(0.0), box.send_one(0.5)
    assert line.sent == ["b"] and not box.is_empty


def test_a_final_refusal_and_too_many_tries_are_told_and_over():
    box, told = out(Line(Undelivered("404", is_final=True)))
    box.put(note("a"), 0.0)
    box.send_one(0.0)
    assert box.is_empty and told == ["`a` was not sent: 404"]
    box, told = out(Line(*[Undelivered("500")] * MOST_TRIES))
    box.put(note("b"), 0.0)
    tried = sum(box.send_one(float(now)) for now in range(0, 5000, 100))
    assert box.is_empty and tried == MOST_TRIES and told == [f"`b` was not sent after {MOST_TRIES} tries: 500"]


def test_what_waits_outlives_the_process_and_is_sent_once():
    line = Line(None, Undelivered("500"))
    box, _ = out(line)
    box.put(note("a"), 0.0)
    box.put(note("b"), 0.0)
    box.send_one(0.0), box.send_one(0.0)
    again, _ = out(line, state=box.state())
    while not again.is_empty:
        again.send_one(1e6)
    assert line.sent == ["a", "b"]


def test_a_kill_between_the_answer_and_its_note_sends_it_again_and_says_so():
    line, kept = Line(), []
    box = Outbox(line, 100, print, {}, lambda: kept.append(json.loads(json.dumps(box.state()))))
    box.put(note("a"), 0.0)
    box.put(note("b"), 0.0)
    sent = []
    line.send = sent.append
    box.send_one(0.0)  # taken; what was stored then is all that is left of it
    again = Outbox(line, 100, print, kept[-1])
    while not again.is_empty:
        again.send_one(1e6)
    assert [(one.title, one.text) for one in sent] == [("a", ""), ("a", AGAIN), ("b", "")]
    assert sent[0].id == sent[1].id != sent[2].id
    refused = Outbox(Line(Undelivered("500")), 100, print, {}, lambda: None)
    refused.put(note("c"), 0.0)
    refused.send_one(0.0)  # the answer was no: what is sent later is no repetition
    assert not refused.state()["waiting"][0]["is_on_its_way"]


def test_a_flood_is_cut_and_the_next_message_says_so():
    line = Line()
    box, _ = out(line, most=2)
    sent = []
    line.send = lambda message: sent.append((message.title, message.text))
    for number in range(5):
        box.put(note(str(number)), 0.0)
    box.put(note("later"), 4000.0)
    while box.send_one(1e6):
        pass
    assert [title for title, _ in sent] == ["0", "1", "later"] and "3 earlier messages" in sent[-1][1]


@pytest.mark.parametrize(("typed", "meant"), [("ended", "end"), ("failur", "failure"), ("stal", "stall")])
def test_an_occasion_that_is_misspelt_is_no_filter(typed, meant):
    with pytest.raises(ValidationError) as refused:
        AlertRule.model_validate(typed)
    assert meant in refused.value.errors()[0]["ctx"]["hint"]

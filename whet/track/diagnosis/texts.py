"""What findings say, in English and Chinese: one catalogue by message id, and how parameters are written.

Parameters are numbers as recorded. By the end of its name one is written as seconds (`_s`), bytes (`_bytes`) or percent
(`_share`); all others as numbers and texts are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from whet.base.errors import ConfigError
from whet.base.units import duration, figure, size
from whet.track.diagnosis.finding import Figure, Message
from whet.track.terminal.progress import printable

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

TEXTS: Mapping[str, Mapping[str, str]] = {
    "loss-spike.row": {
        "en": "the loss leapt from {level} to {loss} at step {step}: {blame_share} of it is row {row} of {source}",
        "zh": "第 {step} 步损失从 {level} 跳到 {loss}：其中 {blame_share} 来自 {source} 的第 {row} 行",
    },
    "loss-spike.row.remedy": {
        "en": "look at row {row} of {source}, and mend it or take it out",
        "zh": "查看 {source} 的第 {row} 行，修正或删除它",
    },
    "loss-spike.all": {
        "en": "the loss leapt from {level} to {loss} at step {step} in most rows at once: an update went too far",
        "zh": "第 {step} 步损失从 {level} 跳到 {loss}，而且大多数行同时升高：前一次更新步子太大",
    },
    "loss-spike.all.remedy": {
        "en": "no single row did it: take a lower learning rate, a longer warm-up or a smaller train.clip",
        "zh": "并非个别行造成：请降低学习率、延长预热或减小 train.clip",
    },
    "loss-spike": {
        "en": "the loss leapt from {level} to {loss} at step {step}",
        "zh": "第 {step} 步损失从 {level} 跳到 {loss}",
    },
    "loss-spike.remedy": {
        "en": "look at the rows of that step with the highest losses",
        "zh": "查看该步中损失最高的行",
    },
    "divergence": {
        "en": "the loss rises from step {step} on: it is {loss} now, and was {level} at step {best}",
        "zh": "损失自第 {step} 步起持续上升：现为 {loss}，第 {best} 步时为 {level}",
    },
    "divergence.remedy": {
        "en": "stop, and start again with a lower learning rate, a longer warm-up or a smaller train.clip",
        "zh": "停止训练，用更低的学习率、更长的预热或更小的 train.clip 重新开始",
    },
    "not-finite": {
        "en": "{name} is {value} at step {step}, in all rows at once: the weights, or the arithmetic, gave way",
        "zh": "第 {step} 步 {name} 为 {value}，所有行同时如此：问题出在权重或数值精度",
    },
    "not-finite.remedy": {
        "en": "go on from the last checkpoint with a lower learning rate, or in train.precision=bf16 or fp32",
        "zh": "从最近的检查点继续，降低学习率，或改用 train.precision=bf16 或 fp32",
    },
    "not-finite.layer": {
        "en": "{name} is {value} at step {step}; the first number that is none is the {what} of {layer}",
        "zh": "第 {step} 步 {name} 为 {value}；最早出现非有限数的是 {layer} 的 {what}",
    },
    "not-finite.layer.remedy": {
        "en": "keep that layer in fp32, or take a lower learning rate; see what its inputs were at step {step}",
        "zh": "让该层使用 fp32，或降低学习率；查看第 {step} 步它的输入",
    },
    "not-finite.row": {
        "en": "{name} is {value} at step {step}; it comes of row {row} of {source}, others of the step have numbers",
        "zh": "第 {step} 步 {name} 为 {value}；来源是 {source} 的第 {row} 行，同一步其他行正常",
    },
    "not-finite.row.remedy": {
        "en": "look at that row: an empty answer, a number that is none, or weights that add up to 0",
        "zh": "查看该行：答案是否为空、是否含非有限数、权重之和是否为 0",
    },
    "not-finite.rank": {
        "en": "{name} is {value} at step {step} on rank {rank} alone: its data or its device is at fault",
        "zh": "第 {step} 步只有 rank {rank} 的 {name} 为 {value}：问题在它的数据或设备",
    },
    "not-finite.rank.remedy": {
        "en": "compare the rows of that rank at step {step}, and test its device",
        "zh": "对照第 {step} 步该 rank 的行，并检测它的设备",
    },
    "data-stall": {
        "en": "steps wait for data: {waited_s} in all, {time_share} of the time ({fetch_s} to make what is learned "
        "from in {compute_s})",
        "zh": "训练在等数据：共 {waited_s}，占时间的 {time_share}（准备一步数据 {fetch_s}，计算只需 {compute_s}）",
    },
    "data-stall.remedy": {
        "en": "put data and cache on a local disk, give more processors, or load with more workers",
        "zh": "把数据和缓存放到本地盘，增加处理器，或增加加载进程",
    },
    "data-stall.stream": {
        "en": "steps are rendered while they are waited for: render once, before the start",
        "zh": "数据在训练时才渲染：改为训练前一次渲染好",
    },
    "straggler": {
        "en": "rank {rank} takes {rank_s} a step, the others {others_s}: they waited {lost_s} for it",
        "zh": "rank {rank} 每步 {rank_s}，其他 rank 为 {others_s}：为它共等待 {lost_s}",
    },
    "straggler.remedy": {
        "en": "see what else runs on the machine of rank {rank}, its clocks and its links; or leave it out",
        "zh": "查看 rank {rank} 所在机器上还有什么在跑、其频率与链路；或把它换下",
    },
    "memory-growth.host": {
        "en": "{name} grows on and on: from {from_bytes} to {to_bytes}, {step_bytes} a step",
        "zh": "{name} 持续增长：从 {from_bytes} 到 {to_bytes}，每步 {step_bytes}",
    },
    "memory-growth.host.remedy": {
        "en": "something keeps what it should let go of, such as a list of losses or a plug-in's cache; checkpoint now",
        "zh": "有东西没有释放，例如损失列表或插件的缓存；请先存一个检查点",
    },
    "memory-growth.device": {
        "en": "memory of a device grows on and on ({name}): from {from_bytes} to {to_bytes}, {step_bytes} a step",
        "zh": "设备显存持续增长（{name}）：从 {from_bytes} 到 {to_bytes}，每步 {step_bytes}",
    },
    "memory-growth.device.remedy": {
        "en": "tensors with their graphs are kept: detach what is collected; checkpoint now",
        "zh": "有张量连同计算图被保留：收集前请 detach；请先存一个检查点",
    },
    "schedule-jump": {
        "en": "the learning rate jumps from {expected} to {rate} at step {step}, where attempt {attempt} took over",
        "zh": "第 {step} 步第 {attempt} 次尝试接手时，学习率从 {expected} 跳到 {rate}",
    },
    "schedule-jump.remedy": {
        "en": "a run goes on with the schedule it began with: restore its settings, total and the scheduler's state",
        "zh": "续训应沿用原来的学习率计划：恢复其设置、总步数和调度器状态",
    },
    "dead-layers": {
        "en": "{count} layers get no gradient: {layers}",
        "zh": "有 {count} 层得不到梯度：{layers}",
    },
    "dead-layers.still": {
        "en": "{count} layers give on the same whatever comes in: {layers}",
        "zh": "有 {count} 层不论输入如何输出都一样：{layers}",
    },
    "dead-layers.remedy": {
        "en": "see whether weights before them are 0 or far off; start them anew, or freeze them on purpose",
        "zh": "检查其前面的权重是否为 0 或过大；重新初始化它们，或明确将其冻结",
    },
    "dead-layers.all": {
        "en": "the gradient norm is 0 in all {steps} steps: nothing is learned",
        "zh": "全部 {steps} 步的梯度范数都是 0：什么也没学到",
    },
    "dead-layers.all.remedy": {
        "en": "see whether anything is trainable, and whether rows have trained tokens and rewards differ",
        "zh": "检查是否有可训练参数、行中是否有参与训练的 token、奖励是否有差别",
    },
    "contamination": {
        "en": "{count} of {total} different rows that are measured ({rows_share}) were trained too, "
        "the first at step {step}",
        "zh": "评测的 {total} 个不同的行中有 {count} 行（{rows_share}）也被训练过，最早在第 {step} 步",
    },
    "contamination.remedy": {
        "en": "held-out figures flatter the model: take these rows out of data.train, and measure again",
        "zh": "留出集的指标偏高：把这些行从 data.train 中删去后重新评测",
    },
    "overfitting": {
        "en": "the held-out loss rose from {low} (step {step}) to {last}; that of training fell from {was} to {now}",
        "zh": "留出集损失从 {low}（第 {step} 步）升到 {last}，训练损失却从 {was} 降到 {now}",
    },
    "overfitting.remedy": {
        "en": "take the checkpoint nearest to step {step}; train less long, with more data or less rate, or stop early",
        "zh": "使用最接近第 {step} 步的检查点；减少训练步数、增加数据、降低学习率，或提前停止",
    },
    "untrained-tokens.new": {
        "en": "{count} new tokens were never trained: {tokens}",
        "zh": "有 {count} 个新增 token 从未被训练：{tokens}",
    },
    "untrained-tokens.new.remedy": {
        "en": "their embeddings are what they began as: add rows whose answers have them, or leave them out",
        "zh": "它们的嵌入仍是初始值：加入答案中含有它们的数据，或不要新增它们",
    },
    "untrained-tokens.end": {
        "en": "the token that ends answers ({tokens}) was read and never trained: the model will not stop",
        "zh": "结束回答的 token（{tokens}）只被读到而从未被训练：模型将不会停下",
    },
    "untrained-tokens.end.remedy": {
        "en": "let the template write the end of turn inside what is trained, and leave the check on",
        "zh": "让模板把回合结束符写进被训练的部分，并保留这项检查",
    },
    "untrained-tokens.rows": {
        "en": "{count} rows ({rows_share}) have no trained token, the first at step {step}: time for nothing",
        "zh": "有 {count} 行（{rows_share}）没有任何被训练的 token，最早在第 {step} 步：白费时间",
    },
    "untrained-tokens.rows.remedy": {
        "en": "see how their masks come about, and leave such rows out",
        "zh": "查看它们的掩码从何而来，并去掉这些行",
    },
    "checkpoint-stall": {
        "en": "{count} checkpoints took {all_s}, {time_share} of the time; one takes {usual_s}",
        "zh": "{count} 个检查点共用 {all_s}，占时间的 {time_share}；每个 {usual_s}",
    },
    "checkpoint-stall.remedy": {
        "en": "write them less often, or to a faster disk",
        "zh": "减少保存次数，或换更快的磁盘",
    },
    "checkpoint-stall.one": {
        "en": "the checkpoint of step {step} took {worst_s}, others {usual_s}",
        "zh": "第 {step} 步的检查点用了 {worst_s}，其他为 {usual_s}",
    },
    "checkpoint-stall.one.remedy": {
        "en": "the disk was full, or busy with something else",
        "zh": "当时磁盘已满，或正忙于别的事",
    },
    "throttling.device": {
        "en": "{device} slowed itself down for {slow_s}, {time_share} of the time",
        "zh": "{device} 降频运行了 {slow_s}，占时间的 {time_share}",
    },
    "throttling.device.remedy": {
        "en": "see to its cooling and its power limit",
        "zh": "检查散热与功率上限",
    },
    "throttling.group": {
        "en": "the container's processors were held back for {slow_s} of {whole_s}: its quota is used up",
        "zh": "容器的处理器在 {whole_s} 中被限制了 {slow_s}：配额已用尽",
    },
    "throttling.group.remedy": {
        "en": "give the container more processors, or load with fewer workers and threads",
        "zh": "给容器更多处理器，或减少加载进程和线程",
    },
}  # fmt: skip


# Names of figures that are no curves of the run.
FIGURES: Mapping[str, str] = {
    "level before": "此前水平", "deviations above": "偏离（标准差）", "spikes": "尖峰次数", "gradient norm": "梯度范数",
    "gradient norm before": "此前梯度范数", "share of the excess": "占超出部分", "median of the rows": "各行中位数",
    "best level": "最好水平", "level at the start": "开始时水平", "waited": "等待", "share of the time": "占时间",
    "longest wait": "最长等待", "to make a step's data": "准备一步数据", "to learn from it": "计算一步",
    "median step of the rank": "该 rank 每步中位数", "median step of the others": "其他 rank 每步中位数",
    "share of steps in which it is the slowest": "最慢的步占比", "waited for it": "为它等待", "a step": "每步",
    "an hour": "每小时", "expected": "预期", "attempt": "第几次尝试", "rows measured": "评测行数",
    "of them trained": "其中被训练", "share": "占比", "rows trained": "训练行数", "throttled": "降频",
    "rows without a trained token": "无训练 token 的行", "rows": "行数", "all checkpoints": "全部检查点",
    "median": "中位数", "slowest": "最慢", "time": "时间",
}  # fmt: skip


def said(message: Message, language: Language = "en", own: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """A message in a language; `own` are the texts of its rule, where they are not in the catalogue.

    Raises ConfigError for an id that neither has.
    """
    texts: Mapping[str, str] = {**TEXTS.get(message.id, {}), **(own or {}).get(message.id, {})}
    if not texts:
        raise ConfigError(
            f"no text is called `{message.id}`",
            hint=f'give its @diagnosis texts={{"{message.id}": {{"en": "The loss rises."}}}}',
        )
    template = texts.get(language) or texts.get("en") or next(iter(texts.values()))
    return template.format_map({name: _written(name, value) for name, value in message.parameters.items()})


def figure_said(one: Figure, language: Language = "en") -> str:
    """A figure as evidence: `loss 7.31 (step 340)`."""
    value = {"bytes": size, "s": duration, "share": _percent}.get(one.unit, figure)(one.value)
    unit = f" {one.unit}" if one.unit not in ("", "bytes", "s", "share") else ""
    where = ", ".join(part for part in (one.writer, "" if one.step is None else f"step {one.step}") if part)
    return f"{printable(figure_name(one, language))} {value}{unit}" + (f" ({where})" if where else "")


def figure_name(one: Figure, language: Language = "en") -> str:
    """What a figure is; of a curve of the run its name."""
    return FIGURES.get(one.name, one.name) if language == "zh" else one.name


def _written(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return printable(str(value))
    if name.endswith("_bytes"):
        return size(value)
    if name.endswith("_s"):
        return duration(value)
    if name.endswith("_share"):
        return _percent(value)
    return str(value) if isinstance(value, int) else figure(value)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"

"""The table of what goes together: pairs of features that no run has at once, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from whet.train.setup.features import OF_GIVEN, OF_REPLIES, OF_TEXT


@dataclass(frozen=True)
class Conflict:
    """Two features that no run has at once. `because` is a sentence with `{one}` and `{other}` in it.

    The hint is what the features say of being without them, unless the conflict has its own.
    """

    one: str
    other: str
    because: str
    hint: str | None = None


def _all(names: tuple[str, ...], other: str, because: str) -> tuple[Conflict, ...]:
    return tuple(Conflict(name, other, because) for name in names)


_REPLIES = tuple(f"data.{name}" for name in OF_REPLIES)
# What layers that compute a part of their matrices, or of their tokens, do not know of.
_OF_PARTS = ("parallel.tensor", "parallel.context")
_OTHER_NORM = "layer or group norm, or a `train` method that leaves it in evaluation mode"
# What stages that hold a part of the layers do not know of.
_OF_STAGES = (
    ("train.compile", "{one} compiles whole layers, which {other} has not been proven with"),
    ("train.group", "{one} shifts heads over samples, which {other} has not been proven with"),
    ("optimizer.attention_logits", "{one} clips the layers of all stages together, and {other} deals them out"),
    ("optimizer.sampled_gradient", "{one} draws labels from logits, which only the last stage of {other} has"),
    ("optimizer.turns", "{one} takes turns over all layers, and a rank of {other} has some of them"),
    ("objective.mtp", "{one} reads embeddings again at the end, and {other} has them at the beginning"),
    ("tuner.virtual", "{one} adds tokens that no text has, which the stages of {other} do not pass on"),
    ("track.layers", "{one} reads all layers, and a rank of {other} has some of them"),
    ("parallel.sequence", "{one} leaves ranks some of the tokens, which {other} has not been proven with"),
    ("train.fp16", "{one} scales the loss, which {other} has not been proven with"),
    ("model.no_tokens", "{other} is about language models, and {one} has no tokens"),
    (
        "family.seq2seq",
        "{other} sends the states of one row from layer to layer, and the model is {one}: each stage of its decoder "
        "would need those of the source as well, and give their gradients back past all others",
    ),
    ("model.unpacked", "{other} sends packed rows from stage to stage, and this is {one}"),
    ("model.own_head", "{other} reads trained positions at the last stage, and this is {one}"),
    ("model.mixers", "{other} sends packed rows from stage to stage, and this is {one}"),
)
# The first feature of a pair is the one to change, and the place of the error.
CONFLICTS: tuple[Conflict, ...] = (
    *_all(
        ("train.ema", "optimizer.sampled_gradient", "optimizer.attention_logits", "tuner.other_weights"),
        "train.in_backward", "{other} does not go with {one}",
    ),
    Conflict(
        "train.rollback", "objective.rollouts", "{one} leaves out batches of before, and {other} makes new ones, whose "
        "loss has no level of its own"
    ),
    *_all(
        ("train.ema", "optimizer.sampled_gradient", "optimizer.attention_logits", "optimizer.evaluation_weights"),
        "train.offload.optimizer", "{other}: {one} reads state outside of the step of its weight",
    ),
    Conflict(
        "optimizer.at_once", "train.offload.optimizer",
        "{one} steps all weights at once, and {other} has the state of one at a time", "optimizer: lion",
    ),
    Conflict("train.offload.optimizer", "train.offload.weights", "{one} does nothing: state lies with its weight"),
    Conflict(
        "train.in_backward", "train.offload.weights",
        "{one} steps in a hook of autograd, and shards get their gradients without it",
    ),
    Conflict("tuner.whole_weights", "train.offload.weights", "{one} needs whole weights, and {other} has shards"),
    *(
        Conflict("train.offload.weights", name, because)
        for name, because in (
            ("parallel.tensor", "{one} is for weights that FSDP2 alone cuts, and {other} cuts them too"),
            ("parallel.expert", "{one} is for weights that FSDP2 alone cuts, and {other} deals them out"),
            ("parallel.pipeline", "{one} has not been proven with stages"),
            ("objective.rollouts", "{one}: the local engine answers with weights where they are trained"),
            ("evaluate.prompts", "{one}: answers are given with weights where they are trained"),
        )
    ),
    Conflict("train.in_backward", "ranks.several", "{one} runs on one process"),
    Conflict("train.in_backward", "train.fp16", "{one} steps before {other} knows whether all gradients fit"),
    Conflict("optimizer.sampled_gradient", "train.fp16", "{one} takes a second gradient, which {other} does not scale"),
    Conflict("tuner.whole_weights", "ranks.several", "{one} needs the whole weights on one process"),
    Conflict("track.layers", "train.in_backward", "{one} reads gradients of whole layers, and {other} keeps none"),
    Conflict(
        "optimizer.at_once", "train.in_backward", "{one} steps all weights at once, and {other} one at a time",
        "optimizer: lion",
    ),
    Conflict("train.rounding", "weights.fp32", "{one} does nothing: no weights are bfloat16"),
    *_all(
        ("optimizer.turns", "optimizer.evaluation_weights"), "train.ema",
        "{other}: {one} forgets or averages weights itself",
    ),
    Conflict(
        "optimizer.sampled_gradient", "objective.fixed_labels",
        "{one} draws labels from the model, and {other} takes none",
    ),
    Conflict(
        "optimizer.sampled_gradient", "objective.mtp", "{one} draws labels from the model, of the next token alone"
    ),
    Conflict(
        "train.group", "objective.mtp", "{one} shifts attention in the model's own layers, and {other} adds others"
    ),
    Conflict(
        "train.group", "tuner.virtual",
        "{one} cuts samples into groups, and the virtual tokens of {other} belong to all",
    ),
    Conflict(
        "optimizer.attention_logits", "tuner.virtual",
        "{one} scales back projections to queries and keys, and {other} trains none",
    ),
    *_all(
        tuple(f"data.{name}" for name in OF_GIVEN), "objective.rollouts",
        "{one} does nothing: {other} learns from the model's answers",
    ),
    Conflict("data.cut", "objective.rollouts", "a prompt cannot be cut", "data.truncation=skip"),
    *(
        Conflict(
            f"train.{name}", "objective.rollouts",
            "{one} does nothing: a step has the answers to rollout.prompts / rollout.updates prompts",
            "rollout.prompts=16",
        )
        for name in ("tokens", "batch_tokens", "batch_samples")
    ),
    *_all(("rewards", "rollout"), "objective.given", "{one} does nothing: {other} does not learn from answers"),
    *_all(
        ("rollout.max_turns", "rollout.tool_timeout_s"), "rollout.no_tools", "{one} does nothing: there are no tools"
    ),
    Conflict("data.train_on_all", "objective.replies", "{other} learns from replies, and {one} asks for all tokens"),
    Conflict("data.loss_scale", "objective.fim", "{one} weighs text where it stands, and {other} moves it"),
    Conflict("data.streaming", "train.no_length", "a stream has no known length", "train.steps=1000"),
    Conflict("data.held_out_share", "data.streaming", "a stream has no known part to hold out"),
    Conflict(
        "data.streaming", "objective.streams",
        "{other} compares samples that lie far apart, and a stream has only the next ones",
    ),
    Conflict(
        "objective.stored", "data.streaming", "{one}: a stream is not known beforehand, so nothing can be stored"
    ),
    Conflict(
        "objective.tail", "objective.asked", "{one} does nothing: the teacher is asked about the whole vocabulary",
        "objective.top=64",
    ),
    Conflict(
        "objective.own", "objective.stored",
        "what is stored knows nothing of what the student will say itself, as {one} asks for",
    ),
    Conflict(
        "objective.labels_of_data", "data.streaming", "a stream has no known labels",
        "objective.labels=[negative,positive]",
    ),
    Conflict(
        "evaluate.early_stop", "data.nothing_held_out", "{one} does nothing: nothing is held out to measure",
        "data.held_out=0.1",
    ),
    Conflict(
        "evaluate.early_stop", "evaluate.at_end", "{one} does nothing: {other} measures when the run is over",
        "evaluate.every=10",
    ),
    Conflict(
        "evaluate.every", "data.nothing_held_out",
        "{one} does nothing: nothing is held out to measure, and there are no prompts to answer", "data.held_out=0.1",
    ),
    Conflict("evaluate.prompts", "objective.head", "{one} asks for answers, and a model of {other} gives none"),
    Conflict(
        "train.neftune", "objective.replays",
        "{one}: {other} goes over each step twice, and the noise is there only once",
    ),
    *_all(_REPLIES, "objective.form", "{one} does nothing: {other} takes raw text"),
    *_all(
        ("data.allowed_replies", *(name for name in _REPLIES if name != "data.allow")), "objective.reading",
        "{one} is about conversations, and {other} reads none",
    ),
    *_all(
        (*(f"data.{name}" for name in OF_TEXT), "evaluate.prompts", "train.neftune", "train.group", "train.tokens",
         "train.batch_tokens"),
        "model.no_tokens", "{one} is about tokens, and the model has none",
    ),
    Conflict("train.group", "family.masked", "{one} shifts the attention of decoders, and the model is {other}"),
    Conflict("train.group", "family.seq2seq", "{one} shifts the attention of decoders, and the model is {other}"),
    Conflict(
        "objective.bidirectional", "family.masked",
        "{one} does nothing: an encoder's tokens see all of their text anyway",
    ),
    Conflict("evaluate.prompts", "family.masked", "{one}: an encoder writes no answers"),
    Conflict("train.neftune", "family.seq2seq", "{one} is for models that read and write in one row"),
    *_all(
        tuple(name for name in _REPLIES if name != "data.loss_scale"), "family.seq2seq",
        "{one} does nothing: an encoder-decoder reads a question as it is and learns all of its answer",
    ),
    # Meshes.
    *(
        Conflict(name, "parallel.expert", because)
        for name, because in (
            ("train.compile", "{one} compiles whole layers, and those of {other} talk to other ranks in between"),
            ("model.no_tokens", "{other} is about language models, and {one} has no tokens"),
            ("family.masked", "{other} is proven for decoders, and the model is {one}"),
            ("family.seq2seq", "{other} is proven for decoders, and the model is {one}"),
        )
    ),
    *(
        Conflict(name, part, because)
        for part in _OF_PARTS
        for name, because in (
            ("train.compile", "{one} compiles whole layers, and those of {other} talk to other ranks in between"),
            ("train.group", "{one} shifts whole heads over whole samples, and a rank of {other} has a part of them"),
            ("optimizer.attention_logits", "{one} reads the logits of all heads and tokens, and {other} cuts them"),
            ("optimizer.sampled_gradient", "{one} draws labels from whole logits, which no rank of {other} has"),
            ("objective.mtp", "{one} adds layers that {other} knows no plan of"),
            ("tuner.virtual", "{one} adds tokens that no text has, which {other} cannot deal out"),
            ("track.layers", "{one} reads whole layers, and a rank of {other} has a part of them"),
            ("model.no_tokens", "{other} is about language models, and {one} has no tokens"),
        )
    ),
    Conflict("parallel.sequence", "parallel.no_tensor", "{one} does nothing: it shares tokens among ranks of tensor"),
    Conflict(
        "parallel.sequence", "family.seq2seq",
        "{one} leaves ranks some of the tokens of a row, and the model is {other}, whose layers read two rows",
    ),
    *(
        Conflict(name, "parallel.no_context", "{one} does nothing: it is how ranks of context share attention")
        for name in ("parallel.context_by", "parallel.context_heads")
    ),
    Conflict("parallel.context_heads", "parallel.one_exchange", "{one} does nothing: {other} has one kind of exchange"),
    *(
        Conflict("train.balance", name, because)
        for name, because in (
            ("objective.head", "{one} is beside losses of language models, and {other} has a head of its own"),
            ("optimizer.sampled_gradient", "{one}: {other} takes the loss of labels that it draws, which is another"),
            ("parallel.pipeline", "{one} adds up what all routers do, and {other} has them on several ranks"),
            ("model.no_tokens", "{one} is about tokens, and the model has none"),
            ("family.masked", "{one} is proven for decoders, and the model is {other}"),
            ("family.seq2seq", "{one} is proven for decoders, and the model is {other}"),
        )
    ),
    *(Conflict(name, "parallel.pipeline", because) for name, because in _OF_STAGES),
    *(
        Conflict(name, other, because)
        for name in ("parallel.schedule", "parallel.stages")
        for other, because in (("parallel.no_pipeline", "{one} does nothing: there is no pipeline"),)
    ),
    Conflict("train.neftune", "parallel.context", "{one} draws noise for whole samples, and {other} cuts them"),
    # What follows is known once the model is built: before any weight is read.
    Conflict("train.group", "model.unpacked", "{one} shifts attention that goes through whet, and this is {other}"),
    Conflict(
        "optimizer.attention_logits", "model.unpacked",
        "{one} reads attention that goes through whet, and this is {other}",
    ),
    Conflict(
        "optimizer.attention_logits", "model.normalised_queries", "{one} clips logits that grow, and this is {other}"
    ),
    Conflict(
        "optimizer.attention_logits", "model.no_queries",
        "{one} scales back projections to queries and keys, and this is {other}",
    ),
    *(
        Conflict(
            "objective.mtp", name, "{one} looks ahead in packed rows whose head is read in chunks, and this is {other}"
        )
        for name in ("model.unpacked", "model.own_head", "model.mixers")
    ),
    Conflict("model.adapter", "objective.mtp", "{one} cannot hold the modules that look further ahead", "tuner=full"),
    Conflict("optimizer.turns", "model.no_blocks", "{one} trains blocks in turn, and this is {other}"),
    *(
        Conflict("parallel.context", name, "{one} deals the tokens of packed rows out, and this is {other}")
        for name in ("model.unpacked", "model.own_head", "model.mixers")
    ),
    Conflict("train.depth_rate", "model.no_blocks", "{one} does nothing: this is {other}"),
    Conflict("train.recompute_every", "train.no_recompute", "{one} does nothing: no layer is computed again"),
    Conflict("train.offload.activations", "model.not_recomputed", "{one} takes what blocks keep, and this is {other}"),
    Conflict(
        "train.fp8", "model.experts",
        "{one} multiplies linear layers, and this is {other}: torch's grouped product in 8 bits gives no gradients",
    ),
    Conflict("train.recompute", "model.not_recomputed", "{one} computes blocks again, and this is {other}"),
    Conflict("train.recompute", "model.batch_norm", "{one}: {other} normalises by its batch, which would count twice"),
    Conflict(
        "model.batch_norm", "model.tokens", "{one}: a token would be normalised by those of other samples", _OTHER_NORM
    ),
    Conflict(
        "model.batch_norm_apart", "ranks.several", "{one}: each rank would normalise by its own samples",
        f"one process, or {_OTHER_NORM}",
    ),
    Conflict(
        "train.part_of_a_step", "model.batch_norm", "{other}: each micro-batch of {one} would be normalised by itself"
    ),
)  # fmt: skip

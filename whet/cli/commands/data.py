"""`whet data inspect`: a file as the model will see it, token by token. `whet data cache`: what is kept of it."""

from __future__ import annotations

import argparse
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import RunError, WhetError
from whet.cli.arguments import number, whole
from whet.cli.plugins import add_plugin_argument
from whet.cli.progress import waiting
from whet.cli.streams import can_say
from whet.data.chat.template_wording import SYSTEM, THINKING, TOOLS, Wording

if TYPE_CHECKING:
    from rich.console import Console

    from whet.data.inspect import Inspection, Renders, Shown
    from whet.data.sources.files import Source

_WHITE: dict[str, str | int | None] = {"\n": "⏎", "\t": "⇥", "\r": "␍"}
_PLAIN: dict[str, str | int | None] = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}  # where the terminal lacks them
_MAX_COLUMNS = 20
_MAX_CAUSES = 8  # of refusals that are shown, the most frequent first
_WORDINGS = (("tools", "auto"), ("thinking", "keep"), ("system", "keep"))
_MAX_TOKENS = 120  # of one segment; the middle of longer ones is left out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    inspect = actions.add_parser("inspect", help="show tokens with roles and weights, lengths, and rows to be skipped")
    inspect.add_argument("file", metavar="FILE", help="file, folder or hub id; FILE#100 takes 100 rows by chance")
    inspect.add_argument(
        "--model", required=True, help="folder, run, hub id, or tokenizer.json whose tokenizer is used"
    )
    inspect.add_argument("--rows", type=whole(0), default=3, help="rows to show token by token (default: 3)")
    inspect.add_argument("--limit", type=whole(0), default=10_000, help="rows to read (default: 10000; 0 reads all)")
    inspect.add_argument("--format", help="data format (default: detected)")
    inspect.add_argument("--columns", nargs="*", default=[], metavar="OURS=FILE'S", help="columns to rename")
    inspect.add_argument("--lines", action="store_true", help="every line of a text file is a row")
    inspect.add_argument(
        "--template", metavar="NAME", help="chat template instead of the tokenizer's: a name or a file"
    )
    inspect.add_argument(
        "--new-tokens", nargs="+", default=[], metavar="TOKEN", help="tokens that `model.new_tokens` would add"
    )
    inspect.add_argument("--tools", default="auto", choices=TOOLS, help="how tools are written (default: auto)")
    inspect.add_argument(
        "--thinking", default="keep", choices=THINKING, help="what is done with thoughts (default: keep)"
    )
    inspect.add_argument("--system", default="keep", choices=SYSTEM, help="where a system message goes (default: keep)")
    inspect.add_argument("--train-on", default="assistant", choices=["assistant", "last", "all"])
    inspect.add_argument("--allow", nargs="*", default=[], metavar="CHECK", help="checks that may fail")
    inspect.add_argument("--max-length", type=whole(1), help="list samples with more tokens than this")
    inspect.add_argument("--refused", action="store_true", help="list every row that would be skipped, with its cause")
    inspect.add_argument("--json", action="store_true", help="print everything as one JSON object")
    add_plugin_argument(inspect)
    cache = actions.add_parser("cache", help="list the rendered data that is kept, or remove what is old")
    cache.add_argument(
        "--prune", type=number(0, 1e6), metavar="DAYS", help="remove what no run has opened for so many days"
    )


def main(args: argparse.Namespace) -> int:
    return _cache(args.prune) if args.action == "cache" else _inspect(args)


def _cache(days: float | None) -> int:
    """Print the shards of the cache, or those that are removed."""
    from datetime import datetime

    from whet.base.units import size
    from whet.data.store.cache import cached, default_cache, prune

    shards = cached() if days is None else prune(days * 86_400)
    for shard in shards:
        used = datetime.fromtimestamp(shard.used).isoformat(sep=" ", timespec="minutes")
        print(f"{size(shard.num_bytes):>10}  {used}  {shard.source}")
    total, what = size(sum(shard.num_bytes for shard in shards)), "in" if days is None else "removed from"
    print(f"{len(shards):,} rendered sources, {total}, {what} {default_cache()}")
    return 0


def _inspect(args: argparse.Namespace) -> int:
    from whet.data.inspect import inspect
    from whet.data.render.renderer import Renderer
    from whet.data.sources.files import Source

    entry = {"path": args.file, "format": args.format, "columns": _columns(args.columns), "lines": args.lines}
    source = Source.parse(entry, Path.cwd())
    renderer, how = _renderer(args, source)
    with waiting("reading") as told:
        seen = inspect(
            source,
            renderer,
            rows=args.rows,
            limit=args.limit or None,
            max_length=args.max_length,
            context=_context(args.model, args.max_length) if isinstance(renderer, Renderer) else None,
            report=lambda count: told(f"{count:,} rows read"),
        )
    if args.json:
        print(json.dumps(_as_json(seen) | {"conversations": how}, ensure_ascii=False))
    else:
        _print(seen, how if "conversation" in _kinds(seen) else {}, args.refused)
    return 0


def _kinds(seen: Inspection) -> set[str]:
    """Kinds of rows, those that are made of conversations as that."""
    made_of = {"preference": "conversation", "labelled": "conversation"}
    return {made_of.get(kind, kind) for kind in seen.kinds}


def _renderer(args: argparse.Namespace, source: Source) -> tuple[Renders, dict[str, str]]:
    """What renders rows as training does: one row, the passages of an encoder, or a source and a target.

    And how conversations are written, what was decided for the user included.
    """
    from whet.base.documents import read_object
    from whet.base.errors import ModelError
    from whet.data.chat.speech import speech_of
    from whet.data.chat.template_choice import any_tools, facts, wording_for
    from whet.data.render.chunks import PassageRenderer
    from whet.data.render.renderer import Renderer
    from whet.data.render.seq2seq_texts import SideRenderer

    model = _model(args.model)
    tokenizer, file = _tokenizer(model), Path(model).expanduser() / "config.json"
    if args.new_tokens:
        from whet.models.tuning import new_tokens

        new_tokens.add(tokenizer, args.new_tokens)
    if file.is_file() and read_object(file, error=ModelError).get("is_encoder_decoder"):
        _refuse_of_replies(args, "an encoder-decoder reads a question as it is")
        return SideRenderer(tokenizer), {}
    if tokenizer.mask_token and not tokenizer.eos_token and not tokenizer.chat_template and args.template is None:
        _refuse_of_replies(args, "an encoder reads text as it is")
        return PassageRenderer(tokenizer), {}
    wording, told = Wording(args.tools, args.thinking, args.system), {}
    if args.template is not None or tokenizer.chat_template:
        chosen = wording_for(wording, tokenizer, args.template, lambda: any_tools([source], ()))
        told = facts(speech_of(tokenizer, args.template, chosen, with_tools=True))
        if chosen.tools != wording.tools == "auto" and chosen.as_text:
            told["tools"] += ", since the template cannot write them (data.tools=auto)"
        wording = chosen
    renderer = Renderer(
        tokenizer, template=args.template, wording=wording, train_on=args.train_on, allow=args.allow
    )  # fmt: skip
    return renderer, told


def _refuse_of_replies(args: argparse.Namespace, reason: str) -> None:
    from whet.base.errors import ConfigError

    for name, default in (("template", None), *_WORDINGS, ("train_on", "assistant"), ("allow", [])):
        if getattr(args, name) != default:
            raise ConfigError(f"`--{name.replace('_', '-')}` does nothing: {reason}", hint="leave it out")


def _model(name: str) -> str:
    """What a tokenizer is read from: of a run, or its name, the model it wrote."""
    from whet.track.reading import store
    from whet.track.registry.names import is_reference

    if is_reference(name):
        from whet.models.loading.find import find_model

        return find_model(name)
    path = Path(name).expanduser()
    if path.is_file() or (path / "tokenizer_config.json").is_file() or (path / "tokenizer.json").is_file():
        return name
    with suppress(RunError):
        written = store.find(name) / "model"
        if written.is_dir():
            return str(written)
    return name


def _context(model: str, max_length: int | None) -> int | None:
    """How many tokens the model sees, where its config says so; None where fewer are allowed, and listed, anyway."""
    path = Path(_model(model)).expanduser()
    if path.exists() and not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        return None  # a tokenizer alone: nothing asks for the code of models, whose import takes seconds
    from whet.models.loading.reading import context_length, stored_config
    from whet.models.loading.spec import Spec

    context = None
    with suppress(WhetError):  # a model that training says no to in its own words
        spec = Spec(_model(model))
        context = context_length(stored_config(spec.under or spec))
    return context if max_length is None or context is None or max_length > context else None


def _tokenizer(model: str) -> Any:
    from whet.base import hub
    from whet.base.errors import ModelError
    from whet.models.loading.find import near_run

    path = Path(model).expanduser()
    try:
        if path.is_file():
            from transformers import PreTrainedTokenizerFast

            return PreTrainedTokenizerFast(tokenizer_file=str(path))
        from transformers import AutoTokenizer

        with hub.asked(model):
            return AutoTokenizer.from_pretrained(model)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, ... for what it cannot load
        reason = error if path.exists() else hub.silence() or error
        near = None if path.exists() else near_run(model)
        hint = f"did you mean `{near}`?" if near else "--model Qwen/Qwen3-0.6B, a folder, or a tokenizer.json"
        raise ModelError(f"no tokenizer could be loaded from {model}: {reason}", hint=hint) from error


def _columns(pairs: list[str]) -> dict[str, str]:
    from whet.base.errors import ConfigError

    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ConfigError(f"`--columns {wrong[0]}` names no column of the file", hint="--columns prompt=question")
    return dict(pair.split("=", 1) for pair in pairs)


def _as_json(seen: Inspection) -> dict[str, Any]:
    return {
        "source": seen.source,
        "rows": seen.num_rows,
        "is_partial": seen.is_partial,
        "formats": seen.formats,
        "files": seen.files,
        "unread": seen.unread,
        "notes": [asdict(note) for note in seen.notes],
        "kinds": seen.kinds,
        "samples": len(seen.lengths),
        "tokens": sum(seen.lengths),
        "trained": sum(seen.trained),
        "lengths": [{"up_to": bound, "samples": count} for bound, count in seen.histogram()],
        "causes": [
            {"reason": rows[0][1].reason, "rows": [row for row, _ in rows], "detail": rows[0][1].detail}
            for rows in seen.causes()
        ],
        "refused": {
            reason: {"rows": [row for row, _ in rows], "detail": rows[0][1].detail, "hint": rows[0][1].hint}
            for reason, rows in seen.refused.items()
        },
        "context": seen.context,
        "beyond": {
            "rows": list(seen.beyond),
            "longest": max(seen.beyond.values(), default=0),
            "hint": long.hint if (long := seen.refusal()) else None,
        },
        "shown": [
            {
                "row": shown.row,
                "kind": shown.kind,
                "part": shown.part,
                "tokens": [{"id": t.id, "text": t.text, "role": t.role, "weight": t.weight} for t in shown.tokens],
            }
            for shown in seen.shown
        ],
    }


def _print(seen: Inspection, told: dict[str, str], show_refused: bool) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    for shown in seen.shown:
        _print_row(console, shown)
    tokens, trained = sum(seen.lengths), sum(seen.trained)
    formats = ", ".join(f"{name} ({count:,})" for name, count in seen.formats.most_common())
    for what, said in told.items():
        console.print(f"{what:<10} {said}")
    console.print(f"{seen.source}: {'the first ' if seen.is_partial else ''}{seen.num_rows:,} rows as {formats}")
    if tokens:
        share = f"{trained:,} trained ({100 * trained / tokens:.3g} %)"
        longest, mean = max(seen.lengths), tokens / len(seen.lengths)
        console.print(
            f"{len(seen.lengths):,} samples, {tokens:,} tokens, {share}; mean {mean:,.0f}, longest {longest:,}"
        )
        _print_histogram(console, seen)
    _print_decided(console, seen)
    _print_refused(console, seen, show_refused)


def _print_row(console: Console, shown: Shown) -> None:
    from rich.text import Text

    trained = sum(token.weight > 0 for token in shown.tokens)
    part = f", {shown.part}" if shown.part else ""
    console.print(f"row {shown.row} ({shown.kind}{part}): {len(shown.tokens):,} tokens, {trained:,} with weight")
    mark, white = ("▶", _WHITE) if can_say("▶⏎⇥␍") else (">", _PLAIN)
    for role, weight, texts in shown.segments():
        if len(texts) > _MAX_TOKENS:
            half = _MAX_TOKENS // 2
            texts = [*texts[:half], f" ... {len(texts) - 2 * half:,} tokens ... ", *texts[-half:]]
        line = Text(f"  {role:<10} {weight:g} {mark if weight else ' '} ", style="bold" if weight else "dim")
        line.append("|".join(texts).translate(str.maketrans(white)), style="green" if weight else "dim")
        console.print(line)
    console.print()


def _print_histogram(console: Console, seen: Inspection) -> None:
    bins = seen.histogram()
    most, bar = max(count for _, count in bins), "█" if can_say("█") else "#"
    for bound, count in bins:
        console.print(f"  up to {bound:>9,} tokens {count:>9,} {bar * round(40 * count / most)}")


def _print_decided(console: Console, seen: Inspection) -> None:
    """What was decided for the user: files, columns that are not read, and rows that look as if not meant so."""
    if seen.files:
        console.print(f"files: {seen.files}")
    if seen.unread:
        more = f" and {len(seen.unread) - _MAX_COLUMNS:,} more" if len(seen.unread) > _MAX_COLUMNS else ""
        console.print(f"columns that are not read: {', '.join(seen.unread[:_MAX_COLUMNS])}{more}")
    for note in seen.notes:
        console.print(f"note: {note}")


def _print_beyond(console: Console, seen: Inspection) -> None:
    """What `whet train` will say of rows that are longer than the model sees."""
    error = seen.refusal()
    if error is None:
        return
    are, them = ("row is", "it is") if len(seen.beyond) == 1 else ("rows are", "they are")
    console.print(
        f"{len(seen.beyond):,} {are} longer than the model sees, and `whet train` stops unless {them} cut or skipped; "
        f"the longest is {error.at}: {error.message}",
        style="bold",
    )
    console.print(f"  hint: {error.hint}")


def _print_refused(console: Console, seen: Inspection, show_all: bool) -> None:
    """What would be skipped, by its cause; with `show_all` every row of it."""
    _print_beyond(console, seen)
    if not seen.refused and not seen.beyond:
        console.print("nothing would be skipped")
        return
    causes = seen.causes()
    for rows in causes if show_all else causes[:_MAX_CAUSES]:
        number, first = rows[0]
        console.print(f"{len(rows):,} refused ({first.reason}), such as row {number}: {first.detail}", style="bold")
        if first.hint:
            console.print(f"  hint: {first.hint}")
        for number, other in rows[1:] if show_all else ():
            console.print(f"  row {number}: {other.detail}")
    if len(causes) > _MAX_CAUSES and not show_all:
        console.print(f"causes left out: {len(causes) - _MAX_CAUSES:,}; --refused lists every row")

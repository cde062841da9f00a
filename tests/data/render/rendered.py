"""Renderers of every style of template, and what they make of a conversation."""

from tests.data.conversations import STYLES, assistant, style_tokenizer, user
from whet.contracts.rows import Conversation
from whet.data.refusal import Refused
from whet.data.render.renderer import Rendered, Renderer

TOKENIZERS = {name: style_tokenizer(style) for name, style in STYLES.items()}
TOKENIZERS |= {f"{name} words": style_tokenizer(STYLES[name], words=True) for name in ("llama2", "mistral", "llama3")}
RENDERERS = {name: Renderer(tokenizer) for name, tokenizer in TOKENIZERS.items()}


def conversation(pairs, first=()):
    return Conversation([*first, *(message for asked, said in pairs for message in (user(asked), assistant(said)))])


def only(renderer, row, **options):
    [result] = renderer.render([row], **options)
    assert isinstance(result, Rendered), result
    return result


def refused(renderer, row):
    [result] = renderer.render([row])
    assert isinstance(result, Refused), result
    return result


CALL = {"id": "call00000", "type": "function", "function": {"name": "get_time", "arguments": {"zone": "UTC"}}}
TOOLS = [{"type": "function", "function": {"name": "get_time", "description": "the time", "parameters": {}}}]
TOOL_ROW = Conversation(
    [
        user("What time is it?"),
        assistant("", tool_calls=[CALL]),
        {"role": "tool", "content": "12:00", "tool_call_id": "call00000"},
        assistant("Noon."),
    ],
    TOOLS,
)

"""The channel `telegram`: a bot of Telegram."""

from __future__ import annotations

from whet.base.catalogue import channel
from whet.track.follow.addresses import Allowed
from whet.track.follow.message import Channel, Message
from whet.track.follow.post import post_json
from whet.track.follow.secrets import Secrets

_LONGEST = 4096


@channel("telegram", secrets=("token",))
def telegram(secrets: Secrets, allowed: Allowed, *, chat_id: str, server: str = "https://api.telegram.org") -> Channel:
    """A bot of Telegram; what BotFather gave is the secret `token`.

    chat_id: the chat, such as "@channel", or its number in quotes
    server: the Bot API, if it is one of your own
    """
    return Telegram(f"{server.rstrip('/')}/bot{secrets['token']}/sendMessage", chat_id, allowed)


class Telegram:
    """Sends plain text (https://core.telegram.org/bots/api#sendmessage)."""

    def __init__(self, url: str, chat_id: str, allowed: Allowed) -> None:
        self._url, self._chat_id, self._allowed = url, chat_id, allowed

    def send(self, message: Message) -> None:
        body = {
            "chat_id": self._chat_id,
            "text": message.as_text()[:_LONGEST],
            "link_preview_options": {"is_disabled": True},
        }
        post_json(self._url, body, self._allowed)

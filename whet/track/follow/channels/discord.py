"""The channel `discord`: a webhook of a Discord channel."""

from __future__ import annotations

from whet.base.catalogue import channel
from whet.track.follow.addresses import Allowed
from whet.track.follow.message import Channel, Message
from whet.track.follow.post import post_json
from whet.track.follow.secrets import Secrets

_LONGEST = 2000


@channel("discord", secrets=("url",))
def discord(secrets: Secrets, allowed: Allowed) -> Channel:
    """A webhook of a Discord channel; its address is the secret `url`."""
    return Discord(secrets["url"], allowed)


class Discord:
    """Posts text that mentions nobody (https://discord.com/developers/docs/resources/webhook#execute-webhook)."""

    def __init__(self, url: str, allowed: Allowed) -> None:
        self._url, self._allowed = url, allowed

    def send(self, message: Message) -> None:
        body = {"content": message.as_text()[:_LONGEST], "allowed_mentions": {"parse": []}}
        post_json(self._url, body, self._allowed)

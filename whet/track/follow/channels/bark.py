"""The channel `bark`: the Bark app of an iPhone."""

from __future__ import annotations

from whet.base.catalogue import channel
from whet.track.follow.addresses import Allowed
from whet.track.follow.message import Channel, Message
from whet.track.follow.post import post_json
from whet.track.follow.secrets import Secrets

_URGENCY = {"info": "active", "warn": "timeSensitive", "error": "timeSensitive"}


@channel("bark", secrets=("key",))
def bark(secrets: Secrets, allowed: Allowed, *, server: str = "https://api.day.app") -> Channel:
    """The Bark app of an iPhone; the device's key is the secret `key`.

    server: the push server, if it is one of your own
    """
    return Bark(f"{server.rstrip('/')}/push", secrets["key"], allowed)


class Bark:
    """Pushes a note, those of a run in one group; one that comes again takes the other's place (https://bark.day.app/#/en-us/tutorial)."""

    def __init__(self, url: str, key: str, allowed: Allowed) -> None:
        self._url, self._key, self._allowed = url, key, allowed

    def send(self, message: Message) -> None:
        body = {
            "device_key": self._key, "title": f"{message.run}: {message.title}", "body": message.text or message.level,
            "group": message.run, "level": _URGENCY[message.level], "id": message.id,
        }  # fmt: skip
        post_json(self._url, body, self._allowed)

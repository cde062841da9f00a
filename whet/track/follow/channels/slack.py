"""The channel `slack`: an incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat)."""

from __future__ import annotations

from whet.base.catalogue import channel
from whet.track.follow.addresses import Allowed
from whet.track.follow.message import Channel, Message
from whet.track.follow.post import post_json
from whet.track.follow.secrets import Secrets


@channel("slack", secrets=("url",))
def slack(secrets: Secrets, allowed: Allowed) -> Channel:
    """An incoming webhook of Slack; its address is the secret `url`."""
    return Slack(secrets["url"], allowed)


class Slack:
    """Posts text in which nothing is a mention or a link (https://api.slack.com/reference/surfaces/formatting)."""

    def __init__(self, url: str, allowed: Allowed) -> None:
        self._url, self._allowed = url, allowed

    def send(self, message: Message) -> None:
        text = message.as_text().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        post_json(self._url, {"text": text}, self._allowed)

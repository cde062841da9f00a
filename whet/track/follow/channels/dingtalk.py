"""The channel `dingtalk`: a custom robot of DingTalk, with or without a signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from urllib.parse import quote_plus

from whet.base.catalogue import channel
from whet.track.follow.addresses import Allowed
from whet.track.follow.message import Channel, Message
from whet.track.follow.post import post_json
from whet.track.follow.secrets import Secrets
from whet.track.follow.undelivered import Undelivered

# Too many messages a minute, and the server is busy.
_LATER = (130101, 410100, -1)


@channel("dingtalk", secrets=("url",), optional_secrets=("sign",))
def dingtalk(secrets: Secrets, allowed: Allowed) -> Channel:
    """A custom robot of DingTalk; its address is the secret `url`, the key of its signature `sign`."""
    return DingTalk(secrets["url"], secrets.find("sign"), allowed)


class DingTalk:
    """Posts text (https://open.dingtalk.com/document/robots/custom-robot-access)."""

    def __init__(self, url: str, key: str | None, allowed: Allowed) -> None:
        self._url, self._key, self._allowed = url, key, allowed

    def send(self, message: Message) -> None:
        url = self._url
        if self._key:
            moment = round(time.time() * 1000)
            url += f"{'&' if '?' in url else '?'}timestamp={moment}&sign={quote_plus(signature(self._key, moment))}"
        body = {"msgtype": "text", "text": {"content": message.as_text()}}
        answer = post_json(url, body, self._allowed)
        code = answer.get("errcode", 0) if isinstance(answer, dict) else 0
        if code:
            raise Undelivered(f"DingTalk answered errcode {code}", is_final=code not in _LATER)


def signature(key: str, moment: int) -> str:
    """HMAC-SHA256 of milliseconds and key, under the key."""
    return base64.b64encode(hmac.new(key.encode(), f"{moment}\n{key}".encode(), hashlib.sha256).digest()).decode()

"""The channel `lark`: a custom bot of Lark or Feishu, with or without a signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

from whet.base.catalogue import channel
from whet.track.follow.addresses import Allowed
from whet.track.follow.message import Channel, Message
from whet.track.follow.post import post_json
from whet.track.follow.secrets import Secrets
from whet.track.follow.undelivered import Undelivered

# Too many messages, and the server is busy.
_LATER = (9499, 11232, 1500)


@channel("lark", secrets=("url",), optional_secrets=("sign",))
def lark(secrets: Secrets, allowed: Allowed) -> Channel:
    """A custom bot of Lark or Feishu; its address is the secret `url`, the key of its signature `sign`."""
    return Lark(secrets["url"], secrets.find("sign"), allowed)


class Lark:
    """Posts text (https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot)."""

    def __init__(self, url: str, key: str | None, allowed: Allowed) -> None:
        self._url, self._key, self._allowed = url, key, allowed

    def send(self, message: Message) -> None:
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": message.as_text().replace("<", "‹")}}
        if self._key:
            moment = int(time.time())
            body |= {"timestamp": str(moment), "sign": signature(self._key, moment)}
        answer = post_json(self._url, body, self._allowed)
        code = answer.get("code", answer.get("StatusCode", 0)) if isinstance(answer, dict) else 0
        if code:
            raise Undelivered(f"Lark answered code {code}", is_final=code not in _LATER)


def signature(key: str, moment: int) -> str:
    """HMAC-SHA256 of nothing, under time and key."""
    return base64.b64encode(hmac.new(f"{moment}\n{key}".encode(), b"", hashlib.sha256).digest()).decode()

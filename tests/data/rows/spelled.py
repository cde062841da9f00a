"""What the tests of this room read: one exchange in its usual spellings."""

from whet.data.rows.detect import Detector


def read(row, name=None):
    return Detector(name).parse(row, "here")


def said(row):
    return [(message["role"], message["content"]) for message in read(row).messages]


ASKED = [("user", "a"), ("assistant", "b")]
MESSAGES = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
SHAREGPT = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
ANOTHER = {"role": "assistant", "content": "another"}

"""Print rows for recipes/copy-sft.yaml and recipes/copy-grpo.yaml: every way to put three of six letters in a row."""

import itertools
import json

for letters in itertools.product("abcdef", repeat=3):
    text = " ".join(letters)
    print(json.dumps({"question": text, "answer": text}))

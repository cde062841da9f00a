"""Loads a package as MLflow's users do: `python mlflow_loading.py PACKAGE SITE_PACKAGES`, by a Python with mlflow.

SITE_PACKAGES, which has torch and transformers, comes behind MLflow's own. Prints what both flavours answer, as JSON.
"""

import json
import sys
from pathlib import Path

sys.path.append(sys.argv[2])

import mlflow

loaded = mlflow.pyfunc.load_model(sys.argv[1])
texts = ["the quick fox", "a lazy dog sleeps while"]
said = loaded.predict(texts, params={"max_new_tokens": 6})
pipeline = mlflow.transformers.load_model(sys.argv[1])
needs = mlflow.pyfunc.get_model_dependencies(sys.argv[1])
ids = pipeline.tokenizer(texts[0])["input_ids"]
print(json.dumps({"said": said, "ids": ids, "task": pipeline.task, "needs": Path(needs).read_text().split(),
                  "inputs": loaded.metadata.signature.inputs.to_dict()}))  # fmt: skip

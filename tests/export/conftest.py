"""Exports load many models of few architectures, whose probes are tested elsewhere."""

from __future__ import annotations

import pytest

OF_FILES = ("_name_or_path", "quantization_config")  # what a config says beside the architecture
VERDICTS: dict[tuple[str, str], object] = {}


@pytest.fixture(autouse=True)
def _an_architecture_is_probed_once(monkeypatch):
    from whet.export.quantizing import coding
    from whet.models.loading import pretrained

    probed = pretrained.verdict_of

    def known(spec, config, context):
        shape = {name: value for name, value in config.to_dict().items() if name not in OF_FILES}
        key = repr(shape), repr(context)
        if key not in VERDICTS:
            VERDICTS[key] = probed(spec, config, context)
        return VERDICTS[key]

    for module in (pretrained, coding):
        monkeypatch.setattr(module, "verdict_of", known)

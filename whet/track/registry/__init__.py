"""The registry of models: names, immutable versions, aliases."""

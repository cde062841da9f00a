"""From rows of `contracts` to samples: token ids, with what is trained, for every family of model."""

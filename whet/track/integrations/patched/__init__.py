"""`whet.track.patch("wandb")`: what already reports to another tracker is recorded too, or instead."""

from whet.track.integrations.patched.patching import Patch, names, patch

__all__ = ["Patch", "names", "patch"]

"""Readers: one file a form of another tracker's runs. Nothing that is found is ever unpickled or run."""

"""How conversations become text, and which of its characters the assistant said: templates, dialects, masks."""

"""Our front before a server of another engine: keys, limits, errors, feedback and figures are ours."""

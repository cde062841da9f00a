"""Follow: a process beside a run that hands what it logs to plug-ins, and can neither slow nor stop it."""

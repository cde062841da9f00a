"""The ranks of a run as processes: where each of them is, who is late or gone, and what is begun anew."""

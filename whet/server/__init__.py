"""Server: the runs of a folder over HTTP, for people, for MLflow's clients, and for runs that are pushed to it."""

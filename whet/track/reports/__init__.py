"""Reports: written text between charts and tables of runs, kept in a folder, and shared as one file."""

"""Running a model's Python code so that it can hurt nothing and take no more than its share."""

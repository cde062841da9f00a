"""MLflow: its REST API over our runs, so that its clients work unchanged."""

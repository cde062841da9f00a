"""What a class of models holds in memory while it trains, traced once with our own ops and kept as formulas."""

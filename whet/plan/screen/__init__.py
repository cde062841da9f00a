"""What the screen of the plan asks: choices, and formulas of the engine, which a browser evaluates as sliders move."""

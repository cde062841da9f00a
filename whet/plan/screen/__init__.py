"""What the screen of the plan asks: closed forms of the engine, that a browser evaluates as sliders move."""

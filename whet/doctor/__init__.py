"""Doctor: what of a machine will hurt a training, found before one starts."""

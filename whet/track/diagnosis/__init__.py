"""Diagnosis: what went wrong in a run, by rules over what it recorded, each with evidence, a remedy and a link."""

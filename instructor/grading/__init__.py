"""Grading by re-execution: hand-ins -> two verdicts each, in a sandbox, and pages to hand back."""

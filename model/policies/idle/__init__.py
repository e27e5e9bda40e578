"""Variants of idle page tracking: who looks at accessed bits, how often, and what it costs."""

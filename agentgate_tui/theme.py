"""The colours: the Okabe-Ito family, told apart by people with any common colour vision. Widgets name meanings only."""

from __future__ import annotations

from textual.theme import Theme

NAME = "agentgate"
PLAIN = "ansi-dark"
"""What stands in under NO_COLOR: with it only default colours, bold and reverse reach the terminal."""

AGENTGATE = Theme(
    name=NAME,
    primary="#56B4E9",
    secondary="#0072B2",
    warning="#F0E442",
    error="#E8743B",  # vermillion, lifted until it has 4.5:1 on the panel as well
    success="#1FB588",  # bluish green, lifted likewise
    accent="#CC79A7",
    foreground="#D8DEE4",
    background="#101418",
    surface="#101418",
    panel="#1C232B",
    dark=True,
    variables={
        "text-primary": "#56B4E9",
        "text-warning": "#F0E442",
        "text-error": "#E8743B",
        "text-success": "#1FB588",
        "text-accent": "#CC79A7",
        "text-muted": "#97A3AF",
    },
)

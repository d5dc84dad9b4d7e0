"""Widgets that more than one screen uses, and the sources they draw from.

A widget takes immutable values and emits small messages; it knows no run, no store and no clock, and colours come from
the theme. Text reaches it as `SafeText` only. Anything repeated more than 200 times is drawn with the line API.
`line_index`, `log_source` and `log_search` import no Textual, so that they can be tested and timed without it.
"""

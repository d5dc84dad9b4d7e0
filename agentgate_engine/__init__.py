"""The engine: everything that works an order and keeps its evidence. Headless; never imports textual.

The spine stands at the top of this package, one noun a file; each folder below it holds one room of the house
and says in its own docstring what lives there and what may not.
"""

__version__ = "0.1.0"

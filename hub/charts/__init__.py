"""Charts: Vega-Lite specifications with named data and colours, and what turns them into pictures."""

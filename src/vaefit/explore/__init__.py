"""The explorer: a page on this machine where a run's model answers; and the page of a fit under way."""

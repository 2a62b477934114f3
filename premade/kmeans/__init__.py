"""Clustering by k-means: `clustering` has the Estimator, and the others its parts.

`start` chooses the first centres, `rules` move them, `distances` says what near is.
"""

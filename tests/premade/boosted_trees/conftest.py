"""The plain way to find a split: every one there is, row by row, in float64."""

from __future__ import annotations

import numpy as np
import pytest

MISSING = 255


def penalised(g, h, options):
    """Twice what the best leaf gains: max over w of -2 (g w + l1 |w|) - (h + l2) w^2."""
    shrunk = max(abs(g) - options.l1, 0.0)
    return shrunk**2 / (h + options.l2) if h + options.l2 > 0.0 else 0.0


def best_split(bins, g, h, options, features=None):
    """Returns gain, feature, threshold, missing_left and who goes left; None without a split."""
    best, found = 0.0, None
    own = penalised(g.sum(), h.sum(), options)
    for feature in range(len(bins)) if features is None else features:
        is_missing = bins[feature] == MISSING
        for threshold in range(MISSING):
            for missing_left in (False, True):
                left = np.where(is_missing, missing_left, bins[feature] <= threshold)
                gl, hl = left @ g, left @ h
                gr, hr = g.sum() - gl, h.sum() - hl
                if min(hl, hr) <= 0.0 or min(hl, hr) < options.min_node_weight:
                    continue
                gain = penalised(gl, hl, options) + penalised(gr, hr, options) - own
                gain -= options.tree_complexity
                if gain > best:
                    # Without missing values to learn from, they go where more weight goes.
                    side = missing_left if is_missing.any() else bool(hl >= hr)
                    best, found = gain, (gain, feature, threshold, side, left)
    return found


@pytest.fixture(scope="session")
def brute_force():
    return best_split

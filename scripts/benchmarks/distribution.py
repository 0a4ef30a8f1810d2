"""Latency distributions as steps: pairs of a value and how many requests took that long."""


def quantile(steps, fraction):
    """The least value that `fraction` of the requests do not exceed."""
    total = sum(count for _, count in steps)
    if total <= 0:
        raise ValueError("a distribution of nothing has no quantile")
    wanted, seen = fraction * total, 0.0
    for value, count in sorted(steps):
        seen += count
        # Shares of a whole do not add up exactly in floating point.
        if seen >= wanted - 1e-9 * total:
            return value
    return max(steps)[0]


def thin(steps, points=200):
    """At most `points` (fraction, value) pairs of a distribution, denser at its tail; for plots and files."""
    fractions = [index / (points - 20) for index in range(1, points - 20)]
    fractions += [1 - 10 ** -(2 + index / 10) for index in range(20)] + [1.0]
    return [(round(fraction, 6), quantile(steps, fraction)) for fraction in sorted(set(fractions))]

"""Covering numbers of boxes: how many points are within ε of every point.

Distances are measured coordinate by coordinate (ℓ∞). Numbers are given as Fractions, so that
nothing is rounded: 7/50 divided by 2/100 is exactly 7. Complete the functions that raise
NotImplementedError.
"""

import itertools
import math
from fractions import Fraction


# Part a. One rectangle.
def covering_number_of_rectangle(epsilon):
    """The ε-covering number of [0, 1] x [0, 2], an int."""
    # BEGIN SOLUTION
    return math.ceil(1 / (2 * epsilon)) * math.ceil(1 / epsilon)
    # END SOLUTION


# Part b. Any box.
def covering_number(intervals, epsilon):
    """The ε-covering number of [a_1, b_1] x ... x [a_d, b_d], an int.

    intervals is a list of [a, b] with a <= b; an interval may be a single point.
    """
    # BEGIN SOLUTION
    return math.prod(max(1, math.ceil((b - a) / (2 * epsilon))) for a, b in intervals)
    # END SOLUTION


# Part b-2. The cover itself.
def minimal_cover(intervals, epsilon):
    """A smallest ε-cover of the box: a list of points in it, each a list of d Fractions."""
    # BEGIN SOLUTION
    axes = []
    for a, b in intervals:
        n = max(1, math.ceil((b - a) / (2 * epsilon)))
        axes.append([a + (b - a) * Fraction(2 * j + 1, 2 * n) for j in range(n)])
    return [list(point) for point in itertools.product(*axes)]
    # END SOLUTION


# Part c. Growth.
def volume_in_balls(intervals, epsilon):
    """The volume of the box divided by that of one ε-ball, (2ε)^d: a Fraction, a lower bound."""
    # BEGIN SOLUTION
    return math.prod(Fraction(b - a) / (2 * epsilon) for a, b in intervals)
    # END SOLUTION


if __name__ == "__main__":
    print(covering_number_of_rectangle(Fraction(1, 20)))
    print(covering_number([[0, 1]] * 10, Fraction(1, 20)))

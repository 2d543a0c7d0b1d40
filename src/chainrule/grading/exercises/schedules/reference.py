"""Learning rates that stay, that shrink, and that rise and fall.

A maker returns a function f(curr_lr, epoch, batch_idx, N) -> learning rate, which is called
before every step; curr_lr is the rate of the step before, N the number of batches in an epoch.
Complete the functions that raise NotImplementedError.
"""


# Part e-1. Always the same.
def const_lr_maker(const=0.001):
    # BEGIN SOLUTION
    def f(curr_lr, epoch, batch_idx, N):
        return const

    return f
    # END SOLUTION


# Part e-2. The rate before, times a factor.
def anneal_lr_maker(factor=0.99):
    # BEGIN SOLUTION
    def f(curr_lr, epoch, batch_idx, N):
        return curr_lr * factor

    return f
    # END SOLUTION


# Part e-3. A triangle, then a tail; p = epoch + batch_idx / N is the progress.
def special_lr_maker(hp_max=0.1, epochs=3, hp_final=0.005, extra=5):
    """The rate is

    2 hp_max p / epochs                                    where p < epochs / 2,
    hp_final + 2 (hp_max - hp_final) (epochs - p) / epochs    up to p = epochs,
    hp_final (extra - (p - epochs)) / extra                up to p = epochs + extra,
    hp_final / 10                                          after that.
    """

    # BEGIN SOLUTION
    def f(curr_lr, epoch, batch_idx, N):
        p = epoch + batch_idx / N
        if p < epochs / 2:
            return 2 * hp_max * p / epochs
        if p <= epochs:
            return hp_final + 2 * (hp_max - hp_final) * (epochs - p) / epochs
        if p <= epochs + extra:
            return hp_final * (extra - (p - epochs)) / extra
        return hp_final / 10

    return f
    # END SOLUTION

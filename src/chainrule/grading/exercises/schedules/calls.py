"""How the parts of schedules use a submission: as training does, step after step."""


def rates(work, maker, options, epochs, batches, start):
    schedule = work[maker](**options)
    default = work[maker]()
    found, rate = [], start
    for epoch in range(epochs):
        for batch in range(batches):
            rate = schedule(rate, epoch, batch, batches)
            found.append(rate)
    return {"rates": found, "the rate by default": default(start, 1, 1, 4)}


def phases(work, maker, options, epochs, batches, start):
    """The rates of the special scheme by what they do, so that each is judged on its own."""
    found = rates(work, maker, options, epochs, batches, start)
    top, extra = options.get("epochs", 3), options.get("extra", 5)
    # How many of the steps lie before the end of each phase; the ends belong to the phase, but
    # that of the rise to the fall.
    p = [i / batches for i in range(epochs * batches)]
    ends = {
        "rates while they rise": sum(each < top / 2 for each in p),
        "rates while they fall": sum(each <= top for each in p),
        "rates in the tail": sum(each <= top + extra for each in p),
        "rates after the tail": len(p),
    }
    values, first = {}, 0
    for name, end in ends.items():
        values[name] = found["rates"][first:end]
        first = end
    return {**values, "the rate by default": found["the rate by default"]}

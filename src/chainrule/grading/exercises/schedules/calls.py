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

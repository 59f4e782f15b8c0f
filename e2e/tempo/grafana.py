def check(tally, program, folder):
    pass

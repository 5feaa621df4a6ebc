"""What goes wrong because of the input, said so that a person can act on it."""


class Problem(ValueError):
    """Bad input: one plain sentence that names the trouble and the next step.

    The window shows it as a notification, the command line on stderr with exit status 2.
    """

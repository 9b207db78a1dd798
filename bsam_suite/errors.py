"""The error for what a user can mend."""


class InputError(ValueError):
    """A value from outside (config, option, file) is not usable.

    The message names the value, the place where it stands and the remedy. The command-line tools
    print it as a single line and exit with status 1, without a traceback.
    """

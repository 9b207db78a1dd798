"""The error for what a user can mend."""


class InputError(ValueError):
    """A value from outside (config, option, file) is not usable.

    The message names the value, the place where it stands and the remedy. The command-line tools
    print it as a single line and exit with status 1, without a traceback.
    """

    def __init__(self, message: str) -> None:
        # PyTorch hands an error of a data-loading worker on with its traceback as message.
        super().__init__(message.rpartition("InputError: ")[2].rstrip())

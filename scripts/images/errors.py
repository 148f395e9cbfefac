"""Why images cannot be made."""


class ImageProblem(Exception):
    """The image cannot be made; the message says what failed and the hint what to do."""

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.hint = hint

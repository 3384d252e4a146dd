"""What a page is told when it asks for what cannot be."""

from collections.abc import Sequence

from vaefit.errors import VaefitError


class Refused(VaefitError):
    """A request that cannot be answered; the message says why, `offers` what may be asked for instead."""

    def __init__(self, message: str, status: int = 422, offers: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status, self.offers = status, tuple(offers)

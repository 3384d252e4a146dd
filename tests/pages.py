"""What tests of pages share."""

import re

# Names that would be markup if they could.
EVIL = "<script>alert(1)<script>"
QUOTED = "\"><img src=x onerror=alert(1)> & 'co'"
SMALL = {"latent_dim": 2, "encoder_layers": (8,), "decoder_layers": (8,), "epochs": 2, "batch_size": 25}


def sections_of(page: str) -> list[str]:
    """The sections' anchors, in the page's order."""
    return re.findall(r'<section id="([\w-]+)"', page)

"""How numbers are said in sentences."""


def counted(count: int, one: str, many: str) -> str:
    """A number with its noun.

    >>> counted(1, "image", "images"), counted(1200, "image", "images")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {one if count == 1 else many}"

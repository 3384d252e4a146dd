"""The type checker that the tests run the package under: a whole number is a number too."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))

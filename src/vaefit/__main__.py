"""`python -m vaefit` is the command line."""

from vaefit.cli import main

if __name__ == "__main__":
    main()

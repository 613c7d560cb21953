"""`python -m eigrad` is the command `eigrad`."""

from eigrad.cli import main

if __name__ == "__main__":
    main()

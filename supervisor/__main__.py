"""`python -m supervisor`: the same as the console script."""

from supervisor.cli import main

if __name__ == "__main__":
    main()

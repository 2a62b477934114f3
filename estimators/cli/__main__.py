"""`python -m estimators.cli`."""

from estimators.cli.main import run

if __name__ == "__main__":
    run()

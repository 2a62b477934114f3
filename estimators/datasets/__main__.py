"""`python -m estimators.datasets rows.csv`: writes synthetic census rows to a csv file."""

from __future__ import annotations

import argparse

from estimators.datasets.synthetic_inputs import synthetic_census_rows


def main() -> None:
    """Writes the file that the command line asks for."""
    parser = argparse.ArgumentParser(description="Writes synthetic census rows to a csv file.")
    parser.add_argument("path", help="the csv file")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    data = synthetic_census_rows(arguments.rows, arguments.seed)
    data.write_csv(arguments.path)
    print(
        f"{arguments.rows} synthetic rows in {arguments.path}; best reachable AUC on them: "
        f"{data.bayes_auc:.4f}"
    )


if __name__ == "__main__":
    main()

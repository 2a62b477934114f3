"""Made-up census rows: the columns of the real data, and a label whose probability is known.

NOTHING HERE IS REAL. Only the names, the categories and the rough frequencies follow the Adult
data (`census_columns`); every row is drawn from the formulas below. It is for trying things out
without a network, and for knowing how good a model could be at best.

How a row is drawn, each line given those above it:

- sex, race, native_country, workclass: from fixed frequencies; fnlwgt: log-normal;
- age: 17 + gamma(2.2, 9.9), at most 90;
- education: from fixed frequencies; under 22 years no higher than "Some-college";
- marital_status: married with chance 0.62 / (1 + exp((29 - age) / 5)), else never married with
  chance 1 / (1 + exp((age - 38) / 8)), else one of the others;
- relationship: "Husband" or "Wife" if married, else by age;
- occupation: one set of frequencies with a degree (Bachelors and up), one without; it is missing,
  with the workclass, in 5.6 % of the rows;
- hours_per_week: 40 for 47 % of the rows, else normal(40, 14) within 1 to 99;
- capital_gain: zero for 92 %, else log-normal; capital_loss: zero for 95 %, else normal.

The label is ">50K" with probability 1 / (1 + exp(-logit)), where `_logit` adds up effects of
education, age, marriage, hours, occupation, workclass, capital, and two crossed effects (education
with occupation, sex with marriage). Race, country and fnlwgt have no effect.
"""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from estimators.datasets.census_columns import (
    EDUCATIONS,
    FEATURES,
    LABEL,
    LABEL_VOCABULARY,
    VOCABULARIES,
)

_Array: TypeAlias = npt.NDArray[Any]

# Shares of `EDUCATIONS`, and of the first categories of the other vocabularies, in percent.
_EDUCATION_SHARES = (
    0.2,
    0.5,
    1.0,
    2.0,
    1.6,
    2.9,
    3.6,
    1.3,
    32.3,
    22.4,
    4.2,
    3.3,
    16.4,
    5.3,
    1.8,
    1.3,
)
_WORKCLASS_SHARES = (74.0, 8.3, 3.6, 3.1, 6.8, 4.2)
_RACE_SHARES = (85.4, 9.6, 3.2, 1.0, 0.8)
_DEGREE_OCCUPATION_SHARES = (38, 5, 27, 8, 11, 3, 1, 1, 1, 1, 3, 1)
_OTHER_OCCUPATION_SHARES = (5, 17, 9, 14, 12, 13, 9, 6, 6, 4, 3, 2, 1)
_UNMARRIED_STATUSES = ("Divorced", "Separated", "Widowed", "Married-spouse-absent")

_OCCUPATION_EFFECTS = {
    "Exec-managerial": 1.0,
    "Prof-specialty": 0.7,
    "Tech-support": 0.6,
    "Protective-serv": 0.6,
    "Sales": 0.4,
    "Craft-repair": 0.1,
    "Machine-op-inspct": -0.3,
    "Transport-moving": -0.1,
    "Handlers-cleaners": -0.8,
    "Farming-fishing": -0.9,
    "Other-service": -1.0,
    "Priv-house-serv": -2.0,
}
_WORKCLASS_EFFECTS = {"Self-emp-inc": 0.4, "Federal-gov": 0.5, "Self-emp-not-inc": -0.4}
_FIRST_DEGREE = EDUCATIONS.index("Bachelors") + 1


@dataclasses.dataclass(frozen=True, eq=False)
class SyntheticCensus:
    """Made-up rows with their labels and the true chances of these.

    Attributes:
        features: array `[rows]` by column name: int64, or str objects with "" for missing.
        labels: "<=50K" or ">50K", `[rows]`.
        probabilities: true probability of ">50K" given the features, `[rows]`, float64.
    """

    features: Mapping[str, _Array]
    labels: _Array
    probabilities: _Array

    @property
    def bayes_auc(self) -> float:
        """Best expected area under the ROC curve on these rows; see the function `bayes_auc`."""
        return bayes_auc(self.probabilities)

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the rows in the shape of the real csv files: a header, the label last."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*FEATURES, LABEL])
            columns = [self.features[name].tolist() for name in FEATURES]
            writer.writerows(zip(*columns, self.labels.tolist(), strict=True))


def synthetic_census(rows: int, rng: np.random.Generator) -> SyntheticCensus:
    """Returns so many made-up rows, drawn as the head of this file says.

    Raises:
        ValueError: `rows` is below 1.

    >>> data = synthetic_census(1000, np.random.default_rng(7))
    >>> sorted(data.features) == sorted(FEATURES), data.labels.shape
    (True, (1000,))
    """
    if rows < 1:
        raise ValueError(f"`rows` must be at least 1, got {rows}.")
    person = _person(rows, rng)
    features = person | _family(person, rng) | _work(person, rng) | _capital(rows, rng)
    probabilities = 1 / (1 + np.exp(-_logit(features)))
    labels = np.array(LABEL_VOCABULARY, object)[(rng.random(rows) < probabilities).astype(int)]
    return SyntheticCensus({name: features[name] for name in FEATURES}, labels, probabilities)


def bayes_auc(probabilities: npt.ArrayLike) -> float:
    """Returns the area under the ROC curve of the best possible model, in expectation.

    No score orders rows better than the true probability p. For labels drawn from it, the expected
    number of (positive, negative) pairs in the right order, over the expected number of pairs, is

        sum over i != j of p_i (1 - p_j) ([p_i > p_j] + [p_i = p_j] / 2)  /  sum of p_i (1 - p_j).

    A model's AUC on labels that were drawn once may lie above it by chance: with n rows by
    about 1 / sqrt(n).

    Args:
        probabilities: true probability of the positive class, `[rows]`, at least two rows.

    Raises:
        ValueError: there are no pairs: fewer than two rows, or only certain labels of one class.

    >>> bayes_auc([0.0, 1.0])
    1.0
    >>> bayes_auc([0.5, 0.5])
    0.5
    """
    scores, counts = np.unique(np.asarray(probabilities, np.float64), return_counts=True)
    positive, negative = counts * scores, counts * (1 - scores)
    # A row is no pair with itself: it cannot be of both classes.
    tied = positive * negative - counts * scores * (1 - scores)
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum() - (counts * scores * (1 - scores)).sum()
    if pairs <= 0:
        raise ValueError(
            "There must be two rows that can be of different classes, got probabilities "
            f"{scores[:3].tolist()} for {counts.sum()} rows."
        )
    return float(((positive * below).sum() + tied.sum() / 2) / pairs)


def _person(rows: int, rng: np.random.Generator) -> dict[str, _Array]:
    age = np.minimum(17 + rng.gamma(2.2, 9.9, rows), 90).astype(np.int64)
    education_num = 1 + rng.choice(len(EDUCATIONS), rows, p=_shares(_EDUCATION_SHARES))
    some_college = EDUCATIONS.index("Some-college") + 1
    education_num = np.where(age < 22, np.minimum(education_num, some_college), education_num)
    countries = ("United-States", "", *VOCABULARIES["native_country"][1:])
    rare = 1 / np.arange(1, len(countries) - 1)
    return {
        "age": age,
        "sex": _draw(VOCABULARIES["sex"], (67, 33), rows, rng),
        "race": _draw(VOCABULARIES["race"], _RACE_SHARES, rows, rng),
        "native_country": _draw(countries, (89.6, 1.8, *(8.6 * rare / rare.sum())), rows, rng),
        "fnlwgt": rng.lognormal(12.0, 0.5, rows).astype(np.int64),
        "education": np.array(EDUCATIONS, object)[education_num - 1],
        "education_num": education_num.astype(np.int64),
    }


def _family(person: Mapping[str, _Array], rng: np.random.Generator) -> dict[str, _Array]:
    age, rows = person["age"], len(person["age"])
    married = rng.random(rows) < 0.62 / (1 + np.exp((29 - age) / 5))
    never = rng.random(rows) < 1 / (1 + np.exp((age - 38) / 8))
    others = _draw(_UNMARRIED_STATUSES, (64, 15, 15, 6), rows, rng)
    single = np.where(never, "Never-married", others)
    child = never & (rng.random(rows) < 1 / (1 + np.exp((age - 27) / 4)))
    alone = _draw(("Not-in-family", "Unmarried", "Other-relative"), (64, 28, 8), rows, rng)
    spouse = np.where(person["sex"] == "Male", "Husband", "Wife")
    relationship = np.where(married, spouse, np.where(child, "Own-child", alone))
    return {
        "marital_status": np.where(married, "Married-civ-spouse", single).astype(object),
        "relationship": relationship.astype(object),
    }


def _work(person: Mapping[str, _Array], rng: np.random.Generator) -> dict[str, _Array]:
    rows = len(person["age"])
    occupations = VOCABULARIES["occupation"]
    occupation = np.where(
        person["education_num"] >= _FIRST_DEGREE,
        _draw(occupations, _DEGREE_OCCUPATION_SHARES, rows, rng),
        _draw(occupations, _OTHER_OCCUPATION_SHARES, rows, rng),
    )
    workclass = _draw(VOCABULARIES["workclass"], _WORKCLASS_SHARES, rows, rng)
    unknown = rng.random(rows) < 0.056
    hours = np.clip(rng.normal(40, 14, rows), 1, 99)
    return {
        "occupation": np.where(unknown, "", occupation),
        "workclass": np.where(unknown, "", workclass),
        "hours_per_week": np.where(rng.random(rows) < 0.47, 40, hours).astype(np.int64),
    }


def _capital(rows: int, rng: np.random.Generator) -> dict[str, _Array]:
    gain = np.minimum(rng.lognormal(8.8, 0.9, rows), 99_999)
    loss = np.clip(rng.normal(1870, 350, rows), 155, 4356)
    return {
        "capital_gain": np.where(rng.random(rows) < 0.08, gain, 0).astype(np.int64),
        "capital_loss": np.where(rng.random(rows) < 0.05, loss, 0).astype(np.int64),
    }


def _logit(features: Mapping[str, _Array]) -> _Array:
    married = features["marital_status"] == "Married-civ-spouse"
    degree = features["education_num"] >= _FIRST_DEGREE
    office = np.isin(features["occupation"], ("Exec-managerial", "Prof-specialty"))
    gain, loss = features["capital_gain"], features["capital_loss"]
    return (
        -2.7
        + 0.32 * (features["education_num"] - 10)
        - 1.5 * np.minimum(((features["age"] - 50) / 20) ** 2, 4)
        + 0.03 * (np.clip(features["hours_per_week"], 20, 60) - 40)
        + 2.5 * married
        + 0.6 * (married & (features["sex"] == "Female"))
        + 0.5 * (degree & office)
        + _effects(features["occupation"], _OCCUPATION_EFFECTS)
        + _effects(features["workclass"], _WORKCLASS_EFFECTS)
        + 3.5 * (gain > 6000)
        + 0.6 * ((gain > 0) & (gain <= 6000))
        + 1.3 * (loss > 1800)
    )


def _effects(values: _Array, effects: Mapping[str, float]) -> _Array:
    categories, places = np.unique(values, return_inverse=True)
    return np.array([effects.get(category, 0.0) for category in categories])[places]


def _draw(
    categories: Sequence[str], shares: Sequence[float], rows: int, rng: np.random.Generator
) -> _Array:
    """Returns so many of the first categories, as often as their shares say."""
    return np.array(categories[: len(shares)], object)[
        rng.choice(len(shares), rows, p=_shares(shares))
    ]


def _shares(shares: Sequence[float]) -> _Array:
    return np.asarray(shares, np.float64) / np.sum(shares)

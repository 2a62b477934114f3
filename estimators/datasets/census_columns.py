"""Columns of the census income ("Adult") data: names, types and categories.

Source: B. Becker and R. Kohavi, "Adult", UCI Machine Learning Repository, 1996 (CC BY 4.0), an
extract of the 1994 census of the USA. A missing value is the empty string.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LABEL = "income"
LABEL_VOCABULARY = ("<=50K", ">50K")

INTEGER_COLUMNS = (
    "age",
    "fnlwgt",
    "education_num",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
)

_WORKCLASSES = (
    "Private",
    "Self-emp-not-inc",
    "Self-emp-inc",
    "Federal-gov",
    "Local-gov",
    "State-gov",
    "Without-pay",
    "Never-worked",
)
EDUCATIONS = (
    "Preschool",
    "1st-4th",
    "5th-6th",
    "7th-8th",
    "9th",
    "10th",
    "11th",
    "12th",
    "HS-grad",
    "Some-college",
    "Assoc-voc",
    "Assoc-acdm",
    "Bachelors",
    "Masters",
    "Prof-school",
    "Doctorate",
)
"""From low to high: the one at place i has `education_num` i + 1."""

_MARITAL_STATUSES = (
    "Married-civ-spouse",
    "Never-married",
    "Divorced",
    "Separated",
    "Widowed",
    "Married-spouse-absent",
    "Married-AF-spouse",
)
_OCCUPATIONS = (
    "Prof-specialty",
    "Craft-repair",
    "Exec-managerial",
    "Adm-clerical",
    "Sales",
    "Other-service",
    "Machine-op-inspct",
    "Transport-moving",
    "Handlers-cleaners",
    "Farming-fishing",
    "Tech-support",
    "Protective-serv",
    "Priv-house-serv",
    "Armed-Forces",
)
_RELATIONSHIPS = (
    "Husband",
    "Not-in-family",
    "Own-child",
    "Unmarried",
    "Wife",
    "Other-relative",
)
_RACES = ("White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other")
_SEXES = ("Male", "Female")
# The spelling is that of the data: "Hong" is Hong Kong, "South" most likely South Korea.
_COUNTRIES = (
    "United-States",
    "Mexico",
    "Philippines",
    "Germany",
    "Canada",
    "Puerto-Rico",
    "El-Salvador",
    "India",
    "Cuba",
    "England",
    "Jamaica",
    "South",
    "China",
    "Italy",
    "Dominican-Republic",
    "Vietnam",
    "Guatemala",
    "Japan",
    "Poland",
    "Columbia",
    "Taiwan",
    "Haiti",
    "Iran",
    "Portugal",
    "Nicaragua",
    "Peru",
    "France",
    "Greece",
    "Ecuador",
    "Ireland",
    "Hong",
    "Cambodia",
    "Trinadad&Tobago",
    "Thailand",
    "Laos",
    "Yugoslavia",
    "Outlying-US(Guam-USVI-etc)",
    "Hungary",
    "Honduras",
    "Scotland",
    "Holand-Netherlands",
)

VOCABULARIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "workclass": _WORKCLASSES,
        "education": EDUCATIONS,
        "marital_status": _MARITAL_STATUSES,
        "occupation": _OCCUPATIONS,
        "relationship": _RELATIONSHIPS,
        "race": _RACES,
        "sex": _SEXES,
        "native_country": _COUNTRIES,
    }
)
"""Categories by string column, the frequent ones first (educations: from low to high)."""

FEATURES = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
)
"""All feature columns, in the order of the files, where the label comes last."""

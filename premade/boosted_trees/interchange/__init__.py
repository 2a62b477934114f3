"""Models of XGBoost and LightGBM in, and ours out to them, without either being installed.

files          the four public functions
forests        from trees that split numbers to a forest that splits bins, and back
xgboost_json   a file of XGBoost to a `TreeModel`, and back
lightgbm_text  a file of LightGBM to a `TreeModel`, and back
trees          `TreeModel`, which both are turned into
"""

from premade.boosted_trees.interchange.files import export_lightgbm as export_lightgbm
from premade.boosted_trees.interchange.files import export_xgboost as export_xgboost
from premade.boosted_trees.interchange.files import import_lightgbm as import_lightgbm
from premade.boosted_trees.interchange.files import import_xgboost as import_xgboost

__all__ = ["export_lightgbm", "export_xgboost", "import_lightgbm", "import_xgboost"]

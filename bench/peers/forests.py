"""Pixel classification as ilastik, Labkit and others do it: trees on multi-scale filters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.lane import Options, Screen
from bench.memory import own_peak_mb
from bench.volumes import Task

SIGMA = (1.0, 16.0)
"""Finest and coarsest filter; scikit-image doubles from one to the other. The coarsest one tells
where in a small volume a voxel is: Dice on four hippocampi .59, against .50 up to σ = 8; nuclei
alike."""
TREES, LEAF = 100, 5
"""Balanced classes and five samples a leaf: .65 on the hippocampi, .59 with one and not balanced;
nuclei .879 against .884. Boosted trees: .69 balanced, .66 not; nuclei alike."""
CHUNK = 1 << 20
"""Voxels predicted at a time, to bound the memory of the probabilities."""


def random_forest(task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """Random forest of scikit-learn."""
    from sklearn.ensemble import RandomForestClassifier

    trees = RandomForestClassifier(
        TREES,
        min_samples_leaf=LEAF,
        class_weight="balanced",
        n_jobs=options.threads,
        random_state=options.seed,
    )
    return _classify(trees, task, options, screen)


def boosted_trees(task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """Histogram gradient boosting of scikit-learn."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(class_weight="balanced", random_state=options.seed)
    return _classify(trees, task, options, screen)


def _classify(trees: Any, task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """Filter, fit and predict once; the result then stays on the screen."""
    from joblib import parallel_config
    from skimage.feature import multiscale_basic_features

    image = np.moveaxis(task.volume.channels.astype(np.float32), 0, -1)
    annotated = task.annotation > 0
    low, high = SIGMA
    screen.ready()
    features: NDArray[np.float32] = multiscale_basic_features(
        image, sigma_min=low, sigma_max=high, workers=options.threads, channel_axis=-1
    )
    filtered = screen.seconds
    # A lane's process may have no children, so scikit-learn would predict in one thread otherwise.
    with parallel_config("threading"):
        trees.fit(features[annotated], task.annotation[annotated])
        fitted = screen.seconds
        rows = features.reshape(-1, features.shape[-1])
        chunks = [trees.predict(rows[i : i + CHUNK]) for i in range(0, len(rows), CHUNK)]
    screen.show(np.concatenate(chunks).astype(np.uint8).reshape(annotated.shape))
    predicted = screen.seconds
    return {
        "cores": screen.cores,
        "peak_memory_mb": own_peak_mb(),
        "filter_seconds": filtered,
        "fit_seconds": fitted - filtered,
        "predict_voxels_per_second": annotated.size / (predicted - fitted),
    }

"""Computes the golden results by the original authors' code, from the root of this project:

    python -m tests.golden.recompute --first_order_model CHECKOUT   (needs torch, scipy, tqdm)
    python -m tests.golden.recompute --paddlegan CHECKOUT           (needs paddlepaddle 2.6, numpy < 2, opencv, scipy)

CHECKOUT is a clone of AliaksandrSiarohin/first-order-model or of PaddlePaddle/PaddleGAN. Nothing is written unless
``--write`` is given: the largest differences to the stored results are printed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden import cases
from tests.golden.formula import Arrays

HERE = Path(__file__).parent
STEPS = 65535  # of pictures, which are stored in 16 bits
PICTURES = ("prediction", "deformed", "sparse_deformed")
Case = Callable[[], tuple[Arrays, dict[str, Any]]]


def packed(key: str, values: np.ndarray) -> np.ndarray:
    """As it is stored: pictures in 16 bits, other numbers in float32, norms in full."""
    if key.rsplit("/", 1)[-1] in PICTURES:
        return (np.clip(values, 0, 1) * STEPS).round().astype(np.uint16)
    whole = values.dtype == np.uint8 or key.startswith(("norms/", "moved/"))
    return values if whole else values.astype(np.float32)


def write(path: Path, arrays: Arrays, about: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]


def compare(path: Path, arrays: Arrays, about: dict[str, Any]) -> None:
    """Print how far the stored results are from these."""
    with np.load(path) as stored:
        assert set(stored.files) == {"about", *arrays}, set(stored.files) ^ {"about", *arrays}
        differences = {
            key: float(np.abs(stored[key].astype(float) - value.astype(float)).max(initial=0)) / scale
            for key, value in arrays.items()
            for scale in [STEPS if value.dtype == np.uint16 else 1]
        }
        before = json.loads(str(stored["about"]))
    worst = max(differences, key=differences.__getitem__)
    others = [key for key in about if about[key] != before.get(key)]
    print(f"{path.relative_to(HERE)}: largest difference {differences[worst]:.1e} ({worst}); differs: {others}")


def authors(checkout: Path) -> dict[str, Case]:
    from tests.golden import authors, training

    authors.open_checkout(checkout)
    made: dict[str, Case] = {f"authors/{name}": partial(authors.case, name) for name in cases.AUTHORS}
    return made | {f"training/{name}": partial(training.training, name) for name in cases.TRAININGS}


def paddlegan(checkout: Path, formats: bool) -> dict[str, Case]:
    from tests.golden import paddlegan, paddlegan_faces

    paddlegan.open_checkout(checkout)
    if formats:
        (HERE / "formats").mkdir(exist_ok=True)
        paddlegan_faces.write_formats(HERE / "formats")
    made: dict[str, Case] = {f"paddlegan/{name}": partial(paddlegan.case, name) for name in cases.PADDLEGAN}
    return made | {"paddlegan/faces": paddlegan_faces.faces}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first_order_model", type=Path, help="a clone of the authors' repository")
    parser.add_argument("--paddlegan", type=Path, help="a clone of PaddleGAN")
    parser.add_argument("--write", action="store_true", help="store the results instead of comparing")
    options = parser.parse_args()
    todo: dict[str, Case] = {}
    if options.first_order_model:
        todo |= authors(options.first_order_model.resolve())
    if options.paddlegan:
        todo |= paddlegan(options.paddlegan.resolve(), options.write)
    for name, make in todo.items():
        arrays, about = make()
        arrays = {key: packed(key, value) for key, value in arrays.items()}
        (write if options.write else compare)(HERE / f"{name}.npz", arrays, about)


if __name__ == "__main__":
    main()

"""Pictures of a folder get the motion of a driving video, by processes that Ray starts on one machine or a cluster.

    python ray_batch.py PICTURES DRIVER --output RESULTS

Every process holds the model and reads the driver once; whoever is free takes the next picture. All machines see the
folders by the same names. Results that are there are left alone, so a second call goes on where the first stopped.
Where the cluster has graphics cards, each process has one. Wants ``pip install ray``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import fom_core

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif"}


class Animator:
    """What one process holds: the model, the face detector, and how the driver moves."""

    def __init__(self, driver: Path, model: str) -> None:
        self.driver = driver
        self.model = fom_core.load_model(model)
        self.detector = fom_core.load_detector()
        with fom_core.VideoReader(driver) as frames:
            motion = fom_core.read_driver(self.model, frames, frames.fps, self.detector)
        self.motion = fom_core.smooth(motion, 0.15)

    def animate(self, picture: Path, result: Path) -> str | None:
        """Write a result, which appears when it is complete; gives what went wrong, in a line."""
        try:
            image = fom_core.read_picture(picture)
            found = fom_core.detect_faces(image, self.detector)
            if not len(found):
                return f"{picture}: no face was found."
            faces = fom_core.select_faces(found, None)  # the most prominent one
            with (
                fom_core.VideoReader(self.driver) as sound,
                fom_core.VideoWriter(result, sound.rate, audio_from=sound) as out,
            ):
                for frames in fom_core.animate_picture(self.model, image, faces, self.motion):
                    out.write(frames)
        except fom_core.FomError as error:
            return f"{picture}: {error}"
        return None


def jobs(pictures: Path, output: Path) -> list[tuple[Path, Path]]:
    """Every picture and its result, but for those that are there."""
    found = sorted(path for path in pictures.iterdir() if path.suffix.lower() in PICTURES)
    return [(path, output / f"{path.name}.mp4") for path in found if not (output / f"{path.name}.mp4").exists()]


def by_ray(driver: Path, todo: list[tuple[Path, Path]], model: str, cores: int) -> list[str]:
    """Do the jobs on all that the cluster has; gives what went wrong."""
    import ray  # noqa: PLC0415 # pyright: ignore[reportMissingImports]
    from ray.util import ActorPool  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

    ray.init(address=os.environ.get("RAY_ADDRESS"))
    have = ray.cluster_resources()
    cards = int(have.get("GPU", 0))
    count = min(len(todo), cards or max(1, int(have["CPU"]) // cores))
    actor = ray.remote(num_cpus=cores, num_gpus=1 if cards else 0)(Animator)
    pool = ActorPool([actor.remote(driver, model) for _ in range(count)])
    wrong = []
    for number, trouble in enumerate(pool.map_unordered(lambda one, job: one.animate.remote(*job), todo), 1):
        print(f"{number} of {len(todo)}{f': {trouble}' if trouble else ''}", file=sys.stderr)
        wrong += [trouble] if trouble else []
    ray.shutdown()
    return wrong


def main(argv: list[str] | None = None) -> int:
    """Animate all pictures; 0 if each gave a result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="a folder of pictures")
    parser.add_argument("driver", type=Path, metavar="DRIVER", help="a driving video")
    parser.add_argument("--output", type=Path, default=Path("results"), metavar="FOLDER", help="default: results")
    parser.add_argument("--model", default="mini", help="name from `fom weights list`, or a file (default: mini)")
    parser.add_argument("--cores", type=int, default=1, metavar="N", help="processor cores for a process (default: 1)")
    args = parser.parse_args(argv)
    pictures, driver, output = (path.resolve() for path in (args.pictures, args.driver, args.output))
    output.mkdir(parents=True, exist_ok=True)
    todo = jobs(pictures, output)
    return 1 if todo and by_ray(driver, todo, args.model, args.cores) else 0


if __name__ == "__main__":
    sys.exit(main())

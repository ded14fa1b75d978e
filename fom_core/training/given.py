"""What a command gives to a training: clips, features to compare pictures in; and whether that is enough."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UsageError
from ..faces.detectors.yunet import YuNetDetector
from ..files.paths import named_yaml, require_file
from ..networks import ModelConfig
from ..parallel.distributed import first_alone, rank
from ..weights.catalogue import catalogue, is_file
from ..weights.store import named_file, path_on_disk
from .config import load_config
from .data.clips import ClipEntry, find_entries, has_split, without_photographs
from .data.face_shape import known_meshes
from .data.frame_cache import FrameCache
from .data.given_meshes import given_mesh
from .data.matte import MatteFinder
from .data.mesh import MeshFinder
from .data.seen import tell_other_clips
from .data.stream import ClipData
from .journal import Stages, untold
from .perceptual import VggFeatures, read_weights
from .settings import TrainConfig

log = logging.getLogger(__name__)
MOST_VALIDATION_CLIPS = 24


@dataclass(frozen=True)
class TrainingInputs:
    """What a training or a compression is made from.

    config_path: the file that describes it, or the name of one that comes along, such as "mini" or "vox-256", of a
                 compression "mobile" or "prune". ``overrides`` change options of it (``train_params.batch_size=4``).
    data:        the folder with the clips; None: the file's ``root_dir``.
    yunet:       YuNet's file or name, which finds eyes and mouths; None: the one that is here, where losses want it.
    vgg:         VGG19's file or name, to compare pictures in; None: random features.
    mesh:        MediaPipe's ``face_landmark.tflite``, which finds the meshes of faces; None: losses of the mesh are
                 left out.
    matte:       MediaPipe's ``selfie_segmentation.tflite``, which finds the pixels of people; None: what is behind
                 them stays as it is.
    """

    config_path: str | Path
    data: str | Path | None = None
    overrides: Sequence[str] = ()
    yunet: str | Path | None = None
    vgg: str | Path | None = None
    mesh: str | Path | None = None
    matte: str | Path | None = None

    @property
    def config_name(self) -> str:
        """The name of the file that describes it."""
        return Path(self.config_path).name

    @property
    def files(self) -> list[str | Path]:
        """Those that are only read."""
        paths = (self.config_path, self.yunet, self.vgg, self.mesh, self.matte)
        return [path for path in paths if path is not None and is_file(path)]

    def named_in(self, folder: Path) -> TrainingInputs:
        """The same with the path of the file that describes it, which comes along in ``folder`` if it is a name.

        Raises UsageError with the names there are for what is neither a name nor a file.
        """
        path = named_yaml(folder, self.config_path)
        if not path.suffix and not path.exists():
            names = ", ".join(sorted(each.stem for each in folder.glob("*.yaml")))
            raise UsageError(f"No configuration is called {path}. There are {names}; or give a YAML file.")
        return replace(self, config_path=path)

    def config(self, teacher: ModelConfig | None = None) -> TrainConfig:
        """What the file describes, with the changes; see :func:`~.config.load_config`."""
        return load_config(Path(self.config_path), self.overrides, teacher)


def open_labeller(config: TrainConfig, inputs: TrainingInputs) -> YuNetDetector | None:
    """What finds eyes and mouths for losses and pairs that look at them: the given YuNet, else the one that is here.

    Without it these see no faces; a line says so.
    """
    yunet = inputs.yunet
    if config.streamed:
        if yunet is not None or config.needs_landmarks:
            log.warning(
                "%s reads pairs while it trains, and nobody looks for faces then: --yunet, pose_share and the "
                "loss weights anchor, mouth and eyes have no effect. Files with stages use them.", inputs.config_name,
            )  # fmt: skip
        return None
    if yunet is None and config.needs_landmarks:
        yunet = path_on_disk(catalogue()["yunet"])
        if yunet is None:
            log.warning(
                "%s looks at mouth, eyes and poses (loss weights anchor, mouth and eyes, pose_share), and what finds "
                "them is not here: all of a face counts alike, and no pairs are chosen by pose. Better: fom weights "
                "download yunet (0.3 MB), then begin anew.", inputs.config_name,
            )  # fmt: skip
    return None if yunet is None else YuNetDetector(named_file(yunet), threshold=0.5)


def open_mesh(
    config: TrainConfig, inputs: TrainingInputs, detector: YuNetDetector | None, clips: Sequence[ClipEntry] = ()
) -> MeshFinder | None:
    """What finds the meshes of faces; None where it is not given, with a line if the training asks for it.

    With meshes beside some of the ``clips`` the training has what it asks for.
    Raises MediaError for a file that is not there, UnsupportedModel for another one.
    """
    if config.streamed:
        if inputs.mesh is not None or config.needs_mesh:
            log.warning(
                "%s reads pairs while it trains, and nobody looks for meshes then: --mesh, the loss weight mesh and "
                "turn have no effect. Files with stages use them.", inputs.config_name,
            )  # fmt: skip
        return None
    if inputs.mesh is not None:
        if detector is None:
            log.warning(
                "--mesh finds no meshes without YuNet, which tells where faces are: give --yunet FILE, or fom weights "
                "download yunet (0.3 MB). Nothing is learnt from meshes."
            )
        return MeshFinder(Path(inputs.mesh))
    if config.needs_mesh and not any(given_mesh(clip.path) for clip in clips):
        log.warning(
            "%s learns motion from the meshes of faces (loss weight mesh, turn in augmentation_params), and what finds "
            "them is not given: pictures alone tell it. Better: --mesh face_landmark.tflite, out of a wheel of "
            "mediapipe 0.10.14.", inputs.config_name,
        )  # fmt: skip
    return None


def open_matte(config: TrainConfig, inputs: TrainingInputs, detector: YuNetDetector | None) -> MatteFinder | None:
    """What finds the pixels of people; None where it is not given, with a line if the training asks for it.

    Raises MediaError for a file that is not there, UnsupportedModel for another one.
    """
    if config.streamed:
        if inputs.matte is not None or config.needs_matte:
            log.warning(
                "%s reads pairs while it trains, and nobody looks for people then: --matte, layered and behind have no "
                "effect. Files with stages use them.", inputs.config_name,
            )  # fmt: skip
        return None
    if inputs.matte is not None:
        if not config.needs_matte:
            log.warning("--matte has no effect: layered and behind of %s are 0.", inputs.config_name)
        elif detector is None:
            log.warning(
                "--matte is of no use without YuNet, which tells whether the person in it has the face: give --yunet "
                "FILE, or fom weights download yunet (0.3 MB). Backgrounds stay as they are."
            )
        return MatteFinder(Path(inputs.matte))
    if config.needs_matte:
        log.warning(
            "%s changes what is behind people (layered and behind in augmentation_params), and what finds people is "
            "not given: backgrounds stay, and turn with heads. Better: --matte selfie_segmentation.tflite, out of a "
            "wheel of mediapipe 0.10.14.", inputs.config_name,
        )  # fmt: skip
    return None


def clip_folder(config: TrainConfig, inputs: TrainingInputs) -> Path:
    """The folder with the clips, which the command or the file names. Raises UsageError when neither does."""
    if inputs.data is None and config.dataset.root_dir is None:
        raise UsageError(f"{inputs.config_name} has no dataset_params.root_dir. Give the folder with the clips.")
    return Path(config.dataset.root_dir or "") if inputs.data is None else Path(inputs.data)


def open_features(config: TrainConfig, inputs: TrainingInputs) -> VggFeatures | None:
    """The features of a VGG's file or name; None: random ones.

    Raises UsageError unless there is a loss weight for each of its layers.
    """
    if inputs.vgg is None:
        return None
    if not _compares(config):
        log.warning("--vgg has no effect: the loss weights perceptual of %s are 0.", inputs.config_name)
    features = VggFeatures.from_state_dict(read_weights(named_file(inputs.vgg), "The VGG file"))
    layers = {len(stage.weights.perceptual) for stage in config.stages if any(stage.weights.perceptual)}
    if layers - {len(features.stages)}:
        raise UsageError(
            f"With --vgg, pictures are compared in {len(features.stages)} layers, and {inputs.config_name} has "
            f"{min(layers)} weights for them. Give -o train_params.loss_weights.perceptual=[10,10,10,10,10]."
        )
    return features


def random_features(config: TrainConfig) -> VggFeatures:
    """What pictures are compared in where no VGG is given; a line says so."""
    if _compares(config) and not rank():
        log.info("Pictures are compared in random features. In a VGG's, as the authors do: --vgg vgg19.")
    return VggFeatures(config.perceptual_widths, config.seed)


def _compares(config: TrainConfig) -> bool:
    return any(any(stage.weights.perceptual) for stage in config.stages)


@dataclass(frozen=True)
class FoundClips:
    """The clips to learn from, and those for figures; None where the data set sets none apart."""

    train: list[ClipEntry]
    val: list[ClipEntry] | None


def find_clips(config: TrainConfig, inputs: TrainingInputs) -> FoundClips:
    """The clips of a training, before anything is decoded.

    Raises UsageError where no folder is named, MediaError where there is nothing to learn from, or nothing of what is
    set apart for figures, and for weights that are no file.
    """
    for what, path in (("YuNet", inputs.yunet), ("VGG19", inputs.vgg), ("mesh", inputs.mesh), ("matte", inputs.matte)):
        if is_file(path):
            require_file(path, f"The {what} file")
    folder, classes = clip_folder(config, inputs), config.dataset.licence_classes
    train = find_entries(folder, "train", classes)
    if not config.streamed:  # else strips have frames of any shape
        train = without_photographs(folder, train)
    return FoundClips(train, find_entries(folder, "val", classes) if has_split(folder, "val") else None)


def open_clips(
    config: TrainConfig,
    found: FoundClips,
    output: Path,
    detector: YuNetDetector | None,
    stages: Stages = untold,
    *,
    mesh: MeshFinder | None = None,
    matte: MatteFinder | None = None,
) -> tuple[FrameCache | ClipData, FrameCache | None]:
    """The training clips, decoded into ``output`` or to be read on the way, and decoded ones for validation.

    ``stages`` is told of the decoding.
    """

    def decoded(name: str, entries: list[ClipEntry]) -> FrameCache:
        with stages(f"decoding clips ({name})", "clips") as progress:
            folder = output / f"frames-{name}"
            cache = FrameCache.build(folder, entries, size, detector, progress, mesh=mesh, matte=matte)
        if cache.mesh is not None:
            found = int(known_meshes(cache.mesh).sum())
            log.info("%s: %d of %d frames show a face whose mesh is known.", name, found, len(cache.frames))
        return cache

    oversize = 1.0 if config.streamed else config.dataset.oversize
    size = max(round(stage.model.image_size[0] * oversize) for stage in config.stages)
    clips: FrameCache | ClipData = ClipData(found.train, config.dataset, output / "packs")
    validation = None
    with first_alone():
        if not config.streamed:
            clips = decoded("train", found.train)
        if not rank():
            tell_other_clips(output, clips.entries)
        if found.val is not None:
            entries = found.val
            if config.streamed:  # a glance while training; `fom evaluate` looks at all
                entries = entries[:: -(-len(entries) // MOST_VALIDATION_CLIPS)]
            validation = decoded("val", entries)
    return clips, validation

"""Makes a right file of every kind, in a folder of its own with what belongs beside it."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import torch

from fom_core.backends.package import MANIFEST, STREAMING, ExportedPart, Package, Variant, write_manifest
from fom_core.files.paths import CONFIGS
from fom_core.media import write_picture
from fom_core.motion import save_motion
from fom_core.networks.model import MotionModel
from fom_core.training.checkpoint import save_checkpoint
from fom_core.training.data.clips import encode_frame, packed
from fom_core.training.data.frame_cache import CachedClip
from fom_core.types import Keypoints, Motion
from fom_core.weights.foreign import save_foreign
from fom_core.weights.load import save_model

from .specimens import KINDS, MODEL, PICTURE, feed, trainer

ENCODERS = {
    ".mp4": ["-c:v", "libx264", "-c:a", "aac"],
    ".mkv": ["-c:v", "libx264", "-c:a", "flac"],
    ".mov": ["-c:v", "mjpeg", "-c:a", "pcm_s16le"],
    ".webm": ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"],
    ".avi": ["-c:v", "mpeg4", "-c:a", "mp3"],
    ".ts": ["-c:v", "mpeg2video", "-c:a", "mp2"],
    ".gif": [],
}
TEXTS = {
    "jobs.jsonl": '{"source_image": "a.jpg", "driving_video": ["b.mp4"], "output": "c.mp4", "gain": 1.5, "cpu": true}\n'
    '{"source_image": "d.png", "motion": "e.safetensors", "faces": "1,2", "smoothing": 0.2, "mask": "soft"}\n',
    "index.csv": "file,kind,split,identity,licence_class\na.mp4,video,val,a,permissive\nb.png,still,train,b,other\n",
    "pairs.csv": "source,driving\na.mp4,b.mp4\nb.mp4,a.mp4\n",
    "clips.csv": "video_id,start,end,bbox,fps,width,height,person_id\n"
    "abc,0,120,12-20-240-260,25.0,640,480,id1\ndef,5,99,0-0-100-100,29.97,320,240,id2\n",
    "log.jsonl": '{"step": 1, "perceptual": 12.5, "l1": 0.25}\n{"step": 2, "perceptual": 11.5, "l1": NaN}\n',
}


def make_all(folder: Path, model: MotionModel) -> None:
    """A folder for each of :data:`KINDS` with the file named there, and what commands take beside it."""
    save_model(model, folder / MODEL)
    picture = np.random.default_rng(0).integers(0, 255, (64, 80, 3), np.uint8)
    picture[16:48, 20:60] = 90
    write_picture(folder / PICTURE, picture)
    (folder / "empty").mkdir()
    for name, kind in KINDS.items():
        (folder / name / kind.file).parent.mkdir(parents=True)
    _weights(folder, model)
    _documents(folder, model)
    for name in ("frames", "landmarks", "clips.json"):
        _cache(folder / name, picture)
    _checkpoint(folder)
    _pictures(folder, picture)
    for suffix, words in ENCODERS.items():
        _video(folder / f"{suffix[1:]} video" / f"a{suffix}", words)
    for name in [name for name, kind in KINDS.items() if not (folder / name / kind.file).is_file()]:
        assert name in {"avif", "exr", "gif", "jp2"}, name  # not every build of OpenCV writes these


def _weights(folder: Path, model: MotionModel) -> None:
    states = {"generator": model.generator.state_dict(), "kp_detector": model.keypoint_detector.state_dict()}
    arrays = {
        net: {
            key.replace("running_mean", "_mean").replace("running_var", "_variance"): value.numpy()
            for key, value in state.items()
            if value.is_floating_point()
        }
        for net, state in states.items()
    }
    pairs = {net: {key: (f"p_{key}", value) for key, value in state.items()} for net, state in arrays.items()}
    flat = {f"module.{net}.{key}": value for net, state in states.items() for key, value in state.items()}
    torch.save({**states, "epoch": 7}, folder / "torch zip" / "tiny.pth.tar")
    torch.save(states, folder / "torch legacy" / "tiny.pth", _use_new_zipfile_serialization=False)
    torch.save(flat, folder / "torch flat" / "flat.pth.tar")
    (folder / "paddle" / "tiny.pdparams").write_bytes(pickle.dumps({**arrays, "StructuredToParameterName@@": {}}, 4))
    (folder / "paddle pairs" / "pairs.pdparams").write_bytes(pickle.dumps(pairs, 2))
    save_model(model, folder / "safetensors" / "tiny.safetensors")
    save_model(model, folder / "safetensors int8" / "int8.safetensors", int8=True)


def _documents(folder: Path, model: MotionModel) -> None:
    for name in ("vox-256.yaml", "mini.yaml", "compress/mobile.yaml"):
        kind = next(each for each, kind in KINDS.items() if kind.file == Path(name).name)
        shutil.copy(CONFIGS / name, folder / kind)
    save_foreign(model, folder / "PaddleGAN YAML" / "tiny.pdparams")
    for name, text in TEXTS.items():
        kind = next(each for each, kind in KINDS.items() if kind.file == name)
        (folder / kind / name).write_text(text, encoding="utf-8")
    (folder / "pairs.csv" / "a.mp4").touch()
    (folder / "pairs.csv" / "b.mp4").touch()
    place = folder / "model.json"
    parts = {}
    for name in STREAMING:
        (place / f"{name}.onnx").write_bytes(b"a graph")
        variant = Variant.of(place / f"{name}.onnx", {"value": 1e-6})
        parts[name] = ExportedPart({"image": ["batch", 3, 64, 64]}, {"value": ["batch", 4, 2]}, {"float32": variant})
    write_manifest(Package("tiny", model.config, 17, parts, "a clip", {"int8": ["too far off"]}), place / MANIFEST)
    values = torch.linspace(-0.5, 0.5, 5 * 4 * 2).reshape(5, 4, 2)
    keypoints = Keypoints(values, torch.eye(2).expand(5, 4, 2, 2).contiguous())
    motion = Motion(keypoints, 25.0, "tiny", (64, 64), {"source": "a clip"}, (True,) * 5)
    save_motion(motion, folder / "motion" / "m.safetensors")


def _cache(folder: Path, picture: np.ndarray) -> None:
    np.save(folder / "frames.npy", np.stack([picture[:, :64]] * 6))
    np.save(folder / "landmarks.npy", np.full((6, 5, 2), np.nan, np.float32))
    clips = [CachedClip("a", "a", "video", 0, 4), CachedClip("b", "b", "video", 4, 2)]
    (folder / "clips.json").write_text(json.dumps([asdict(clip) for clip in clips]), encoding="utf-8")


def _checkpoint(folder: Path) -> None:
    training, pairs = trainer(folder / MODEL), feed(folder / MODEL)
    for parameter in training.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for optimizer in training.optimizers.values():
        optimizer.step()
    state = training.state() | {"feeds": [pairs.state()]}
    for name in ("checkpoint weights", "checkpoint state", "checkpoint notes"):
        save_checkpoint(folder / name, 2, training.weights(), state, about={"score": 0.5, "losses": {"l1": 0.25}})


def _pictures(folder: Path, picture: np.ndarray) -> None:
    alpha = np.dstack([picture, picture[..., 0]])
    deep = {".png": alpha.astype(np.uint16) * 257, ".webp": alpha, ".hdr": picture.astype(np.float32) / 255}
    deep |= {".pfm": deep[".hdr"], ".exr": deep[".hdr"], ".pgm": picture[..., 0], ".tiff": alpha}
    for name, kind in KINDS.items():
        suffix = Path(kind.file).suffix
        if kind.file == f"a{suffix}" and not kind.costly:
            _encode(folder / name / kind.file, suffix, deep.get(suffix, picture))
    write_picture(folder / "strip" / "strip.png", np.concatenate([picture[:, :64]] * 4, axis=1))
    packed([encode_frame(picture, ".jpg"), encode_frame(picture, ".png")]).tofile(folder / "pack" / "a.pack")


def _encode(path: Path, suffix: str, pixels: np.ndarray) -> None:
    try:
        made, data = cv2.imencode(suffix, pixels)
    except cv2.error:
        return
    if made:
        path.write_bytes(data.tobytes())


def _video(path: Path, words: list[str]) -> None:
    inputs = ["-f", "lavfi", "-i", "testsrc=size=96x64:rate=25:duration=0.5"]
    inputs += ["-f", "lavfi", "-i", "sine=frequency=440:duration=0.5"] if words else []
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *inputs, *words, str(path)]
    subprocess.run(command, check=True)
